"""The engine that runs every model of :mod:`mt.model`, on every device of torch."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from mt.data.batches import pad_sequences
from mt.data.lengths import group_by_length
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import END, START
from mt.translation.config import SamplingConfig, SearchConfig
from mt.translation.contract import NEVER, Hypothesis, Pending
from mt.translation.engines.ensemble import Ensemble
from mt.translation.search import (
    Limits,
    MinimumLength,
    NoRepeatNgram,
    Processor,
    Suppress,
    constrained_search,
    run_search,
    sample,
)

BATCH_TOKENS = 8192
"""Padded source tokens times hypotheses searched at once; measured, see docs/experiments.md."""


FEWEST_ROWS = 12
"""The least beam of a search with phrases."""


class TorchEngine:
    """Searches batches of sentences of similar length; see :class:`Engine`.

    Attributes:
        model: The first model, in evaluation mode, on ``device``.
        device: Where all models are.
    """

    def __init__(
        self, model: EncoderDecoder, device: torch.device, others: Sequence[EncoderDecoder] = ()
    ) -> None:
        """Put the models on a device.

        Args:
            model: Translates.
            device: Where to compute.
            others: Translate together with it, with the mean of their probabilities.
        """
        models = [each.to(device).eval() for each in (model, *others)]
        self.model = models[0]
        self.device = device
        self._ensemble = Ensemble(models)
        self._scorer: Any = self._ensemble if others else self.model

    def submit(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int = 1
    ) -> Pending:
        """Translate sentences when the result is asked for; see :meth:`Engine.submit`."""
        return partial(self._search, sources, config, best)

    @torch.inference_mode()
    def _search(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int
    ) -> list[list[Hypothesis]]:
        results: dict[int, list[Hypothesis]] = {}
        lengths = [len(source) + 1 for source in sources]
        for indices in group_by_length(lengths, budget=BATCH_TOKENS // config.kept):
            found = self._search_batch([sources[index] for index in indices], config)
            results |= zip(indices, (pool[:best] for pool in found), strict=True)
        return [results[index] for index in range(len(sources))]

    def _search_batch(
        self, sources: Sequence[Sequence[int]], config: SearchConfig
    ) -> list[list[Hypothesis]]:
        """Search for translations of sentences that fit into one batch."""
        sampling = isinstance(config, SamplingConfig)
        # Samples end one by one, while the hypotheses of a beam stay together.
        rows = [source for source in sources for _ in range(config.kept if sampling else 1)]
        beam = 1 if sampling else config.kept
        state = self._scorer.start(
            pad_sequences([[*source, END] for source in rows], self.device), beam
        )
        limits = Limits(START, END, tuple(config.longest(len(source)) + 1 for source in rows))
        fewest = [config.shortest(len(source)) for source in rows for _ in range(beam)]
        processors: list[Processor] = [
            Suppress(sorted(NEVER)),
            MinimumLength(END, torch.tensor(fewest, device=self.device)),
        ]
        if config.no_repeat_ngram:
            processors.append(NoRepeatNgram(config.no_repeat_ngram))
        if isinstance(config, SamplingConfig):
            return sample(config, sources, self._scorer, state, limits, self.device, processors)
        return run_search(config, self._scorer, state, limits, self.device, processors)

    @torch.inference_mode()
    def search_with_phrases(
        self,
        source: Sequence[int],
        phrases: Sequence[Sequence[int]],
        config: SearchConfig,
        after: Sequence[int],
    ) -> list[Hypothesis]:
        """Translate one sentence so that the translation holds given phrases.

        Args:
            source: Token ids without marks.
            phrases: Target tokens, none empty.
            config: How to search; the beam is as wide as the phrases need.
            after: Tokens that may follow a phrase; the end may always.

        Returns:
            Hypotheses, at least one, best first.
        """
        tokens = sum(map(len, phrases))
        beam = max(config.kept, 2 * (tokens + 1), FEWEST_ROWS)
        state = self._scorer.start(pad_sequences([[*source, END]], self.device), beam)
        mask = torch.zeros(self.model.output.out_features, dtype=torch.bool, device=self.device)
        mask[[*after, END]] = True
        return constrained_search(
            self._scorer,
            state,
            Limits(START, END, (config.longest(len(source)) + 1,)),
            phrases,
            beam,
            self.device,
            [Suppress(sorted(NEVER))],
            config.score,
            mask,
        )

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
            rows = self._ensemble.read(read, given)
            values = rows.gather(-1, wanted[..., None])[..., 0].tolist()
            results |= {
                index: row[: len(targets[index]) + 1]
                for index, row in zip(indices, values, strict=True)
            }
        return [results[index] for index in range(len(sources))]
