"""The engine that runs every model of :mod:`mt.model`, on every device of torch."""

from collections.abc import Sequence
from functools import partial

import torch

from mt.data.batches import pad_sequences
from mt.data.lengths import group_by_length
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import END, START
from mt.translation.config import SearchConfig
from mt.translation.contract import NEVER, Hypothesis, Pending, longest_translation
from mt.translation.search import (
    Limits,
    NoRepeatNgram,
    Processor,
    Suppress,
    run_search,
)

BATCH_TOKENS = 8192
"""Padded source tokens times hypotheses searched at once; measured, see docs/experiments.md."""


class TorchEngine:
    """Searches batches of sentences of similar length; see :class:`Engine`.

    Attributes:
        model: In evaluation mode, on ``device``.
        device: Where the model is.
    """

    def __init__(self, model: EncoderDecoder, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.device = device

    def submit(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int = 1
    ) -> Pending:
        """Translate sentences when the result is asked for; see :meth:`Engine.submit`."""
        return partial(self._search, sources, config, best)

    @torch.inference_mode()
    def _search(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int
    ) -> list[list[Hypothesis]]:
        beam = config.kept
        results: dict[int, list[Hypothesis]] = {}
        lengths = [len(source) + 1 for source in sources]
        for indices in group_by_length(lengths, budget=BATCH_TOKENS // beam):
            batch = [sources[index] for index in indices]
            rows = pad_sequences([[*source, END] for source in batch], self.device)
            longest = tuple(longest_translation(len(source)) for source in batch)
            found = run_search(
                config,
                self.model,
                self.model.start(rows, beam),
                Limits(START, END, longest),
                self.device,
                _processors(config),
            )
            results |= zip(indices, (pool[:best] for pool in found), strict=True)
        return [results[index] for index in range(len(sources))]

    @torch.inference_mode()
    def score(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Score given translations; see :meth:`Engine.score`."""
        results: dict[int, list[float]] = {}
        lengths = [[len(tokens) + 1 for tokens in side] for side in (sources, targets)]
        for indices in group_by_length(*lengths, budget=BATCH_TOKENS):
            read = pad_sequences([[*sources[index], END] for index in indices], self.device)
            given = pad_sequences([[START, *targets[index]] for index in indices], self.device)
            wanted = pad_sequences([[*targets[index], END] for index in indices], self.device)
            rows = self.model.output(self.model(read, given)).float().log_softmax(dim=-1)
            values = rows.gather(-1, wanted[..., None])[..., 0].tolist()
            results |= {
                index: row[: len(targets[index]) + 1]
                for index, row in zip(indices, values, strict=True)
            }
        return [results[index] for index in range(len(sources))]


def _processors(config: SearchConfig) -> list[Processor]:
    processors: list[Processor] = [Suppress(sorted(NEVER)), Suppress([END], steps=1)]
    if config.no_repeat_ngram:
        processors.append(NoRepeatNgram(config.no_repeat_ngram))
    return processors
