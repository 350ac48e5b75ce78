"""Measure what it costs to check a corpus: CPU time, rate and memory, at several sizes.

    python -m benchmarks.checking [--pairs 100000 1000000] [--output FILE.md]

Corpora are generated: 20,000 pairs of invented words, with Zipf's frequencies and 16 words a
sentence, again and again, each time with another number behind them. A process of its own surveys
each size, without vocabularies, which are learnt from a sample of 20,000 pairs at any size. Rates
are pairs by second of the clock, and by second of CPU time of all its processes.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import facts, our_environment, say, table, write_record

DISTINCT = 20_000
WORDS = 2000


def generate(folder: Path, pairs: int) -> None:
    """Write ``text.xx`` and ``text.yy``."""
    generator = random.Random(1)
    lexicon = [
        tuple("".join(generator.choices("aeioubdfgklmnrst", k=generator.randint(2, 9)))
              for _ in range(2))
        for _ in range(WORDS)
    ]  # fmt: skip
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    sentences = [
        generator.choices(lexicon, weights, k=3 + min(60, int(generator.expovariate(1 / 13))))
        for _ in range(DISTINCT)
    ]
    for side, tag in enumerate(("xx", "yy")):
        texts = [" ".join(word[side] for word in words) for words in sentences]
        with (folder / f"text.{tag}").open("w", encoding="utf-8") as file:
            for number in range(pairs):
                file.write(f"{texts[number % DISTINCT]} {number}.\n")


def survey_here(folder: Path) -> None:
    """Survey the corpus of a folder, and print what it took as a line of JSON."""
    import resource  # noqa: PLC0415 - absent on Windows

    from mt.data.corpora import PlainTextConfig  # noqa: PLC0415 - in the process that measures
    from mt.data.report.survey import survey  # noqa: PLC0415

    began = time.perf_counter()
    corpus = PlainTextConfig(source=folder / "text.xx", target=folder / "text.yy")
    found = survey(corpus, ("xx", "yy"))
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        json.dumps(
            {
                "pairs": found.pairs,
                "seconds": time.perf_counter() - began,
                "cpu": sum(each.ru_utime + each.ru_stime for each in usages),
                "peak_mb": [each.ru_maxrss / 1024 for each in usages],
                "shifts": len(found.shifts),
            }
        )
    )


def measure(pairs: int) -> list[str]:
    """Return a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), pairs)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.checking", "--survey", folder],
            env=our_environment(1), capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["pairs"] == pairs
    assert found["shifts"] == 0
    own, child = found["peak_mb"]
    return [
        f"{pairs:,}", f"{found['seconds']:.1f}", f"{found['cpu']:.1f}",
        f"{pairs / found['seconds']:,.0f}", f"{pairs / found['cpu']:,.0f}",
        f"{own:.0f}", f"{child:.0f}",
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write or print the table."""
    parser = argparse.ArgumentParser(description="Measure what checking a corpus costs.")
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--output", type=Path, help="where the record goes")
    parser.add_argument("--survey", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.survey:
        survey_here(options.survey)
        return
    about = facts(1)
    rows = []
    for pairs in options.pairs:
        rows.append(measure(pairs))
        say(" ".join(rows[-1]))
    heads = ["pairs", "seconds", "CPU seconds", "pairs a second", "pairs a CPU second",
             "peak memory, MB", "of each other process, MB"]  # fmt: skip
    text = table(heads, rows)
    if options.output:
        write_record(options.output, "What checking a corpus costs", about, [], text)
    else:
        print(text)


if __name__ == "__main__":
    main()
