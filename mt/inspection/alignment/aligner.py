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
from mt.inspection.alignment.links import joined_links, joint_weights, keep_marks_apart
from mt.inspection.alignment.reader import PairReader, TokenizedPair
from mt.inspection.alignment.symmetry import Joining
from mt.inspection.alignment.views import View
from mt.inspection.attention import merge_words
from mt.text.words import WordKind, split_words

POOL = 2048
"""Pairs sorted by length together; memory does not grow beyond them."""
CHOICE_PAIRS = 500
"""Pairs on which views are chosen."""
FEWEST_PAIRS = 10
"""Fewer choose nothing: on them, views far worse than the mean of all are chosen by chance."""
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
    """Which attention links are read from; ``None``: chosen on the first pairs."""
    reverse_view: View | None = None
    """Likewise in the model of the other direction."""


class _Input(NamedTuple):
    """A pair in the tokens of each model, and its words."""

    forward: TokenizedPair
    reverse: TokenizedPair | None
    words: tuple[list[str], list[str]]


class Aligner:
    """Links words by the cross-attention of a decoder that is given both sides of a pair."""

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
        self._views = _candidate_views(forward, self._config.view, "--view")
        self._reverse_views = (
            _candidate_views(reverse, self._config.reverse_view, "--reverse-view")
            if reverse
            else []
        )

    def align(self, pairs: Iterable[Pair]) -> Iterator[WeightedLinks]:
        """Link the words of a stream of pairs; a pair with a blank side has no links.

        Views are chosen once, on the first pairs, and logged. A pair with a side too long for a
        model has no links, and a warning says so.
        """
        stream = iter(pairs)
        first = 1
        while pool := list(islice(stream, POOL)):
            yield from self._align_pool(pool, first)
            first += len(pool)

    def _align_pool(self, pool: Sequence[Pair], first: int) -> list[WeightedLinks]:
        inputs = {
            index: tokenized
            for index, pair in enumerate(pool)
            if (tokenized := self._tokenize(pair, first + index))
        }
        links: list[WeightedLinks] = [{} for _ in pool]
        if not inputs:
            return links
        self._choose_views(list(inputs.values())[:CHOICE_PAIRS])
        weights = zip(*self._word_weights(list(inputs.values())), strict=True)
        for (index, tokenized), (forward, reverse) in zip(inputs.items(), weights, strict=True):
            links[index] = self._link(
                tokenized.words, forward[0], None if reverse is None else reverse[0]
            )
        return links

    def _tokenize(self, pair: Pair, number: int) -> _Input | None:
        """Tokenize a pair for each model; ``None`` if a side is blank, or too long for a model."""
        kind = self._config.words
        forward = self._forward.tokenize(pair.source, pair.target, kind)
        reverse = self._reverse.tokenize(pair.target, pair.source, kind) if self._reverse else None
        if not (forward.source.tokens and forward.target.tokens):
            return None
        for reader, sides in ((self._forward, forward), (self._reverse, reverse)):
            if reader is None or sides is None:
                continue
            most = max(len(side.tokens) for side in sides)
            if most >= reader.longest:
                log.warning(
                    "line %d: its %d tokens are more than the %d that %s was trained for; it is "
                    "left without links", number, most, reader.longest - 1, reader.name,
                )  # fmt: skip
                return None
        return _Input(
            forward, reverse, (split_words(pair.source, kind), split_words(pair.target, kind))
        )

    def _word_weights(
        self, inputs: Sequence[_Input]
    ) -> tuple[list[Float[Tensor, "views _ _"]], list[Float[Tensor, "views _ _"] | None]]:
        """Return :func:`word_weights` of each pair, from the forward and from the reverse model."""
        forward = word_weights(self._forward, [each.forward for each in inputs], self._views)
        if self._reverse is None:
            return forward, [None] * len(inputs)
        reversed_pairs = [each.reverse for each in inputs if each.reverse]
        return forward, [*word_weights(self._reverse, reversed_pairs, self._reverse_views)]

    def _choose_views(self, inputs: Sequence[_Input]) -> None:
        """Leave one view of each model: the best, or the mean of all where pairs are too few."""
        if len(self._views) == 1 and len(self._reverse_views) <= 1:
            return
        if len(inputs) < FEWEST_PAIRS:
            self._views, self._reverse_views = self._views[:1], self._reverse_views[:1]
            log.warning(
                "alignment: expected %d pairs or more to choose a layer and head on, but got %d; "
                "taking the mean of all, %s (to take another: --view)",
                FEWEST_PAIRS, len(inputs), self._options(),
            )  # fmt: skip
            return
        forward, maybe_reverse = self._word_weights(inputs)
        reverse = [each for each in maybe_reverse if each is not None]
        if reverse:
            first, second, agreement = most_agreeing(forward, reverse)
            self._views = [self._views[first]]
            self._reverse_views = [self._reverse_views[second]]
            reason = f"whose links agree by {agreement:.1%}"
        else:
            first, gain = most_informative(forward, [each.words for each in inputs])
            self._views = [self._views[first]]
            reason = f"whose links have {gain:.2f} nats of mutual information"
        level = logging.INFO if len(inputs) >= FEW_PAIRS else logging.WARNING
        few = "only " if len(inputs) < FEW_PAIRS else "the first "
        log.log(
            level, "alignment: %s chosen, %s in %s%d pairs",
            self._options(), reason, few, len(inputs),
        )  # fmt: skip

    def _options(self) -> str:
        """Return the chosen views as the command line takes them."""
        back = f" --reverse-view {self._reverse_views[0]}" if self._reverse_views else ""
        return f"--view {self._views[0]}{back}"

    def _link(
        self,
        words: tuple[list[str], list[str]],
        forward: Float[Tensor, "target_words source_words"],
        reverse: Float[Tensor, "source_words target_words"] | None,
    ) -> WeightedLinks:
        weights = joint_weights(forward, reverse).tolist()
        links = joined_links(forward, reverse, self._config.joining)
        kept = sorted(keep_marks_apart(links, *words))
        return {(i, j): weights[j][i] for i, j in kept if weights[j][i] >= self._config.threshold}


def word_weights(
    reader: PairReader, pairs: Sequence[TokenizedPair], views: Sequence[View]
) -> list[Float[Tensor, "views target_words source_words"]]:
    """Return the attention of each target word to each source word of every pair.

    The source's end mark is left out: a decoder attends to it where no source word matters.
    """
    weights = {
        index: merge_words(tokens[..., :-1], pairs[index].source.words, pairs[index].target.words)
        for index, tokens in reader.cross_attention(pairs, views)
    }
    return [weights[index] for index in range(len(pairs))]


def _candidate_views(reader: PairReader, wanted: View | None, option: str) -> list[View]:
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
