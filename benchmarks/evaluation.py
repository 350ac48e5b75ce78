"""Measure what scoring and comparing cost, beside the ``sacrebleu`` command line.

    python -m benchmarks.evaluation [--lines 100000] [--paired 3000] [--rounds 3] [--output FILE.md]

All read the same files: the phrasebook's test references over and over, and the same lines with
some words replaced. Scoring a large text with BLEU, ours draws 1,000 resamples for the interval;
sacreBLEU draws none, as its own interval holds all resamples at once. Comparing two translations
with BLEU and chrF, ours makes both paired tests and all tables in one run; sacreBLEU makes a test a
run.
"""

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness import (
    ROOT,
    Contender,
    Contest,
    facts,
    measure_command,
    middle,
    our_environment,
    say,
    table,
    write_record,
)

SCORING = "mt evaluate, with its interval", "sacrebleu, without one"
COMPARING = "mt compare, both tests", "sacrebleu --paired-bs", "sacrebleu --paired-ar"
TIMEOUT = 600.0
"""Seconds a process may take."""


def write_texts(folder: Path, lines: int) -> list[str]:
    """Write two hypotheses and a reference of so many lines."""
    with zipfile.ZipFile(ROOT / "data/phrasebook/phrasebook.zip") as archive:
        known = archive.read("test.de").decode().splitlines()
    truth = [known[number % len(known)] for number in range(lines)]
    guesses = [
        [
            line.replace("ist", "sei") if number % every else line.replace("die", "der")
            for number, line in enumerate(truth)
        ]
        for every in (3, 2)
    ]
    paths = [folder / f"{name}-{lines}" for name in ("hypothesis", "rival", "reference")]
    for path, text in zip(paths, (*guesses, truth), strict=True):
        path.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return list(map(str, paths))


def main() -> None:
    """Measure, round by round, and write or print the table."""
    options = _parser().parse_args()
    if options.measure:
        measure_command(options.measure, options.lines)
        return
    about = facts(1)
    about["text"] = "the phrasebook's German"
    with tempfile.TemporaryDirectory() as folder:
        guess, _, truth = write_texts(Path(folder), options.lines)
        ours = ["mt", "evaluate", "--hypothesis", guess, "--reference", truth, "--metric", "bleu"]
        theirs = ["sacrebleu", truth, "--input", guess]
        scoring = _contest("BLEU", options.lines, dict(zip(SCORING, (ours, theirs), strict=True)))
        guess, rival, truth = write_texts(Path(folder), options.paired)
        ours = ["mt", "compare", guess, rival, "--reference", truth]
        theirs = ["sacrebleu", truth, "-i", guess, rival, "-m", "bleu", "chrf", "-f", "text"]
        commands = ours, [*theirs, "--paired-bs"], [*theirs, "--paired-ar"]
        comparing = _contest(
            "BLEU and chrF", options.paired, dict(zip(COMPARING, commands, strict=True))
        )
        for _ in range(options.rounds):
            scoring.run_round(TIMEOUT)
            comparing.run_round(TIMEOUT)
    text = "\n\n".join(
        [
            f"Scoring {options.lines:,} lines:",
            _table(scoring, SCORING),
            f"Comparing two translations of {options.paired:,} lines:",
            _table(comparing, COMPARING),
        ]
    )
    if options.output:
        contests = [scoring, comparing]
        write_record(options.output, "What scoring and comparing cost", about, contests, text)
        say(f"written: {options.output}")
    print(text)


def _contest(task: str, lines: int, commands: Mapping[str, Sequence[str]]) -> Contest:
    """Prepare commands to run in turn, each as a module of Python; the second is the peer."""
    wrapper = [sys.executable, "-m", "benchmarks.evaluation", "--lines", str(lines)]
    contenders = [
        Contender(name, [*wrapper, "--measure", sys.executable, "-m", *command], our_environment(1))
        for name, command in commands.items()
    ]
    return Contest(task, contenders[1].name, "lines a second", contenders)


def _table(contest: Contest, names: Sequence[str]) -> str:
    rows = [
        [
            name,
            middle(contest.values(name, "seconds"), 1),
            middle([1 / ratio for ratio in contest.ratios(name)], 2),
            middle(contest.values(name, "peak_rss_mb")),
        ]
        for name in names
    ]
    times = f"× {names[1]}, within a round"
    return table(["command", "seconds, median (range)", times, "peak memory, MB"], rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What scoring and comparing cost.")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--paired", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument("--measure", nargs=argparse.REMAINDER, help="one measurement, as JSON")
    return parser


if __name__ == "__main__":
    main()
