"""Sentence pairs in, links between their words out, in order."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from mt.data.corpora.contract import Pair
from mt.errors import BundleError, DataError
from mt.inspection.alignment.choice import most_agreeing, most_informative
from mt.inspection.alignment.links import (
    Joining,
    by_words,
    joined_links,
    joint_weights,
    keep_marks_apart,
)
from mt.inspection.alignment.reader import CutPair, PairReader
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


class _Cuts(NamedTuple):
    """A pair as each direction cuts it, and its words."""

    forward: CutPair
    reverse: CutPair | None
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
        known = {
            index: cuts
            for index, pair in enumerate(pool)
            if (cuts := self._cut(pair, first + index))
        }
        found: list[WeightedLinks] = [{} for _ in pool]
        if not known:
            return found
        self._choose(list(known.values())[:CHOICE_PAIRS])
        ahead, back = self._look(list(known.values()))
        for (index, cuts), forward, reverse in zip(known.items(), ahead, back, strict=True):
            found[index] = self._link(
                cuts.words, forward[0], None if reverse is None else reverse[0]
            )
        return found

    def _cut(self, pair: Pair, number: int) -> _Cuts | None:
        kind = self._config.words
        forward = self._forward.cut(pair.source, pair.target, kind)
        reverse = self._reverse.cut(pair.target, pair.source, kind) if self._reverse else None
        if not (forward.source.tokens and forward.target.tokens):
            return None
        for reader, cut in ((self._forward, forward), (self._reverse, reverse)):
            if reader is None or cut is None:
                continue
            most = max(len(side.tokens) for side in cut)
            if most >= reader.longest:
                log.warning(
                    "line %d: its %d tokens are more than the %d that %s was trained for; it is "
                    "left without links", number, most, reader.longest - 1, reader.name,
                )  # fmt: skip
                return None
        return _Cuts(
            forward, reverse, (split_words(pair.source, kind), split_words(pair.target, kind))
        )

    def _look(
        self, pairs: Sequence[_Cuts]
    ) -> tuple[list[Float[Tensor, "views _ _"]], list[Float[Tensor, "views _ _"] | None]]:
        """Return what both directions see of each pair, each with what it writes as rows."""
        ahead = word_weights(self._forward, [each.forward for each in pairs], self._views)
        if self._reverse is None:
            return ahead, [None] * len(pairs)
        backward = [each.reverse for each in pairs if each.reverse]
        return ahead, [*word_weights(self._reverse, backward, self._reverse_views)]

    def _choose(self, pairs: Sequence[_Cuts]) -> None:
        """Leave one view of each direction."""
        if len(self._views) == 1 and len(self._reverse_views) <= 1:
            return
        ahead, back = self._look(pairs)
        both = [each for each in back if each is not None]
        if both:
            first, second, agreement = most_agreeing(ahead, both)
            self._views = [self._views[first]]
            self._reverse_views = [self._reverse_views[second]]
            reason = f"whose links agree by {agreement:.1%}"
            option = f"--view {self._views[0]} --reverse-view {self._reverse_views[0]}"
        else:
            first, gain = most_informative(ahead, [each.words for each in pairs])
            self._views = [self._views[first]]
            reason = f"whose links tell {gain:.2f} nats of each target word"
            option = f"--view {self._views[0]}"
        level = logging.INFO if len(pairs) >= FEW_PAIRS else logging.WARNING
        few = "only " if len(pairs) < FEW_PAIRS else "the first "
        log.log(
            level, "alignment: %s chosen, %s in %s%d pairs",
            option, reason, few, len(pairs),
        )  # fmt: skip

    def _link(
        self,
        words: tuple[list[str], list[str]],
        forward: Float[Tensor, "target_words source_words"],
        reverse: Float[Tensor, "source_words target_words"] | None,
    ) -> WeightedLinks:
        weights = joint_weights(forward, reverse)
        links = joined_links(forward, reverse, self._config.joining)
        kept = sorted(keep_marks_apart(links, *words))
        weighted = {(i, j): float(weights[j, i]) for i, j in kept}
        return {
            link: weight for link, weight in weighted.items() if weight >= self._config.threshold
        }


def word_weights(
    reader: PairReader, pairs: Sequence[CutPair], views: Sequence[View]
) -> list[Float[Tensor, "views target_words source_words"]]:
    """Tell how much each target word of every pair looks at each source word."""
    seen = {index: by_words(weights, *pairs[index]) for index, weights in reader.look(pairs, views)}
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
