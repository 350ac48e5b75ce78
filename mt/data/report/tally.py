"""What is counted of a corpus: of its blocks, of its files, and of all of it put together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Int

from mt.data.filters.contract import Sides
from mt.data.report.measures import BlockMeasures, Suspicious, most_suspicious
from mt.data.report.repeats import Repeats, combine
from mt.data.report.sample import Sample
from mt.lines import LineNumbers

LONGEST = 200
"""Words of the last place of a histogram of lengths, which holds longer sentences too."""
RATIO_STEP, RATIO_PLACES = 0.125, 64
"""Width and number of the places of the histogram of ratios: powers of two, 1:1 in the middle."""


@dataclass
class Side:
    """What was found on one side."""

    characters: Counter[int] = field(default_factory=Counter)
    """How often each code point occurs."""
    words: Int[np.ndarray, " lengths"] = field(
        default_factory=lambda: np.zeros(LONGEST + 1, np.int64)
    )
    """How many sentences have so many words, blank ones left out."""
    total_words: int = 0
    longest: int = 0
    """Words of the longest sentence."""
    repeated: int = 0
    """Sentences that stood on this side before; known when all is put together."""
    blank: LineNumbers = field(default_factory=LineNumbers)
    """Lines that are blank here, while the other side is not."""

    def quantile(self, share: float) -> int:
        """Return the length in words that so large a share of the sentences does not exceed."""
        return int(np.searchsorted(np.cumsum(self.words), share * self.words.sum()))

    def merge(self, other: "Side", before: int) -> None:
        """Add what was found in lines that follow on ``before`` others."""
        self.characters.update(other.characters)
        self.words += other.words
        self.total_words += other.total_words
        self.longest = max(self.longest, other.longest)
        self.blank.extend(other.blank, before)


@dataclass
class Tally:
    """What was counted of pairs that follow each other.

    Tallies are merged in the order of the corpus; how it was divided makes no difference, save
    to :class:`Repeats` that are too many to be counted exactly.
    """

    pairs: int = 0
    """Pairs that were read."""
    source: Side = field(default_factory=Side)
    target: Side = field(default_factory=Side)
    blank: LineNumbers = field(default_factory=LineNumbers)
    """Lines of which both sides are blank."""
    copies: LineNumbers = field(default_factory=LineNumbers)
    """Lines with letters whose sides are the same."""
    ratios: Int[np.ndarray, " places"] = field(
        default_factory=lambda: np.zeros(RATIO_PLACES, np.int64)
    )
    """How many pairs have so many target characters for a source character."""
    objections: Counter[str] = field(default_factory=Counter)
    """Pairs that each filter would remove, by its kind, if it were the only one."""
    removed: int = 0
    """Pairs that at least one filter would remove."""
    suspicious: dict[str, list[Suspicious]] = field(default_factory=dict)
    """The most suspicious pairs, by the first filter that objects to them."""
    repeats: tuple[Repeats, Repeats, Repeats] = field(
        default_factory=lambda: (Repeats(), Repeats(), Repeats())
    )
    """Of sources, of targets, of pairs."""
    sample: Sample = field(default_factory=Sample)
    """Pairs with text on both sides."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """The source and the target."""
        return self.source, self.target

    @classmethod
    def of(cls, block: Sequence[Sides], measures: BlockMeasures, seed: int) -> "Tally":
        """Count what was measured of a block; ``seed`` draws the sample."""
        sides = measures.source, measures.target
        blank = [side.outlines.lengths == 0 for side in sides]
        text = ~(blank[0] | blank[1])
        digests = [side.digests[text] for side in sides]
        tally = cls(
            pairs=len(block),
            blank=_lines(blank[0] & blank[1]),
            copies=_lines(
                (sides[0].digests == sides[1].digests) & (sides[0].words > 1) & text
            ),
            ratios=_count_ratios(*(side.outlines.lengths[text] for side in sides)),
            objections=Counter(measures.objections),
            removed=measures.removed,
        )  # fmt: skip
        for own, its, empty, other in zip(tally.sides, sides, blank, blank[::-1], strict=True):
            own.characters.update(its.characters)
            own.words += np.bincount(np.minimum(its.words[~empty], LONGEST), minlength=LONGEST + 1)
            own.total_words = int(its.words.sum())
            own.longest = int(its.words.max(initial=0))
            own.blank = _lines(empty & ~other)
        for each in measures.suspicious:
            tally.suspicious.setdefault(each.reasons[0].split(":")[0], []).append(each)
        numbers = combine(*digests)
        for repeats, column in zip(tally.repeats, [*digests, numbers], strict=True):
            repeats.add(column)
        drawn = combine(numbers, np.full_like(numbers, seed))
        tally.sample.add(drawn, [block[row] for row in np.nonzero(text)[0].tolist()])
        return tally

    def merge(self, other: "Tally") -> None:
        """Add what was counted of the pairs that follow."""
        for own, more in zip(self.sides, other.sides, strict=True):
            own.merge(more, self.pairs)
        self.blank.extend(other.blank, self.pairs)
        self.copies.extend(other.copies, self.pairs)
        self.ratios += other.ratios
        self.objections.update(other.objections)
        self.removed += other.removed
        for name, group in other.suspicious.items():
            moved = [replace(each, line=self.pairs + each.line) for each in group]
            self.suspicious[name] = most_suspicious([*self.suspicious.get(name, ()), *moved])
        for own_repeats, more_repeats in zip(self.repeats, other.repeats, strict=True):
            own_repeats.merge(more_repeats)
        self.sample.add(other.sample.numbers, other.sample.pairs)
        self.pairs += other.pairs


def _count_ratios(
    sources: Int[np.ndarray, " pairs"], targets: Int[np.ndarray, " pairs"]
) -> Int[np.ndarray, " places"]:
    """Count pairs by the ratio of their lengths in characters."""
    ratio = np.log2(targets / sources) / RATIO_STEP + RATIO_PLACES / 2
    places = np.clip(ratio.astype(np.int64), 0, RATIO_PLACES - 1)
    return np.bincount(places, minlength=RATIO_PLACES)


def _lines(lines: Bool[np.ndarray, " lines"]) -> LineNumbers:
    """Count lines, given as truth values of all."""
    numbers = LineNumbers()
    for row in np.nonzero(lines)[0].tolist():
        numbers.add(row + 1)
    return numbers
