"""The engine that runs every model of :mod:`mt.model`, on every device of torch."""

from collections.abc import Iterator, Sequence

import torch

from mt.model import EncoderDecoder
from mt.text.tokenizer import END, PAD, START, UNKNOWN
from mt.translation.search import Hypothesis, Limits, beam_search, greedy_search

BATCH_PIECES = 8192
"""Padded source pieces times hypotheses searched at once; measured, see docs/experiments.md."""


class TorchEngine:
    """Searches batches of sentences of similar length.

    Attributes:
        model: In evaluation mode, on ``device``.
        device: Where the model is.
    """

    def __init__(self, model: EncoderDecoder, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.device = device

    @torch.inference_mode()
    def generate(
        self,
        sources: Sequence[Sequence[int]],
        beam: int,
        length_penalty: float,
        prefixes: Sequence[Sequence[int]] | None = None,
    ) -> list[Hypothesis]:
        """Translate each source and return its best hypothesis; see :class:`Engine`.

        Args:
            sources: Piece ids without marks.
            beam: Hypotheses kept at every step.
            length_penalty: Exponent of the length in the score.
            prefixes: Of each source: the pieces that its translation must begin with; the last may
                be the end mark. They count in the score as if search had chosen them.
        """
        prefixes = prefixes or [()] * len(sources)
        results: dict[int, Hypothesis] = {}
        for indices in _batches(sources, budget=BATCH_PIECES // beam):
            batch = [sources[index] for index in indices]
            begun = [prefixes[index] for index in indices]
            results |= zip(indices, self._search(batch, beam, length_penalty, begun), strict=True)
        return [results[index] for index in range(len(sources))]

    def _search(
        self,
        sources: Sequence[Sequence[int]],
        beam: int,
        length_penalty: float,
        prefixes: Sequence[Sequence[int]],
    ) -> list[Hypothesis]:
        longest = max(len(source) for source in sources) + 1
        rows = [[*source, END, *[PAD] * (longest - len(source) - 1)] for source in sources]
        state = self.model.start(torch.tensor(rows, device=self.device), beam)
        limits = Limits(
            start=START,
            end=END,
            never=(PAD, UNKNOWN, START),
            lengths=tuple(
                max(_most_pieces(len(source)), len(prefix) + 1)
                for source, prefix in zip(sources, prefixes, strict=True)
            ),
            prefixes=tuple(map(tuple, prefixes)),
        )
        if beam == 1:
            return greedy_search(self.model, state, limits, self.device, length_penalty)
        pools = beam_search(self.model, state, limits, self.device, beam, length_penalty)
        return [pool[0] for pool in pools]


def _batches(sources: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    """Group sources of similar length, longest first, within a budget of padded pieces."""
    batch: list[int] = []
    for index in sorted(range(len(sources)), key=lambda index: -len(sources[index])):
        if batch and (len(batch) + 1) * (len(sources[batch[0]]) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _most_pieces(source: int) -> int:
    """Bound the pieces of a translation: no language pair needs more, and a loop must end."""
    return 3 * source + 20
