"""A source cut into tokens in several ways: the mean of what a model says of each."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mt.data.batches import pad_sequences
from mt.text.sampling import Sampler
from mt.text.tokenizer import END, PAD, Tokenizer
from mt.translation.engines.ensemble import Ensemble, EnsembleState, mean_of_probabilities

Cut = Callable[[Sequence[int]], Sequence[Sequence[int]]]
"""Gives several ways to write the tokens of a source, without marks; always as many."""


class RandomCuts:
    """Cuts a source anew by chance, which depends on the source alone.

    The first way is the usual one. One that has no tokens, or too many, is replaced by that; a tag
    stays in front.
    """

    def __init__(self, tokenizer: Tokenizer, sampler: Sampler, count: int, most: int) -> None:
        """Prepare to cut.

        Args:
            tokenizer: Of the source.
            sampler: Draws ways to cut a text, as in training.
            count: How many ways.
            most: Most tokens of a source, the end mark included.
        """
        self._tokenizer, self._sampler = tokenizer, sampler
        self._count, self._most = count, most

    def __call__(self, source: Sequence[int]) -> Sequence[Sequence[int]]:
        """Cut a source."""
        start = int(source[0] in self._tokenizer.tag_tokens)
        tag, [text] = source[:start], self._tokenizer.decode([source[start:]])
        generator = random.Random(str(list(source)))  # noqa: S311 - nothing secret
        drawn = ([*tag, *self._sampler(text, generator)] for _ in range(self._count - 1))
        return [source, *(cut if 0 < len(cut) < self._most else source for cut in drawn)]


@dataclass(frozen=True)
class SegmentationState:
    """What the models remember of each way."""

    ways: tuple[EnsembleState, ...]

    def select(
        self, rows: Int[Tensor, " rows"], sentences: Int[Tensor, " sentences"] | None = None
    ) -> "SegmentationState":
        """Return a copy whose row ``i`` continues row ``rows[i]``; see :class:`DecoderState`."""
        return SegmentationState(tuple(way.select(rows, sentences) for way in self.ways))


class SegmentationEnsemble:
    """Models that read each source in several ways; a scorer for search, as a single model is.

    The probability of the next token is the mean over all ways (Takase et al. 2022).
    """

    def __init__(self, models: Ensemble, cut: Cut) -> None:
        self._models, self._cut = models, cut

    def start(self, source: Int[Tensor, "sentences source_len"], beam: int) -> SegmentationState:
        """Encode sources in every way; see :meth:`EncoderDecoder.start`."""
        return SegmentationState(tuple(self._models.start(way, beam) for way in self._ways(source)))

    def step(
        self, tokens: Int[Tensor, " rows"], state: SegmentationState
    ) -> tuple[Float[Tensor, "rows vocabulary"], SegmentationState]:
        """Read one more token in every row; see :meth:`Ensemble.step`."""
        steps = [self._models.step(tokens, way) for way in state.ways]
        logits, ways = zip(*steps, strict=True)
        return mean_of_probabilities(logits), SegmentationState(ways)

    def read(
        self, source: Int[Tensor, "batch source_len"], target: Int[Tensor, "batch target_len"]
    ) -> Float[Tensor, "batch target_len vocabulary"]:
        """Return the logits of each next token of given targets; see :meth:`Ensemble.read`."""
        return mean_of_probabilities(
            [self._models.read(each, target) for each in self._ways(source)]
        )

    def _ways(self, source: Int[Tensor, "sentences source_len"]) -> Iterator[Tensor]:
        """Give a batch for each way to cut its sources."""
        lengths = ((source != PAD).sum(dim=1) - 1).tolist()
        rows = [row[:length] for row, length in zip(source.tolist(), lengths, strict=True)]
        for way in zip(*map(self._cut, rows), strict=True):
            yield pad_sequences([[*cut, END] for cut in way], source.device)
