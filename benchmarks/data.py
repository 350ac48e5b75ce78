"""Measure how fast pairs are read out of each format, and in how much memory.

    python -m benchmarks.data [--pairs 1000000] [--tmx-gigabytes 1] [--output FILE.md]

The same pairs of random words are written in every format. Each is then read to its end by a fresh
process, and CSV, JSON Lines and Parquet by one that uses the ``datasets`` library alone, with an
empty cache: what it takes the first time. CPU time counts, as others may use the machine.
"""

import argparse
import csv
import gzip
import json
import random
import re
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from benchmarks.harness import (
    Contender,
    Contest,
    facts,
    middle,
    our_environment,
    say,
    table,
    write_record,
)
from mt.data.corpora import open_corpus

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RATE = "pairs a second of CPU time"
TIMEOUT = 3600.0
"""Seconds a process may take."""
TMX_BEGIN = '<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4"><header/><body>\n'
TMX_END = "</body></tmx>\n"
FORMATS = ("plain", "gzip", "zstd", "tsv", "csv", "jsonl", "tmx", "xliff", "po", "zip", "parquet")
PEERS = {"csv": "csv", "jsonl": "json", "parquet": "parquet"}
"""What ``datasets`` reads too, and how it calls it."""

Pair = tuple[str, str]


def random_pairs(count: int) -> Iterator[Pair]:
    """Make up pairs of 5 to 25 words a side, letters of two bytes among theirs."""
    draw = random.Random(1)
    words = ["".join(draw.choices("aeinorstlduüé", k=draw.randint(2, 9))) for _ in range(5000)]
    for _ in range(count):
        length = draw.randint(5, 25)
        yield " ".join(draw.choices(words, k=length)), " ".join(draw.choices(words, k=length))


def tmx_unit(pair: Pair) -> str:
    """Write a unit as tools do."""
    variants = "".join(
        f'<tuv xml:lang="{language}"><seg>{text}</seg></tuv>\n'
        for language, text in zip(("en", "de"), pair, strict=True)
    )
    return f"<tu>\n{variants}</tu>\n"


def write_all(directory: Path, count: int) -> None:
    """Write the pairs in every format."""
    begin = {
        "tsv": "", "jsonl": "", "tmx": TMX_BEGIN,
        "xliff": '<xliff version="1.2"><file source-language="en" target-language="de"><body>\n',
        "po": 'msgid ""\nmsgstr "Language: de\\n"\n\n',
    }  # fmt: skip
    end = {"tmx": TMX_END, "xliff": "</body></file></xliff>\n"}
    written: dict[str, Callable[[Pair], str]] = {
        "tsv": lambda pair: f"{pair[0]}\t{pair[1]}\n",
        "jsonl": lambda pair: json.dumps({"translation": {"en": pair[0], "de": pair[1]}}) + "\n",
        "tmx": tmx_unit,
        "xliff": lambda pair: (
            f"<trans-unit><source>{pair[0]}</source><target>{pair[1]}</target></trans-unit>\n"
        ),
        "po": lambda pair: f'msgid "{pair[0]}"\nmsgstr "{pair[1]}"\n\n',
    }
    with ExitStack() as stack:

        def create(name: str) -> TextIO:
            path = directory / name
            return stack.enter_context(path.open("w", encoding="utf-8", newline=""))

        files = {name: create(f"pairs.{name}") for name in written}
        sides = [create(f"pairs.{language}") for language in ("en", "de")]
        rows = csv.writer(create("pairs.csv"))
        rows.writerow(("en", "de"))
        for name, file in files.items():
            file.write(begin[name])
        for pair in random_pairs(count):
            for name, write in written.items():
                files[name].write(write(pair))
            for side, text in zip(sides, pair, strict=True):
                side.write(text + "\n")
            rows.writerow(pair)
        for name, text in end.items():
            files[name].write(text)
    pack(directory)
    write_parquet(directory, count)


