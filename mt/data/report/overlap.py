"""Which sentences of validation and test are in the training data too."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, UInt64

from mt.data.corpora import Corpus
from mt.data.report.measures import BlockMeasures, SideMeasures
from mt.data.report.repeats import combine
from mt.lines import LineNumbers
from mt.text.digests import bare, digest


@dataclass(frozen=True)
class Overlap:
    """What of held-out pairs occurs in the training data."""

    where: str
    """The held-out corpus."""
    pairs: int
    """Its pairs; those with a blank side do not count."""
    same_pair: LineNumbers
    """Both sides occur, as a pair."""
    same_source: LineNumbers
    """The source occurs as it is."""
    same_target: LineNumbers
    near_source: LineNumbers
    """It occurs but for case, punctuation and digits; the same ones included."""
    near_target: LineNumbers


@dataclass
class _Wanted:
    """Digests to look for, each with whether it was seen."""

    lines: list[int]
    digests: UInt64[np.ndarray, " lines"]
    order: np.ndarray = field(init=False)
    ordered: UInt64[np.ndarray, " lines"] = field(init=False)
    seen: Bool[np.ndarray, " lines"] = field(init=False)

    def __post_init__(self) -> None:
        self.ordered = np.unique(self.digests)
        self.seen = np.zeros(len(self.ordered), np.bool_)

    def look(self, digests: UInt64[np.ndarray, " others"]) -> None:
        places = np.searchsorted(self.ordered, digests)
        places[places == len(self.ordered)] = 0
        if len(self.ordered):
            self.seen[places[self.ordered[places] == digests]] = True

    def found(self) -> LineNumbers:
        numbers = LineNumbers()
        hits = self.seen[np.searchsorted(self.ordered, self.digests)]
        for row in np.nonzero(hits)[0]:
            numbers.add(self.lines[row])
        return numbers


class HeldOut:
    """The sentences of a validation or test corpus, to be looked for in training data."""

    def __init__(self, corpus: Corpus) -> None:
        """Read the corpus.

        Raises:
            DataError: If it cannot be read.
        """
        self.where = corpus.where
        lines: list[int] = []
        columns: list[list[int]] = [[], [], [], []]
        for number, pair in enumerate(corpus.pairs(), start=1):
            if not pair.source.strip() or not pair.target.strip():
                continue
            lines.append(number)
            for column, text in zip(columns[:2], pair, strict=True):
                column.append(digest(text.strip()))
            for column, text in zip(columns[2:], pair, strict=True):
                column.append(digest(bare(text)))
        exact = [np.array(column, np.uint64) for column in columns[:2]]
        self._pairs = _Wanted(lines, combine(*exact))
        self._exact = [_Wanted(lines, each) for each in exact]
        self._near = [_Wanted(lines, np.array(column, np.uint64)) for column in columns[2:]]

    def look(self, block: BlockMeasures) -> None:
        """Look for the sentences in a block of training data."""
        sides: tuple[SideMeasures, ...] = (block.source, block.target)
        self._pairs.look(combine(*(side.digests for side in sides)))
        for side, exact, near in zip(sides, self._exact, self._near, strict=True):
            exact.look(side.digests)
            near.look(side.bare_digests)

    @property
    def seen(self) -> Bool[np.ndarray, " sentences"]:
        """Which of its different sentences were seen so far: of pairs, of each side, and nearly."""
        return np.concatenate([each.seen for each in self._wanted])

    def see(self, seen: Bool[np.ndarray, " sentences"]) -> None:
        """Take in what the same corpus has :attr:`seen` in other training data."""
        ends = np.cumsum([len(each.seen) for each in self._wanted])
        for wanted, more in zip(self._wanted, np.split(seen, ends[:-1]), strict=True):
            wanted.seen |= more

    @property
    def _wanted(self) -> "tuple[_Wanted, ...]":
        return self._pairs, *self._exact, *self._near

    def overlap(self) -> Overlap:
        """Return what was found so far."""
        found = (each.found() for each in self._wanted)
        return Overlap(self.where, len(self._pairs.lines), *found)
