"""One pass over a corpus, in which everything is measured that a report tells."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from jaxtyping import Int

from mt.data.corpora import Corpus
from mt.data.filters import STANDARD, FilterConfig
from mt.data.filters.contract import Sides
from mt.data.report.measures import SHOWN, Suspicious
from mt.data.report.overlap import HeldOut
from mt.data.report.parallel import Languages, measure_all
from mt.data.report.shift import Shift, ShiftDetector
from mt.data.report.tally import Side, Tally
from mt.errors import DataError
from mt.lines import LineNumbers

_Key = TypeVar("_Key", int, str)


@dataclass(frozen=True)
class Survey:
    """What was found in a corpus."""

    where: str
    """How messages call it."""
    languages: Languages
    pairs: int
    """Pairs that were read."""
    source: Side
    target: Side
    blank: LineNumbers
    """Lines of which both sides are blank."""
    repeated: int
    """Pairs that stood in the corpus before."""
    copies: LineNumbers
    """Lines with letters whose sides are the same."""
    ratios: Int[np.ndarray, " places"]
    """How many pairs have so many target characters for a source character."""
    objections: Counter[str]
    """Pairs that each filter would remove, by its kind, if it were the only one."""
    removed: int
    """Pairs that at least one filter would remove, that of duplicates left out."""
    suspicious: list[Suspicious]
    """The most suspicious pairs, of each kind some."""
    shifts: list[Shift]
    """Where the sides begin to belong together in another way."""
    information: float | None
    """See :attr:`ShiftDetector.information`."""
    broken: str | None
    """Why it could not be read to its end."""
    sample: list[Sides] = field(repr=False)
    """Pairs with text on both sides, drawn evenly."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """The source and the target."""
        return self.source, self.target


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
        languages: Of the model's source and target.
        filters: Asked what they would remove.
        held_out: Are told all blocks, so that they find their sentences in it.
        seed: Draws the sample.
        processes: That measure; unless it is said, as many as there are cores, for many pairs.
        progress: Called with the number of pairs measured so far.
    """
    languages = languages[::-1] if corpus.reverse else languages
    tally, shifts, broken = Tally(), ShiftDetector(), None
    held_out = list(held_out)
    stateless = [each for each in filters if not each.stateful]
    try:
        for block, measures in measure_all(corpus.pairs(), stateless, languages, processes):
            tally.merge(Tally.of(block, measures, seed))
            shifts.add(measures.source.outlines, measures.target.outlines)
            for each in held_out:
                each.look(measures)
            if progress:
                progress(tally.pairs)
    except DataError as error:
        broken = str(error)
    return conclude(corpus.where, languages, tally, shifts, broken)


def conclude(
    where: str,
    languages: Languages,
    tally: Tally,
    shifts: ShiftDetector,
    broken: str | None = None,
) -> Survey:
    """Say what was found, once all pairs of a corpus were counted.

    Args:
        where: How messages call the corpus.
        languages: Of its sides.
        tally: What was counted of all pairs.
        shifts: Was told all pairs.
        broken: Why it could not be read to its end.
    """
    sources, targets, repeated = (repeats.count() for repeats in tally.repeats)
    tally.source.repeated, tally.target.repeated = sources, targets
    objections = {**tally.objections} | ({"duplicates": repeated} if repeated else {})
    for side in tally.sides:
        side.characters = _sorted(side.characters)
    return Survey(
        where=where,
        languages=languages,
        pairs=tally.pairs,
        source=tally.source,
        target=tally.target,
        blank=tally.blank,
        repeated=repeated,
        copies=tally.copies,
        ratios=tally.ratios,
        objections=_sorted(objections),
        removed=tally.removed,
        suspicious=_in_turn(list(tally.suspicious.values())),
        shifts=shifts.finish(),
        information=shifts.information,
        broken=broken,
        sample=tally.sample.pairs,
    )


def _sorted(counts: Mapping[_Key, int]) -> Counter[_Key]:
    """Put counts into an order that does not depend on what was counted first."""
    return Counter(dict(sorted(counts.items())))


def _in_turn(groups: Sequence[list[Suspicious]]) -> list[Suspicious]:
    """Take the most suspicious pair of each group, then the next of each, up to those shown."""
    ranked = [
        (rank, -each.weight, each.line, each) for group in groups for rank, each in enumerate(group)
    ]
    chosen = [each for *_, each in sorted(ranked, key=lambda it: it[:3])[:SHOWN]]
    return sorted(chosen, key=lambda each: (-each.weight, each.line))
