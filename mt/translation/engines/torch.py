"""The engine that runs every model of :mod:`mt.model`, on every device of torch."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

from mt import hardware
from mt.data.batches import pad_sequences
from mt.data.lengths import group_by_length
from mt.devices import EnginePrecision, Precision
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import END, PAD, START
from mt.translation.config import BeamConfig, SamplingConfig, SearchConfig
from mt.translation.constraints import TokenConstraints
from mt.translation.contract import NEVER, Hypothesis, Pending
from mt.translation.engines.coverage import (
    CoveredState,
    CoveringScorer,
    collected_attention,
    last_cross_attention,
    log_coverage,
)
from mt.translation.engines.ensemble import Ensemble
from mt.translation.engines.segmentations import Cut, SegmentationEnsemble
from mt.translation.search import (
    BeginWith,
    Forbid,
    Limits,
    MinimumLength,
    NoRepeatNgram,
    Processor,
    Suppress,
    beam_search,
    constrained_search,
    run_search,
    sample,
)

log = logging.getLogger(__name__)

BATCH_TOKENS = 8192
"""Padded source tokens times hypotheses searched at once; measured, see docs/experiments.md."""


FEWEST_ROWS = 12
"""The least beam of a search with constraints."""


Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def _inference(
    method: "Callable[Concatenate[TorchEngine, Arguments], Result]",
) -> "Callable[Concatenate[TorchEngine, Arguments], Result]":
    """Let a method of an engine compute without gradients, in the engine's arithmetic."""

    @wraps(method)
    def inferring(
        engine: "TorchEngine", /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        with torch.inference_mode(), hardware.autocast(engine.device, engine.precision):
            return method(engine, *args, **kwargs)

    return inferring


class TorchEngine:
    """Searches batches of sentences of similar length; see :class:`Engine`.

    Attributes:
        model: The first model, in evaluation mode, on ``device``.
        device: Where all models are.
        precision: The numbers that are multiplied.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        device: torch.device,
        others: Sequence[EncoderDecoder] = (),
        cut: Cut | None = None,
        precision: EnginePrecision = "float32",
    ) -> None:
        """Put the models on a device.

        Args:
            model: Translates.
            device: Where to compute.
            others: Translate together with it, with the mean of their probabilities.
            cut: Gives the ways in which each source is read; ``None``: as it is.
            precision: The numbers that are multiplied; probabilities are float32. What the device
                is not made for is told, and float32 taken.
        """
        bfloat16 = precision == "bfloat16" and hardware.computes_bfloat16(device)
        if not bfloat16 and precision not in {"auto", "float32"}:
            log.warning(
                "precision: the torch engine does not multiply in %s on this %s, and takes float32",
                precision, device.type,
            )  # fmt: skip
        self.precision: Precision = "bf16" if bfloat16 else "fp32"
        self._models = [each.to(device).eval() for each in (model, *others)]
        self.model = self._models[0]
        self.device = device
        models = Ensemble(self._models)
        self._ensemble = models if cut is None else SegmentationEnsemble(models, cut)
        self._scorer: Any = self._ensemble if others or cut else self.model

    def submit(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int = 1
    ) -> Pending:
        """Translate sentences when the result is asked for; see :meth:`Engine.submit`."""
        return partial(self._search, sources, config, best)

    @_inference
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
        # Samples end one by one, while the hypotheses of a beam stay together.
        samples, beam = 1, config.kept
        if isinstance(config, SamplingConfig):
            samples, beam = config.size, 1
        lengths = [len(source) for source in sources for _ in range(samples)]
        limits = Limits(START, END, tuple(config.longest(length) + 1 for length in lengths))
        fewest = [config.shortest(length) for length in lengths for _ in range(beam)]
        processors: list[Processor] = [
            Suppress(sorted(NEVER)),
            MinimumLength(END, torch.tensor(fewest, device=self.device)),
        ]
        if config.no_repeat_ngram:
            processors.append(NoRepeatNgram(config.no_repeat_ngram))
        read = pad_sequences([[*source, END] for source in sources], self.device)
        weight = _coverage_weight(config)
        scorer = CoveringScorer(self._scorer, self._models) if weight else self._scorer
        state = scorer.start(read, beam)
        if isinstance(config, SamplingConfig):
            return sample(config, sources, scorer, state, limits, self.device, processors)

        def coverage(state: CoveredState) -> Tensor:
            return weight * state.coverage()

        return run_search(
            config, scorer, state, limits, self.device, processors,
            coverage=coverage if weight else None,
        )  # fmt: skip

    @_inference
    def search_constrained(
        self, source: Sequence[int], constraints: TokenConstraints, config: SearchConfig
    ) -> list[Hypothesis]:
        """Translate one sentence under constraints, with a beam that is wide enough for them.

        Args:
            source: Token ids without marks.
            constraints: What the translation begins with, holds, and never says.
            config: How hypotheses are ranked, and the least beam.

        Returns:
            Hypotheses that are as asked, best first; none if no such is found.
        """
        needed = sum(map(len, constraints.phrases))
        begun = len(constraints.prefix) + len(constraints.rest)
        beam = max(config.kept, 2 * (needed + 1), FEWEST_ROWS)
        length = max(config.longest(len(source)), needed) + begun + 1
        limits = Limits(START, END, (length,))
        writes_nothing = [token for token, each in enumerate(constraints.spellings) if not each]
        processors: list[Processor] = [
            Suppress([token for token in writes_nothing if token != END]),
            MinimumLength(END, torch.ones(beam, dtype=torch.long, device=self.device)),
        ]
        if begun:
            processors.append(BeginWith(constraints))
        if constraints.forbidden.terms:
            forbidden = constraints.forbidden
            processors.append(Forbid(forbidden, constraints.spellings, length, self.device))
        state = self._scorer.start(pad_sequences([[*source, END]], self.device), beam)
        if constraints.phrases:
            after = torch.zeros(len(constraints.spellings), dtype=torch.bool, device=self.device)
            after[[*constraints.word_breaks, END]] = True
            found = constrained_search(
                self._scorer, state, limits, constraints.phrases, beam, self.device, processors,
                config.score, after,
            )  # fmt: skip
        else:
            if config.no_repeat_ngram and not begun:
                processors.append(NoRepeatNgram(config.no_repeat_ngram))
            [found] = beam_search(
                self._scorer, state, limits, self.device, beam, processors, config.score
            )
        added = self.coverage([source] * len(found), [each.tokens for each in found], config)
        return [
            replace(each, score=each.score + covered, coverage=covered)
            for each, covered in zip(found, added, strict=True)
        ]

    @_inference
    def coverage(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        config: SearchConfig,
    ) -> list[float]:
        """Return what the coverage penalty of a search adds to the scores of given translations.

        Args:
            sources: Token ids without marks; none is empty.
            targets: Likewise, one for each source; may be empty.
            config: How the translations would be searched for.
        """
        weight = _coverage_weight(config)
        if not weight:
            return [0.0] * len(sources)
        added = []
        for source, target in zip(sources, targets, strict=True):
            read = torch.tensor([[*source, END]], device=self.device)
            written = torch.tensor([[START, *target]], device=self.device)
            paid = torch.zeros(read.shape, device=self.device)
            for model in self._models:
                with collected_attention([last_cross_attention(model)]) as found:
                    model(read, written)
                paid += torch.cat(found, dim=1).sum(dim=1)
            attention = paid / len(self._models)
            added.append(weight * log_coverage(attention, read != PAD).item())
        return added

    @_inference
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


def _coverage_weight(config: SearchConfig) -> float:
    return config.coverage_penalty if isinstance(config, BeamConfig) else 0.0
