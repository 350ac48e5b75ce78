"""Measure whether several processes of few threads train faster than one of many on these cores.

    python -m benchmarks.processes [--sizes tiny small base] [--rounds 3] [--output FILE.md]

Each measurement trains by ``mt train``'s own loop, on random tokens in lengths like Multi30k's:
one process with a thread for every core, as many processes as cores with a thread each, and these
pinned to a core each. They take turns, and ratios are formed within a round. All is measured
alone, and beside a busy process of lowest priority, as a laptop or a shared machine has.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.harness import (
    ROOT,
    Contender,
    Contest,
    facts,
    middle,
    our_command,
    our_environment,
    say,
    table,
    write_record,
)

ONE = "one process"
WORK = {"tiny": (4096, 40, 10), "small": (4096, 15, 3), "base": (1024, 5, 2)}
"""For each size of ``ours.py``: tokens of a batch, updates that count, and updates before."""


@contextlib.contextmanager
def neighbour() -> Iterator[None]:
    """Keep a core busy inside the block, by a process of lowest priority."""
    program = "import os\nos.nice(19)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", program]) as busy:
        try:
            yield
        finally:
            busy.kill()


PLACES: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "": contextlib.nullcontext,
    ", beside a busy neighbour": neighbour,
}
"""Where all is measured, as titles end, and what makes it so."""


def contest(options: argparse.Namespace, size: str, place: str) -> Contest:
    """Set up one process, and several."""
    tokens, steps, warmup = WORK[size]
    common = [
        "train", "--size", size, "--batch-tokens", str(tokens),
        "--steps", str(steps), "--warmup", str(warmup),
    ]  # fmt: skip
    cores = options.cores
    several = [*common, "--processes", str(cores)]
    contenders = [
        Contender(ONE, our_command(*common), our_environment(cores)),
        Contender(f"{cores} processes", our_command(*several), our_environment(1)),
        Contender(f"{cores} processes, pinned", our_command(*several, "--pin"), our_environment(1)),
    ]
    title = f"{size}, batches of {tokens:,} tokens{place}"
    return Contest(title, ONE, "tokens_per_s", contenders)


def describe(contest: Contest) -> str:
    """Write the table of one size."""
    head = [
        "processes", "threads of each", "tokens/s, median (range)", "× one process, per round",
        "seconds an update", "peak memory of each, MB",
    ]  # fmt: skip
    rows = [
        [
            contender.name,
            contender.environment["OMP_NUM_THREADS"],
            middle(contest.values(contender.name, "tokens_per_s")),
            f"**{middle(contest.ratios(contender.name), 2)}**",
            middle(contest.values(contender.name, "s_per_step"), 3),
            middle(contest.values(contender.name, "peak_rss_mb")),
        ]
        for contender in contest.contenders
    ]
    return f"## {contest.title}\n\n{table(head, rows)}\n\n"


def main() -> None:
    """Measure, writing the record after each round."""
    options = _parser().parse_args()
    about = facts(options.cores)
    about["threads of every process"] = "as in the tables"
    contests = {
        (size, place): contest(options, size, place) for size in options.sizes for place in PLACES
    }
    for number in range(1, options.rounds + 1):
        for (_, place), each in contests.items():
            with PLACES[place]():
                each.run_round(options.timeout)
        about["rounds"] = f"{number} of {options.rounds}"
        text = "".join(map(describe, contests.values())).strip()
        write_record(
            options.output, "One process or several on a CPU", about, [*contests.values()], text
        )
        say(f"round {number}: written to {options.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="One process or several on a CPU.")
    parser.add_argument("--sizes", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="that are used")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds a run may take")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    output = ROOT / f"benchmarks/results/{day}-processes.md"
    parser.add_argument("--output", type=Path, default=output)
    return parser


if __name__ == "__main__":
    main()
