"""One pass over a corpus, in which everything is measured that a report tells."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int

from mt.data.corpora import Corpus
from mt.data.filters import STANDARD, FilterConfig
from mt.data.filters.contract import Sides
from mt.data.report.measures import SHOWN, BlockMeasures, Suspicious, most_suspicious
from mt.data.report.overlap import HeldOut
from mt.data.report.parallel import Languages, measure_all
from mt.data.report.repeats import Repeats, combine
from mt.data.report.shift import Shift, ShiftDetector
from mt.errors import DataError
from mt.lines import LineNumbers

LONGEST = 200
"""Words of the last place of a histogram of lengths, which holds longer sentences too."""
RATIO_STEP, RATIO_PLACES = 0.125, 64
"""Width and number of the places of the histogram of ratios: powers of two, 1:1 in the middle."""
SAMPLE = 20_000
"""Pairs that are drawn evenly, to learn vocabularies from."""


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
    """Sentences that stood on this side before."""
    blank: LineNumbers = field(default_factory=LineNumbers)
    """Lines that are blank here, while the other side is not."""

    def quantile(self, share: float) -> int:
        """Return the length in words that so large a share of the sentences does not exceed."""
        return int(np.searchsorted(np.cumsum(self.words), share * self.words.sum()))


@dataclass
class Survey:
    """What was found in a corpus."""

    where: str
    """How messages call it."""
    languages: Languages
    pairs: int = 0
    """Pairs that were read."""
    source: Side = field(default_factory=Side)
    target: Side = field(default_factory=Side)
    blank: LineNumbers = field(default_factory=LineNumbers)
    """Lines of which both sides are blank."""
    repeated: int = 0
    """Pairs that stood in the corpus before."""
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
    suspicious: list[Suspicious] = field(default_factory=list)
    """The most suspicious pairs, of each kind some."""
    shifts: list[Shift] = field(default_factory=list)
    """Where the sides begin to belong together in another way."""
    information: float | None = None
    """See :attr:`ShiftDetector.information`."""
    broken: str | None = None
    """Why it could not be read to its end."""
    sample: list[Sides] = field(default_factory=list)
    """Pairs with text on both sides, drawn evenly."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """The source and the target."""
        return self.source, self.target

    @property
    def usable(self) -> int:
        """Pairs that no filter would remove, each once."""
        return self.pairs - self.removed


def survey(
    corpus: Corpus,
    languages: Languages,
    *,
    filters: Sequence[FilterConfig] = STANDARD,
    held_out: Iterable[HeldOut] = (),
    seed: int = 1,
    processes: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Survey:
    """Measure a corpus in one pass, whose memory does not grow with it.

    What keeps it from being read to its end, such as files of unequal length, is a finding too.

    Args:
        corpus: What to read.
        languages: Of its sides.
        filters: Asked what they would remove.
        held_out: Are told all blocks, so that they find their sentences in it.
        seed: Draws the sample.
        processes: That measure; unless it is said, as many as there are cores, for many pairs.
        progress: Called with the number of pairs measured so far.
    """
    found = Survey(corpus.where, languages)
    collector = _Collector(found, seed)
    held_out = list(held_out)
    stateless = [each for each in filters if not each.stateful]
    try:
        for block, measures in measure_all(corpus.pairs(), stateless, languages, processes):
            collector.add(block, measures)
            for each in held_out:
                each.look(measures)
            if progress:
                progress(found.pairs)
    except DataError as error:
        found.broken = str(error)
    collector.finish()
    return found


class _Collector:
    """Puts the measures of blocks together."""

    def __init__(self, found: Survey, seed: int) -> None:
        self._found = found
        self._shifts = ShiftDetector()
        self._repeats = [Repeats() for _ in range(3)]
        self._suspicious: dict[str, list[Suspicious]] = {}
        self._random = random.Random(seed)  # noqa: S311 - nothing secret

    def add(self, block: Sequence[Sides], measures: BlockMeasures) -> None:
        found, sides = self._found, (measures.source, measures.target)
        blank = [side.outlines.lengths == 0 for side in sides]
        text = ~(blank[0] | blank[1])
        for side, its, own, other in zip(found.sides, sides, blank, blank[::-1], strict=True):
            side.characters.update(its.characters)
            side.words += np.bincount(np.minimum(its.words[~own], LONGEST), minlength=LONGEST + 1)
            side.total_words += int(its.words.sum())
            side.longest = max(side.longest, int(its.words.max()))
            _note(side.blank, own & ~other, found.pairs)
        _note(found.blank, blank[0] & blank[1], found.pairs)
        same = measures.source.digests == measures.target.digests
        letters = measures.source.words > 1
        _note(found.copies, same & letters & text, found.pairs)
        self._count_repeats(measures, text)
        lengths = [side.outlines.lengths[text] for side in sides]
        ratio = np.log2(lengths[1] / lengths[0]) / RATIO_STEP + RATIO_PLACES / 2
        places = np.clip(ratio.astype(np.int64), 0, RATIO_PLACES - 1)
        found.ratios += np.bincount(places, minlength=RATIO_PLACES)
        found.objections.update(measures.objections)
        found.removed += measures.removed
        for each in measures.suspicious:
            self._suspicious.setdefault(each.reasons[0].split(":")[0], []).append(each)
        self._suspicious = {
            name: most_suspicious(group) for name, group in self._suspicious.items()
        }
        self._shifts.add(measures.source.outlines, measures.target.outlines)
        self._draw(block, text)
        found.pairs += len(block)

    def _count_repeats(self, measures: BlockMeasures, text: np.ndarray) -> None:
        digests = [side.digests[text] for side in (measures.source, measures.target)]
        for repeats, numbers in zip(self._repeats, [*digests, combine(*digests)], strict=True):
            repeats.add(numbers)

    def _draw(self, block: Sequence[Sides], text: np.ndarray) -> None:
        """Draw evenly from a stream of unknown length (algorithm R, Vitter 1985)."""
        sample = self._found.sample
        for row in np.nonzero(text)[0].tolist():
            if len(sample) < SAMPLE:
                sample.append(block[row])
            else:
                slot = int(self._random.random() * (self._found.pairs + row + 1))
                if slot < SAMPLE:
                    sample[slot] = block[row]

    def finish(self) -> None:
        found = self._found
        found.shifts, found.information = self._shifts.finish(), self._shifts.information
        found.source.repeated, found.target.repeated, found.repeated = (
            repeats.count() for repeats in self._repeats
        )
        if found.repeated:
            found.objections["duplicates"] = found.repeated
        found.suspicious = _in_turn(list(self._suspicious.values()))
        self._random.shuffle(found.sample)


def _note(numbers: LineNumbers, lines: np.ndarray, before: int) -> None:
    """Count lines, given as truth values of the lines after ``before``."""
    for row in np.nonzero(lines)[0].tolist():
        numbers.add(before + row + 1)


def _in_turn(groups: Sequence[list[Suspicious]]) -> list[Suspicious]:
    """Take the most suspicious pair of each group, then the next of each, up to those shown."""
    ranked = [
        (rank, -each.weight, each.line, each) for group in groups for rank, each in enumerate(group)
    ]
    chosen = [each for *_, each in sorted(ranked, key=lambda it: it[:3])[:SHOWN]]
    return sorted(chosen, key=lambda each: (-each.weight, each.line))
