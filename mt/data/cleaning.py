"""Cleaning a corpus: every pair is kept or rejected with a reason, on all cores and in its order.

Filters that know one pair only are asked by other processes, a chunk of pairs each; those that
remember go through the corpus in its order, here.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TextIO

from mt.data.filters import Reason, Selection
from mt.data.filters.contract import Sides
from mt.data.filters.selection import ask
from mt.data.pairs import PairCounts
from mt.data.processes import map_blocks

_CHUNK = 10_000
"""Pairs that a process judges at a time."""


class Judged(NamedTuple):
    """Pairs of a corpus, one behind the other, and why some of them are not used."""

    pairs: Sequence[Sides]
    reasons: Sequence[Reason | None]


def judge_pairs(
    pairs: Iterable[Sides], selection: Selection, processes: int | None = None
) -> Iterator[Judged]:
    """Ask the filters of a selection about every pair.

    Args:
        pairs: In the order of their corpus; a stream.
        selection: The filters.
        processes: See :func:`map_blocks`.

    Returns:
        All pairs in their order, in parts.

    Raises:
        ConfigError: If a filter needs a package that is not installed.
    """
    stateful, stream = selection.stateful(), iter(pairs)
    chunks = iter(lambda: [(source, target) for source, target in islice(stream, _CHUNK)], [])
    for chunk, found in map_blocks(_start, [selection], chunks, processes):
        reasons = list(found)
        ask(stateful, chunk, reasons)
        yield Judged(chunk, reasons)


def clean(
    pairs: Iterable[Sides],
    selection: Selection,
    source: TextIO,
    target: TextIO,
    *,
    rejects: TextIO | None = None,
    progress: Callable[[int], object] | None = None,
) -> PairCounts:
    """Write the pairs that are used, and those that are not.

    Args:
        pairs: In the order of their corpus; a stream. No side holds a line feed.
        selection: The filters.
        source: Gets the sources that are kept, a line each.
        target: Gets their translations.
        rejects: Gets a line of JSON for each pair that is not used: its line in the corpus, the
            reason with what decided, and its sides.
        progress: Called with the number of pairs that are done.

    Raises:
        ConfigError: If a filter needs a package that is not installed.
    """
    counts = PairCounts()
    for part in judge_pairs(pairs, selection):
        kept = [pair for pair, reason in zip(*part, strict=True) if reason is None]
        for file, side in ((source, 0), (target, 1)):
            file.write("".join(f"{pair[side]}\n" for pair in kept))
        for line, (pair, reason) in enumerate(zip(*part, strict=True), start=counts.read + 1):
            if reason is not None:
                counts.drop(reason.name)
                if rejects is not None:
                    rejects.write(
                        json.dumps(_reject(line, pair, reason), ensure_ascii=False) + "\n"
                    )
        counts.read += len(part.pairs)
        if progress:
            progress(counts.read)
    return counts


def _reject(line: int, pair: Sides, reason: Reason) -> dict[str, Any]:
    """Describe a pair that is not used, as JSON knows it: its line, why, and its sides."""
    source, target = pair
    return {
        "line": line, "reason": reason.name, "measure": reason.measure,
        "source": source, "target": target,
    }  # fmt: skip


def _start(selection: Selection) -> Callable[[Sequence[Sides]], Sequence[Reason | None]]:
    return selection.stateless().reasons
