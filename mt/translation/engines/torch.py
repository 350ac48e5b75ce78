"""The engine that runs every model of :mod:`mt.model`, on every device of torch."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import END, PAD, START, UNKNOWN
from mt.translation.config import SearchConfig
from mt.translation.contract import Hypothesis
from mt.translation.search import Limits, Suppress, rows_per_sentence, run_search

BATCH_TOKENS = 8192
"""Padded source tokens times hypotheses searched at once; measured, see docs/experiments.md."""
NEVER = (PAD, UNKNOWN, START)
"""Tokens that no translation may hold."""


class TorchEngine:
    """Searches batches of sentences of similar length; see :class:`Engine`.

    Attributes:
        model: In evaluation mode, on ``device``.
        device: Where the model is.
    """

    def __init__(self, model: EncoderDecoder, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.device = device

    @torch.inference_mode()
    def search(
        self, sources: Sequence[Sequence[int]], config: SearchConfig
    ) -> list[list[Hypothesis]]:
        """Translate sentences; see :meth:`Engine.search`."""
        beam = rows_per_sentence(config)
        results: dict[int, list[Hypothesis]] = {}
        for indices in _batches(sources, budget=BATCH_TOKENS // beam):
            batch = [sources[index] for index in indices]
            lengths = tuple(longest_translation(len(source)) for source in batch)
            found = run_search(
                config,
                self.model,
                self.model.start(self._rows(batch), beam),
                Limits(START, END, lengths),
                self.device,
                [Suppress(NEVER)],
            )
            results |= zip(indices, found, strict=True)
        return [results[index] for index in range(len(sources))]

    def _rows(self, sources: Sequence[Sequence[int]]) -> Int[Tensor, "sentences source_len"]:
        """End each source, and pad to the longest."""
        longest = max(len(source) for source in sources)
        rows = [[*source, END, *[PAD] * (longest - len(source))] for source in sources]
        return torch.tensor(rows, device=self.device)


def longest_translation(source: int) -> int:
    """Bound the tokens of a translation: no language pair needs more, and a loop must end."""
    return 3 * source + 20


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
