"""The engine that runs every model of :mod:`mt.model`, on every device of torch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from mt.model.contract import DecoderState, EncoderDecoder
from mt.text.tokenizer import END, PAD, START, UNKNOWN
from mt.translation.search import Hypothesis, Limits, beam_search, greedy_search
from mt.translation.search.candidates import log_softmax

BATCH_TOKENS = 8192
"""Padded source tokens times hypotheses searched at once; measured, see docs/experiments.md."""


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
        self, sources: Sequence[Sequence[int]], beam: int, length_penalty: float
    ) -> list[Hypothesis]:
        """Translate each source and return its best hypothesis; see :class:`Engine`.

        Args:
            sources: Token ids without marks.
            beam: Hypotheses kept at every step.
            length_penalty: Exponent of the length in the score.
        """
        results: dict[int, Hypothesis] = {}
        for indices in _batches(sources, budget=BATCH_TOKENS // beam):
            batch = [sources[index] for index in indices]
            state = self.model.start(self._rows(batch), beam)
            limits = _limits(_most_tokens(len(source)) for source in batch)
            found = self._search(state, limits, beam, length_penalty)
            results |= zip(indices, found, strict=True)
        return [results[index] for index in range(len(sources))]

    @torch.inference_mode()
    def generate_variants(
        self,
        source: Sequence[int],
        target: Sequence[int],
        others: Sequence[Sequence[int]],
        beam: int,
        length_penalty: float,
    ) -> list[Hypothesis]:
        """Translate a source once for every token that may replace one of its target.

        A variant begins with the target up to a token, then another token, and goes on as search
        finds best; the beginning counts in its score as if search had chosen it. What variants
        share is read once: the source, and the target token by token; each batch of variants
        branches off from there.

        Args:
            source: Token ids without marks.
            target: Token ids, with or without the end mark.
            others: Of each target token, in order: those to put in its place. They may be the end
                mark.
            beam: Hypotheses kept at every step.
            length_penalty: Exponent of the length in the score.

        Returns:
            The best hypothesis of each variant, in the order of ``others``.
        """
        branches = [(place, token) for place, row in enumerate(others) for token in row]
        size = max(1, BATCH_TOKENS // beam // (len(source) + 1))
        found: list[Hypothesis] = []
        trunk, read = self.model.start(self._rows([source]), 1), 0
        log_probability = torch.zeros((), device=self.device)
        for first in range(0, len(branches), size):
            batch = branches[first : first + size]
            for place in range(read, batch[0][0]):
                token = torch.tensor([(START, *target)[place]], device=self.device)
                logits, trunk = self.model.step(token, trunk)
                log_probability = log_probability + log_softmax(logits)[0, target[place]]
            read = batch[0][0]
            row = torch.zeros(len(batch), dtype=torch.long, device=self.device)
            state = trunk.select(row.repeat_interleave(beam), row)
            prefixes = [(*target[:place], token) for place, token in batch]
            limits = replace(
                _limits(max(_most_tokens(len(source)), len(prefix) + 1) for prefix in prefixes),
                prefixes=tuple(prefixes),
                begun=tuple(target[:read]),
                log_probability=log_probability.item(),
            )
            found += self._search(state, limits, beam, length_penalty)
        return found

    def _rows(self, sources: Sequence[Sequence[int]]) -> Int[Tensor, "sentences source_len"]:
        """End each source, and pad to the longest."""
        longest = max(len(source) for source in sources)
        rows = [[*source, END, *[PAD] * (longest - len(source))] for source in sources]
        return torch.tensor(rows, device=self.device)

    def _search(
        self, state: DecoderState, limits: Limits, beam: int, length_penalty: float
    ) -> list[Hypothesis]:
        if beam == 1:
            return greedy_search(self.model, state, limits, self.device, length_penalty)
        pools = beam_search(self.model, state, limits, self.device, beam, length_penalty)
        return [pool[0] for pool in pools]


def _limits(lengths: Iterable[int]) -> Limits:
    return Limits(start=START, end=END, never=(PAD, UNKNOWN, START), lengths=tuple(lengths))


def _batches(sources: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    """Group sources of similar length, longest first, within a budget of padded tokens."""
    batch: list[int] = []
    for index in sorted(range(len(sources)), key=lambda index: -len(sources[index])):
        if batch and (len(batch) + 1) * (len(sources[batch[0]]) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _most_tokens(source: int) -> int:
    """Bound the tokens of a translation: no language pair needs more, and a loop must end."""
    return 3 * source + 20
