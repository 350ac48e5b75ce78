"""Measure what ``mt evaluate`` costs on a large text, beside the ``sacrebleu`` command line.

    python -m benchmarks.evaluation [--lines 100000] [--rounds 3] [--output FILE.md]

Both read the same two files: the phrasebook's test references over and over, and the same lines
with some words replaced. Ours draws 1,000 resamples for the interval; sacreBLEU draws none, as its
own interval holds all resamples at once.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks.harness import (
    ROOT,
    Contender,
    Contest,
    facts,
    middle,
    our_environment,
    say,
    table,
    write_record,
)

OURS, THEIRS = "mt evaluate, with its interval", "sacrebleu, without one"
TIMEOUT = 600.0
"""Seconds a process may take."""


def write_texts(folder: Path, lines: int) -> tuple[Path, Path]:
    """Write a hypothesis and a reference of so many lines."""
    with zipfile.ZipFile(ROOT / "data/phrasebook/phrasebook.zip") as archive:
        known = archive.read("test.de").decode().splitlines()
    truth = [known[number % len(known)] for number in range(lines)]
    guess = [
        line.replace("ist", "sei") if number % 3 else line.replace("die", "der")
        for number, line in enumerate(truth)
    ]
    paths = folder / "hypothesis", folder / "reference"
    for path, text in zip(paths, (guess, truth), strict=True):
        path.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return paths


def measure(command: list[str], lines: int) -> None:
    """Run a command to its end, and print what it took as a line of JSON."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"lines a second": lines / seconds, "seconds": seconds, "peak_rss_mb": peak}))


def main() -> None:
    """Measure, round by round, and write or print the table."""
    options = _parser().parse_args()
    if options.measure:
        measure(options.measure, options.lines)
        return
    about = facts(1)
    about["text"] = f"{options.lines:,} lines of the phrasebook's German"
    with tempfile.TemporaryDirectory() as folder:
        guess, truth = map(str, write_texts(Path(folder), options.lines))
        commands = {
            OURS: [
                "mt",
                "evaluate",
                "--hypothesis",
                guess,
                "--reference",
                truth,
                "--metric",
                "bleu",
            ],
            THEIRS: ["sacrebleu", truth, "--input", guess],
        }
        wrapper = [sys.executable, "-m", "benchmarks.evaluation", "--lines", str(options.lines)]
        contenders = [
            Contender(
                name, [*wrapper, "--measure", sys.executable, "-m", *command], our_environment(1)
            )
            for name, command in commands.items()
        ]
        contest = Contest("BLEU", THEIRS, "lines a second", contenders)
        for _ in range(options.rounds):
            contest.run_round(TIMEOUT)
    rows = [
        [
            name,
            middle(contest.values(name, "seconds"), 1),
            middle([1 / ratio for ratio in contest.ratios(name)], 2),
            middle(contest.values(name, "peak_rss_mb")),
        ]
        for name in commands
    ]
    head = [
        "command",
        "seconds, median (range)",
        "× sacrebleu's, within a round",
        "peak memory, MB",
    ]
    text = table(head, rows)
    if options.output:
        write_record(options.output, "What scoring a large text costs", about, [contest], text)
        say(f"written: {options.output}")
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What scoring a large text costs.")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument("--measure", nargs=argparse.REMAINDER, help="one measurement, as JSON")
    return parser


if __name__ == "__main__":
    main()