def pack(directory: Path) -> None:
    """Write the two texts compressed, and as an archive."""
    for language in ("en", "de"):
        text = directory / f"pairs.{language}"
        with text.open("rb") as file, gzip.open(f"{text}.gz", "wb") as packed:
            shutil.copyfileobj(file, packed)
        Path(f"{text}.zst").write_bytes(zstd.compress(text.read_bytes()))
    with zipfile.ZipFile(directory / "pairs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for language in ("en", "de"):
            archive.write(directory / f"pairs.{language}", f"News.de-en.{language}")


def write_parquet(directory: Path, count: int) -> None:
    """Write two columns."""
    from datasets import Dataset  # noqa: PLC0415 - only the process that writes waits for it

    columns = zip(*random_pairs(count), strict=True)
    table = Dataset.from_dict(dict(zip(("en", "de"), map(list, columns), strict=True)))
    table.to_parquet(directory / "pairs.parquet")


def write_tmx(path: Path, size: int) -> None:
    """Write a memory of so many bytes."""
    block = "".join(map(tmx_unit, random_pairs(10_000))).encode()
    with path.open("wb") as file:
        file.write(TMX_BEGIN.encode())
        for _ in range(round(size / len(block))):
            file.write(block)
        file.write(TMX_END.encode())


def paths_of(name: str, directory: Path) -> list[Path]:
    """List the files of a format."""
    suffix = {"plain": "", "gzip": ".gz", "zstd": ".zst"}.get(name)
    if suffix is None:
        return [directory / f"pairs.{name}"]
    return [directory / f"pairs.{language}{suffix}" for language in ("en", "de")]


def count_with_us(paths: list[Path]) -> int:
    """Read pairs as ``mt train`` does."""
    return sum(1 for _ in open_corpus(paths, "en", "de").pairs())


def count_with_datasets(path: Path, kind: str) -> int:
    """Read rows as the documentation of ``datasets`` says."""
    from datasets import disable_progress_bars, load_dataset  # noqa: PLC0415

    disable_progress_bars()
    with tempfile.TemporaryDirectory(dir=path.parent) as cache:
        rows = load_dataset(kind, data_files=str(path), split="train", cache_dir=cache)
        return sum(1 for _ in rows)


def peak_memory() -> int:
    """Return the most memory of this process, in bytes; ``getrusage`` counts its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def measure(count: Callable[[], int]) -> None:
    """Count pairs, and print what that took as a line of JSON."""
    began = time.process_time(), time.perf_counter()
    pairs = count()
    cpu = time.process_time() - began[0]
    print(json.dumps({
        "pairs": pairs, "cpu_seconds": cpu, "seconds": time.perf_counter() - began[1],
        RATE: pairs / cpu, "peak_rss_mb": peak_memory() / 2**20,
    }))  # fmt: skip


def contest(directory: Path, threads: int) -> Contest:
    """Set up every format, and the peer for those that it reads."""

    def contender(name: str, *arguments: str) -> Contender:
        command = [sys.executable, "-m", "benchmarks.data", "--directory", str(directory)]
        return Contender(name, [*command, *arguments], our_environment(threads))

    ours = [contender(name, "--measure", name) for name in FORMATS]
    theirs = [contender(f"datasets: {name}", "--measure-datasets", name) for name in PEERS]
    return Contest("reading pairs", "plain", RATE, [*ours, *theirs])


def describe(contest: Contest, directory: Path) -> str:
    """Write the table of all formats."""
    rows = []
    for each in contest.contenders:
        name = each.name.removeprefix("datasets: ")
        size = sum(path.stat().st_size for path in paths_of(name, directory))
        rows.append([
            each.name, f"{size / 1e6:,.0f}", middle(contest.values(each.name, RATE)),
            middle(contest.ratios(each.name), 2), middle(contest.values(each.name, "peak_rss_mb")),
        ])  # fmt: skip
    head = ["format", "MB on disk", RATE, "× plain", "peak memory, MB"]
    return table(head, rows) + "\n"


def main() -> None:
    """Write the files, measure round by round, and write or print the table."""
    options = _parser().parse_args()
    if options.measure:
        paths = paths_of(options.measure, options.directory)
        measure(lambda: count_with_us(paths))
        return
    if options.measure_datasets:
        [path] = paths_of(options.measure_datasets, options.directory)
        measure(lambda: count_with_datasets(path, PEERS[options.measure_datasets]))
        return
    about = facts(options.threads) | {"pairs": f"{options.pairs:,}"}
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        say("writing the pairs")
        write_all(directory, options.pairs)
        formats = contest(directory, options.threads)
        for _ in range(options.rounds):
            formats.run_round(TIMEOUT)
        text = describe(formats, directory)
        contests = [formats]
        if options.tmx_gigabytes:
            large = Path(tempfile.mkdtemp(dir=directory))
            write_tmx(large / "pairs.tmx", round(options.tmx_gigabytes * 2**30))
            command = [sys.executable, "-m", "benchmarks.data", "--directory", str(large)]
            alone = Contender(
                "tmx", [*command, "--measure", "tmx"], our_environment(options.threads)
            )
            memory = Contest(f"a TMX of {options.tmx_gigabytes:g} GiB", "tmx", RATE, [alone])
            memory.run_round(TIMEOUT)
            [found] = memory.values("tmx", "pairs")
            text += (
                f"\nA TMX of {options.tmx_gigabytes:g} GiB, {found:,.0f} units: "
                f"{middle(memory.values('tmx', RATE))} {RATE}, peak memory "
                f"{middle(memory.values('tmx', 'peak_rss_mb'))} MB.\n"
            )
            contests.append(memory)
    if options.output:
        write_record(options.output, "Reading pairs", about, contests, text)
        say(f"written: {options.output}")
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="How fast pairs are read out of each format.")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--tmx-gigabytes", type=float, default=1.0, help="0: none")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where the files are written for a while")
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument("--measure", choices=FORMATS, help="one measurement, as JSON")
    parser.add_argument("--measure-datasets", choices=PEERS, help="one of the peer, as JSON")
    return parser


if __name__ == "__main__":
    main()
