"""Shards: the parts of a job's input, each of which becomes one output file."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Shard:
    """A part of an input file that becomes one output file."""

    file: str
    """Where it is read, relative to the folder of the input."""
    output: str
    """Where it is written, relative to the folder of the output."""
    start: int = 0
    """The byte of plain text from which its lines are read, or its first row group of Parquet."""
    end: int | None = None
    """Where its end is, likewise; ``None``: that of the file."""


def byte_ranges(size: int, most: int) -> Iterator[tuple[int, int]]:
    """Cut a file of ``size`` bytes into ranges of at most ``most``, about equally long."""
    count = max(1, -(-size // most))
    bounds = [size * number // count for number in range(count + 1)]
    return pairwise(bounds)


def group_ranges(sizes: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut a sequence of row groups into ranges: each as long as ``most`` bytes hold, at least one.

    Args:
        sizes: The bytes of each row group.
        most: The bytes of a range, unless it is a single row group.
    """
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index > start and total + size > most:
            yield start, index
            start, total = index, 0
        total += size
    yield start, len(sizes)
