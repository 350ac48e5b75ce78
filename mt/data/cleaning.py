"""Cleaning a corpus: every pair is kept or rejected with a reason, on all cores and in its order.

Filters that know one pair only are asked by other processes, a chunk of pairs each; those that
remember go through the corpus in its order, here.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, starmap
from typing import NamedTuple, TextIO

from mt.data.filters import Filter, Reason, Selection
from mt.data.filters.contract import Sides
from mt.data.filters.selection import ask
from mt.data.pairs import PairCounts
from mt.data.processes import available_cores, map_blocks

_CHUNK = 10_000
"""Pairs that a process judges at a time."""

_FEW = 5
"""Chunks that are judged sooner than processes start."""


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
        processes: How many work at once; by default one for each core. A corpus of a few thousand
            pairs is judged by this one alone.

    Returns:
        All pairs in their order, in parts.

    Raises:
        ConfigError: If a filter needs a package that is not installed.
    """
    stateless, stateful = selection.stateless(), selection.stateful()
    stream = iter(pairs)
    chunks = iter(lambda: list(islice(stream, _CHUNK)), [])
    first = list(islice(chunks, _FEW))
    chunks = chain(first, chunks)
    processes = processes or available_cores()
    judged: Iterator[Judged]
    if processes == 1 or len(first) < _FEW:
        judged = (Judged(chunk, stateless.reasons(chunk)) for chunk in chunks)
    else:
        judged = _in_processes(chunks, selection, processes)
    for chunk, found in judged:
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
                    rejects.write(_reject(line, pair, reason))
        counts.read += len(part.pairs)
        if progress:
            progress(counts.read)
    return counts


def _reject(line: int, pair: Sides, reason: Reason) -> str:
    source, target = pair
    values = {
        "line": line, "reason": reason.name, "measure": reason.measure,
        "source": source, "target": target,
    }  # fmt: skip
    return json.dumps(values, ensure_ascii=False) + "\n"


def _in_processes(
    chunks: Iterable[Sequence[Sides]], selection: Selection, processes: int
) -> Iterator[Judged]:
    """Judge chunks at once, and give them back in their order."""
    # Tuples are cheaper to send than their class.
    plain = ([(source, target) for source, target in chunk] for chunk in chunks)
    return starmap(Judged, map_blocks(_judge, plain, processes, _start_process, [selection]))


_stateless: Filter
"""The filters of a process that judges chunks."""


def _start_process(selection: Selection) -> None:
    global _stateless  # noqa: PLW0603 - what a pool's initializer is for
    _stateless = selection.stateless()


def _judge(pairs: Sequence[Sides]) -> Sequence[Reason | None]:
    return _stateless.reasons(pairs)
