"""Measure cleaning and checking in bulk beside `mt data clean` and `mt data check`.

    python -m benchmarks.preparing --source FILE --target FILE [--pairs N] [--shard-size 2]
        [--output FILE.md]

The pairs become one TSV file, and as many shards as it has megabytes by ``--shard-size``. Each
command runs in turn, by one process or one worker; on a machine that others use, seconds of CPU
count, which include starting Python. Languages are ``en`` and ``de``.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.bulk import Clock, Cost, start
from benchmarks.harness import facts, say, table, write_record

LANGUAGES = "--source", "en", "--target", "de"


def run(*arguments: object) -> Cost:
    """Run a command to its end."""
    with Clock() as clock:
        assert start(*arguments).wait() == 0, arguments
    say(f"{arguments[:2]}: {clock.cost}")
    return clock.cost


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def merge(folder: Path) -> float:
    """Put together what was measured of a corpus; return seconds of CPU."""
    from mt.data.report.parts import Part, put_together  # noqa: PLC0415

    paths = sorted(folder.glob("*.npz"))
    began = time.process_time()

    def parts() -> Iterator[Part]:
        for path in paths:
            with path.open("rb") as file:
                yield Part.load(file)

    put_together("corpus", ("en", "de"), parts())
    return time.process_time() - began


def measure(folder: Path, options: argparse.Namespace) -> str:
    """Run all commands, and show what they took."""
    with options.source.open() as source, options.target.open() as target:
        rows = [
            f"{one.strip()}\t{two.strip()}\n"
            for one, two in islice(zip(source, target, strict=True), options.pairs)
        ]
    pairs = folder / "pairs.tsv"
    pairs.write_text("".join(rows), encoding="utf-8")
    bulk = *LANGUAGES, "--workers", 1, "--shard-size", options.shard_size
    costs = {
        "`mt data clean`": run("data", "clean", pairs, *LANGUAGES, "--output", folder / "one"),
        "`mt bulk clean`": run("bulk", "clean", pairs, folder / "clean", *bulk),
        "`mt bulk clean --near-duplicates`": run(
            "bulk", "clean", pairs, folder / "near", *bulk, "--near-duplicates"
        ),
        "`mt data check`": run("data", "check", pairs, *LANGUAGES),
        "`mt bulk check`": run("bulk", "check", pairs, folder / "check", *bulk),
    }
    parts = folder / "check" / "_mt" / "parts"
    merged = merge(parts)
    rows_of = [
        [name, f"{cost.wall:,.1f}", f"{cost.cpu:,.1f}", f"{cost.cpu / len(rows) * 1e6:,.0f}"]
        for name, cost in costs.items()
    ]
    rows_of.append(
        ["of which to put parts together", "", f"{merged:.1f}", f"{merged / len(rows) * 1e6:.1f}"]
    )
    shards = len([*parts.glob("*.npz")])
    found = table(["command", "seconds", "seconds of CPU", "µs of CPU a pair"], rows_of)
    return (
        f"{found}\n\n{len(rows):,} pairs of {pairs.stat().st_size / len(rows):.0f} bytes in "
        f"{shards} shards. What is measured of a pair takes {size(parts) / len(rows):.0f} bytes."
    )


def main() -> None:
    """Measure, and write or print the record."""
    parser = argparse.ArgumentParser(description="Measure cleaning and checking in bulk.")
    parser.add_argument("--source", type=Path, required=True, help="English, a line a sentence")
    parser.add_argument("--target", type=Path, required=True, help="German")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--shard-size", type=float, default=2, help="MB")
    parser.add_argument("--output", type=Path, help="where the record goes")
    options = parser.parse_args()
    about = facts(1)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options)
    if options.output:
        write_record(options.output, "Cleaning and checking in bulk", about, [], found)
    say(found)


if __name__ == "__main__":
    main()
