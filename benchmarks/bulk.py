"""Measure bulk translation beside `mt translate`, and with workers that are killed.

    python -m benchmarks.bulk --model MODEL --text TEXT [--lines 1000000] [--workers 2]
        [--kills 20] [--shard-size 2] [--output FILE.md]

The lines of ``TEXT`` are repeated until there are enough. Three jobs in turn: two or more `mt
translate` at once, each on a part of the text; `mt bulk translate` with as many workers; the same
while workers are killed at random moments, which is begun again until all is done. On a machine
that others use, seconds of CPU count.
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import facts, say, table, write_record


class Cost(NamedTuple):
    """What processes took."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """Seconds of all their cores, killed ones included."""


class Clock:
    """Measures what is run in its block, and all its children."""

    def __enter__(self) -> "Clock":
        self._wall, self._cpu = time.monotonic(), _children()
        return self

    def __exit__(self, *_: object) -> None:
        self.cost = Cost(time.monotonic() - self._wall, _children() - self._cpu)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """Call the command line, each process on one thread."""
    return subprocess.Popen(
        [sys.executable, "-m", "mt", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def several(model: Path, parts: Sequence[Path]) -> Cost:
    """Translate each part by a process of its own, all at once."""
    with Clock() as clock:
        for process in [
            start("translate", model, part, "--output", f"{part}.out", "--device", "cpu")
            for part in parts
        ]:
            assert process.wait() == 0, process.args
    return clock.cost


def bulk(job: Sequence[object], kills: int = 0, pause: float = 0) -> tuple[Cost, int]:
    """Translate in bulk; while workers are killed, again until all is done.

    Args:
        job: The arguments.
        kills: How many workers are killed.
        pause: Mean seconds between two of them.

    Returns:
        The cost, and how often the command was given.
    """
    draw, calls = random.Random(1), 0
    with Clock() as clock:
        while True:
            calls += 1
            process = start(*job)
            while kills and process.poll() is None:
                time.sleep(draw.expovariate(1 / pause))
                if workers := list(_workers(process.pid)):
                    os.kill(draw.choice(workers), signal.SIGKILL)
                    kills -= 1
            if process.wait() == 0:
                break
            assert process.returncode == 2, process.args
    return clock.cost, calls


def _workers(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text(encoding="ascii").split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield int(child)


def content(folder: Path) -> bytes:
    """Return all shards, one behind the other."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.txt")))


def measure(folder: Path, options: argparse.Namespace) -> str:
    """Run the jobs, and show what they took."""
    lines = options.text.read_text(encoding="utf-8").splitlines(keepends=True)
    lines = list(islice(cycle(lines), options.lines))
    text = folder / "text.txt"
    text.write_text("".join(lines), encoding="utf-8")
    size = -(-len(lines) // options.workers)
    parts = [folder / f"part{number}" for number in range(options.workers)]
    for number, part in enumerate(parts):
        part.write_text("".join(lines[number * size : (number + 1) * size]), encoding="utf-8")

    def job(name: str) -> list[object]:
        more = ["--workers", options.workers, "--shard-size", options.shard_size]
        return ["bulk", "translate", options.model, text, folder / name, *more]

    plain = several(options.model, parts)
    say(f"mt translate: {plain}")
    whole, _ = bulk(job("whole"))
    say(f"mt bulk translate: {whole}")
    pause = whole.wall / (options.kills + 1)
    killed, calls = bulk(job("killed"), options.kills, pause)
    say(f"killed: {killed}")
    assert content(folder / "whole") == content(folder / "killed")
    assert content(folder / "whole").count(b"\n") == len(lines)
    together = b"".join(Path(f"{part}.out").read_bytes() for part in parts)
    pairs = zip(content(folder / "whole").split(b"\n"), together.split(b"\n"), strict=True)
    other = sum(ours != theirs for ours, theirs in pairs)
    rows = [
        [name, f"{cost.wall:,.1f}", f"{cost.cpu:,.1f}", f"{len(lines) / cost.cpu:,.0f}",
         f"{plain.cpu / cost.cpu:.2f}"]
        for name, cost in [
            (f"{options.workers} × `mt translate`, each a part", plain),
            (f"`mt bulk translate --workers {options.workers}`", whole),
            (f"the same, {options.kills} workers killed, {calls} calls", killed),
        ]
    ]  # fmt: skip
    head = ["job", "seconds", "seconds of CPU", "lines a second of CPU", "beside the first"]
    return (
        f"{table(head, rows)}\n\nThe shards of the job with kills are those of the one without, "
        f"byte for byte. Of {len(lines):,} lines, {other:,} are translated otherwise by `mt "
        "translate`, whose lines have other company in a batch."
    )


def main() -> None:
    """Measure, and write or print the record."""
    parser = argparse.ArgumentParser(description="Measure bulk translation.")
    parser.add_argument("--model", type=Path, required=True, help="a run or a bundle")
    parser.add_argument("--text", type=Path, required=True, help="a line for each sentence")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--shard-size", type=float, default=2, help="MB")
    parser.add_argument("--output", type=Path, help="where the record goes")
    options = parser.parse_args()
    about = facts(1)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options)
    if options.output:
        write_record(options.output, "Bulk translation", about, [], found)
    say(found)


if __name__ == "__main__":
    main()
