"""Kill workers and whole jobs of bulk translation: every line is there once, in its order."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.reliability.common import Found
from tests.tiny import command, environment

LINES = 2_000
"""Of each job."""


def bulk(folder: Path, rounds: int, seed: int) -> Found:
    """Kill each of some jobs up to four times, at random moments: a worker, or all of it."""
    found, draw = Found(), random.Random(seed)
    text = write_text(folder / "text", LINES, draw)
    whole = Job(BUNDLE, text, folder / "whole")
    began = time.monotonic()
    found.check(whole.end() == 0, "undisturbed", f"{whole.output}: not finished")
    longest = time.monotonic() - began
    for number in range(rounds):
        disturb(Job(BUNDLE, text, folder / f"job{number}"), whole, longest, draw, found)
    return found


def disturb(job: "Job", whole: "Job", longest: float, draw: random.Random, found: Found) -> None:
    """Kill a job a few times, let it end, and compare it with one that nobody disturbed."""
    for _ in range(draw.randint(1, 4)):
        job.start()
        time.sleep(draw.uniform(0, 0.7 * longest))
        victims = [*workers_of(job.process.pid), job.process.pid]
        found.add("kills of workers" if kill(draw.choice(victims), job) else "kills of jobs")
        if draw.random() < 0.5:
            job.process.kill()
        job.process.wait()
    for _ in range(3):  # a worker may have been killed in the last one, too
        if (code := job.end()) == 0:
            break
    found.check(
        code == 0 and job.content() == whole.content(), "jobs as undisturbed",
        f"{job.output}: another result, code {code}",
    )  # fmt: skip
    left = [path.name for path in job.output.glob(".*")]
    found.check(not left, "clean", f"{job.output}: left behind {left}")


def kill(victim: int, job: "Job") -> bool:
    """Kill a process, and say whether it was a worker."""
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(victim, signal.SIGKILL)
    return victim != job.process.pid


class Job:
    """A call of ``mt bulk translate`` with two workers, which may be given again."""

    def __init__(self, model: Path, text: Path, output: Path, shard_size: float = 0.002) -> None:
        """Spell it."""
        self.output = output
        self.arguments = command(
            "bulk", "translate", model, text, output, "--workers", 2, "--shard-size", shard_size
        )
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            self.arguments, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def end(self) -> int:
        """Run it to its end."""
        self.start()
        return self.process.wait()

    def content(self) -> dict[str, bytes]:
        """Return the shards that there are."""
        return {path.name: path.read_bytes() for path in self.output.glob("*.txt")}


def workers_of(job: int) -> list[int]:
    """List the processes that work for a job, by the number of its own."""
    children = Path(f"/proc/{job}/task").glob("*/children")
    return [
        int(child)
        for path in children
        for child in path.read_text().split()
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def write_text(path: Path, lines: int, draw: random.Random) -> Path:
    """Write sentences of the invented language that the frozen bundle knows."""
    known = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]
    words = sorted({word for line in known for word in line.split()})
    with path.open("w", encoding="utf-8") as file:
        for _ in range(lines):
            file.write(" ".join(draw.choices(words, k=draw.randint(1, 5))) + "\n")
    return path
