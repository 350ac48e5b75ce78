"""Train with two workers of Ray Train, as the guide shows it, and compare with two processes.

    python -m tests.reliability.ray_train [--updates 100]

Needs the package ``ray[train]``. The cluster is of one machine.
"""
# ruff: noqa: T201

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.reliability.disturbed import World
from tests.tiny import ROOT, command, environment


def main() -> int:
    """Run the script of docs/howto/hosts.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mt-ray-train-") as name:
        world = World(Path(name), asked.updates)
        page = (ROOT / "docs/howto/hosts.md").read_text(encoding="utf-8")
        [script] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        call = command("train", world.recipe, "--out", world.run("workers"), "--device", "cpu")
        for shown, here in {
            '["mt", "train", "/shared/recipe.yaml", "--out", "/shared/run", "--resume"]': repr(
                call
            ),
            "use_gpu=True": "use_gpu=False",
            "/shared/ray": f"{name}/storage",
        }.items():
            assert shown in script, shown
            script = script.replace(shown, here)
        ray = {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment() | ray,
            check=False, capture_output=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        if done.returncode:
            print(done.stdout[-3000:], done.stderr[-3000:])
            return 1
        found = world.compare("workers")
    print(f"two workers of Ray on {os.cpu_count()} cores: {found.told}")
    return int(not found.kept)


if __name__ == "__main__":
    sys.exit(main())
