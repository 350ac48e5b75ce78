"""Measures of all blocks of a corpus, on all cores."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from mt.data.corpora import Pair
from mt.data.filters import Filter, FilterConfig
from mt.data.filters.contract import Sides
from mt.data.processes import map_blocks
from mt.data.report.measures import BlockMeasures, measure
from mt.errors import DataError

BLOCK = 4096
"""Pairs that are measured together."""

Languages = tuple[str, str]


def measure_all(
    pairs: Iterator[Pair],
    filters: Sequence[FilterConfig],
    languages: Languages,
    processes: int | None = None,
) -> Iterator[tuple[list[Sides], BlockMeasures]]:
    """Measure pairs block by block, on several processes where there are many.

    Args:
        pairs: All pairs, from the first.
        filters: Asked about every pair; stateless ones.
        languages: Of source and target.
        processes: See :func:`map_blocks`.

    Yields:
        Each block with its measures, in the order of the pairs.

    Raises:
        DataError: If they cannot be read, after what comes before was measured.
    """
    blocks = _Blocks(pairs)
    yield from map_blocks(_start, (filters, languages), blocks, processes)
    if blocks.problem is not None:
        raise blocks.problem


def build(filters: Sequence[FilterConfig], languages: Languages) -> dict[str, Filter]:
    """Build filters, by the names of their kinds."""
    return {each.kind: each.build(*languages) for each in filters}


class _Blocks:
    """Pairs in blocks, as tuples, which are cheaper to send to another process than their class.

    It ends early where they cannot be read.

    Attributes:
        problem: Why it ended early.
    """

    def __init__(self, pairs: Iterator[Pair]) -> None:
        self.problem: DataError | None = None
        self._pairs = pairs

    def __iter__(self) -> "_Blocks":
        return self

    def __next__(self) -> list[Sides]:
        block: list[Sides] = []
        try:
            block.extend((source, target) for source, target in islice(self._pairs, BLOCK))
        except DataError as error:
            self.problem = error
        if not block:
            raise StopIteration
        return block


def _start(
    filters: Sequence[FilterConfig], languages: Languages
) -> Callable[[list[Sides]], BlockMeasures]:
    own = build(filters, languages)
    return lambda block: measure(block, own)
