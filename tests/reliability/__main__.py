"""Run loops by hand, and print what they saw."""
# ruff: noqa: T201

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.reliability.loops import LOOPS


def main() -> int:
    """Run the loops that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("loops", nargs="*", metavar="LOOP", help=f"of {', '.join(LOOPS)}; or all")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logging.getLogger("mt").setLevel(logging.ERROR)  # odd lines have many warnings
    broken = 0
    for name in asked.loops or LOOPS:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            found = LOOPS[name](Path(folder), asked.rounds, asked.seed)
            print(f"{name}: {found} ({time.monotonic() - began:.0f} s)", flush=True)
            for line in found.broken:
                print(f"  {line}", flush=True)
            broken += len(found.broken)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
