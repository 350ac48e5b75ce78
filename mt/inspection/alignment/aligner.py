"""Sentence pairs in, links between their words out, in order."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from mt.data.corpora.pair import Pair
from mt.errors import BundleError, DataError
from mt.inspection.alignment.choice import most_agreeing, most_informative
from mt.inspection.alignment.links import (
    Joining,
    by_words,
    joined_links,
    joint_weights,
    keep_marks_apart,
)
from mt.inspection.alignment.reader import PairReader, PairReading
from mt.inspection.alignment.views import View
from mt.inspection.alignment.words import WordKind, split_words

POOL = 2048
"""Pairs sorted by length together; memory does not grow beyond them."""
CHOICE_PAIRS = 500
"""Pairs on which views are chosen."""
FEW_PAIRS = 100
"""Fewer are worth a warning."""

WeightedLinks = dict[tuple[int, int], float]
"""Links in order, each with its weight on 0–1."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AlignmentConfig:
    """How links are found."""

    words: WordKind = "spaces"
    """What counts as a word."""
    joining: Joining = "joint"
    """How two directions make one alignment."""
    threshold: float = 0.0
    """Links of less weight are left out, on 0–1."""
    view: View | None = None
    """Where to look in the model; ``None``: where the first pairs say."""
    reverse_view: View | None = None
    """Likewise in the model of the other direction."""


class _Readings(NamedTuple):
    """A pair as each direction reads it, and its words."""

    forward: PairReading
    reverse: PairReading | None
    words: tuple[list[str], list[str]]


class Aligner:
    """Links words by what a decoder looked at as it was given both sides."""

    def __init__(
        self,
        forward: PairReader,
        reverse: PairReader | None = None,
        config: AlignmentConfig | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            forward: A model from source to target.
            reverse: A model from target to source; links are better with one.
            config: How to link.

        Raises:
            BundleError: If a model has no cross-attention, or ``reverse`` does not translate back.
            DataError: If a model has no such view.
        """
        self._config = config or AlignmentConfig()
        self._forward, self._reverse = forward, reverse
        if reverse is not None and reverse.languages != forward.languages[::-1]:
            source, target = forward.languages
            raise BundleError(
                f"{reverse.name}: expected a model from {target} to {source}, but it translates "
                f"from {reverse.languages[0]} to {reverse.languages[1]}; choose one that "
                f"translates back what {forward.name} does"
            )
        self._views = _offered(forward, self._config.view, "--view")
        self._reverse_views = (
            _offered(reverse, self._config.reverse_view, "--reverse-view") if reverse else []
        )

    def align(self, pairs: Iterable[Pair]) -> Iterator[WeightedLinks]:
        """Link the words of a stream of pairs; a pair with a blank side has no links.

        Where to look is chosen once, on the first pairs, and logged. A pair with a side too long
        for a model has no links, and a warning says so.
        """
        stream = iter(pairs)
        first = 1
        while pool := list(islice(stream, POOL)):
            yield from self._align_pool(pool, first)
            first += len(pool)

    def _align_pool(self, pool: Sequence[Pair], first: int) -> list[WeightedLinks]:
        readings = {
            index: reading
            for index, pair in enumerate(pool)
            if (reading := self._read(pair, first + index))
        }
        found: list[WeightedLinks] = [{} for _ in pool]
        if not readings:
            return found
        self._choose(list(readings.values())[:CHOICE_PAIRS])
        ahead, back = self._look(list(readings.values()))
        for (index, reading), forward, reverse in zip(readings.items(), ahead, back, strict=True):
            found[index] = self._link(reading, forward[0], None if reverse is None else reverse[0])
        return found

    def _read(self, pair: Pair, number: int) -> _Readings | None:
        kind = self._config.words
        forward = self._forward.read(pair.source, pair.target, kind)
        reverse = self._reverse.read(pair.target, pair.source, kind) if self._reverse else None
        if not (forward.source.pieces and forward.target.pieces):
            return None
        for reader, reading in ((self._forward, forward), (self._reverse, reverse)):
            if reader is None or reading is None:
                continue
            most = max(len(side.pieces) for side in reading)
            if most >= reader.longest:
                log.warning(
                    "line %d: its %d pieces are more than the %d that %s was trained for; it is "
                    "left without links", number, most, reader.longest - 1, reader.name,
                )  # fmt: skip
                return None
        return _Readings(
            forward, reverse, (split_words(pair.source, kind), split_words(pair.target, kind))
        )

    def _look(
        self, readings: Sequence[_Readings]
    ) -> tuple[list[Float[Tensor, "views _ _"]], list[Float[Tensor, "views _ _"] | None]]:
        """Return what both directions see of each pair, each with what it writes as rows."""
        ahead = _seen(self._forward, [each.forward for each in readings], self._views)
        if self._reverse is None:
            return ahead, [None] * len(readings)
        backward = [each.reverse for each in readings if each.reverse]
        return ahead, [*_seen(self._reverse, backward, self._reverse_views)]

    def _choose(self, readings: Sequence[_Readings]) -> None:
        """Leave one view of each direction."""
        if len(self._views) == 1 and len(self._reverse_views) <= 1:
            return
        ahead, back = self._look(readings)
        both = [each for each in back if each is not None]
        if both:
            first, second, agreement = most_agreeing(ahead, both)
            self._views = [self._views[first]]
            self._reverse_views = [self._reverse_views[second]]
            reason = f"whose links agree by {agreement:.1%}"
            option = f"--view {self._views[0]} --reverse-view {self._reverse_views[0]}"
        else:
            first, gain = most_informative(ahead, [each.words for each in readings])
            self._views = [self._views[first]]
            reason = f"whose links tell {gain:.2f} nats of each target word"
            option = f"--view {self._views[0]}"
        level = logging.INFO if len(readings) >= FEW_PAIRS else logging.WARNING
        few = "only " if len(readings) < FEW_PAIRS else "the first "
        log.log(
            level, "alignment: %s chosen, %s in %s%d pairs",
            option, reason, few, len(readings),
        )  # fmt: skip

    def _link(
        self,
        reading: _Readings,
        forward: Float[Tensor, "target_words source_words"],
        reverse: Float[Tensor, "source_words target_words"] | None,
    ) -> WeightedLinks:
        weights = joint_weights(forward, reverse)
        links = joined_links(forward, reverse, self._config.joining)
        kept = sorted(keep_marks_apart(links, *reading.words))
        weighted = {(i, j): float(weights[j, i]) for i, j in kept}
        return {
            link: weight for link, weight in weighted.items() if weight >= self._config.threshold
        }


def _seen(
    reader: PairReader, pairs: Sequence[PairReading], views: Sequence[View]
) -> list[Float[Tensor, "views target_words source_words"]]:
    seen = {
        index: by_words(weights, pairs[index].source, pairs[index].target)
        for index, weights in reader.look(pairs, views)
    }
    return [seen[index] for index in range(len(pairs))]


def _offered(reader: PairReader, wanted: View | None, option: str) -> list[View]:
    """List the views to choose among: all of a model, or the one that is wanted."""
    views = reader.views()
    if wanted is None:
        return views
    if wanted not in views:
        plain = [view for view in views if not view.shifted]
        raise DataError(
            f"{option}: expected a view of {reader.name}, {plain[0]} to {plain[-1]} or the same "
            f"shifted, but got {wanted}; give one of them"
        )
    return [wanted]
