"""Measure a model in training on pairs it never learns from."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch

from mt import hardware
from mt.data.corpora import Pair
from mt.data.mixture import Mixture
from mt.data.planning import plan_batches
from mt.devices import Precision
from mt.evaluation import (
    Score,
    StringMetricName,
    evaluate,
    higher_is_better,
    refuse_unless_text,
    suited_tokenizer,
)
from mt.model.contract import EncoderDecoder
from mt.training.objective import Objective

log = logging.getLogger(__name__)

Translate = Callable[[EncoderDecoder, Sequence[str]], list[str]]
"""Translates lines with a model."""


@dataclass(frozen=True)
class ValidationResult:
    """What a validation found."""

    update: int
    loss: float
    """Cross-entropy without smoothing, in nats per target token."""
    score: Score | None = None
    """That of the translations, without an interval; ``None``: the loss alone counts."""
    examples: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)
    """A few sources, references and hypotheses."""

    @property
    def selection_score(self) -> float:
        """The number that picks the best checkpoint: of the score, or the loss; more is better."""
        if self.score is None:
            return -self.loss
        return self.score.value if higher_is_better(self.score.metric) else -self.score.value

    def to_json(self) -> dict[str, Any]:
        """Write the numbers, by name."""
        values: dict[str, Any] = {"loss": self.loss}
        if self.score is not None:
            values[self.score.metric] = self.score.to_json()
        return values

    @classmethod
    def from_json(cls, update: int, values: Mapping[str, Any]) -> "ValidationResult":
        """Read what :meth:`to_json` wrote."""
        for metric in get_args(StringMetricName):
            if found := values.get(metric):
                fields = (found[name] for name in ("score", "signature", "low", "high"))
                return cls(update, values["loss"], Score(metric, *fields))
        return cls(update, values["loss"])

    def __str__(self) -> str:
        score = f", {self.score.metric} {self.score.value:.2f}" if self.score else ""
        return f"loss {self.loss:.3f}{score}"


class Validation:
    """Measures the loss of a model and, unless that alone is wanted, the score of translations."""

    def __init__(
        self,
        metric: Literal["loss"] | StringMetricName,
        store: Mixture,
        pairs: Sequence[Pair],
        translate: Translate,
        *,
        batch_tokens: int,
        precision: Precision,
        device: torch.device,
    ) -> None:
        """Put the parts together.

        Args:
            metric: What is measured on the translations; ``loss``: nothing is translated.
            store: The encoded pairs, for the loss.
            pairs: Their texts, for the score.
            translate: Translates the sources of ``pairs`` with the model that is validated.
            batch_tokens: Tokens of a batch, as in training.
            precision: Arithmetic of matrix products where the loss is computed.
            device: Where the models are.

        Raises:
            DataError: If the targets are no text that can be scored.
        """
        if metric != "loss":
            targets = [pair.target for pair in pairs]
            refuse_unless_text(targets, "validation: targets")
            if metric != "chrf" and (suited := suited_tokenizer(targets)):
                log.warning(
                    "validation: expected words between spaces for %s, but the targets seem to be "
                    "%s; let the recipe say validation.metric: chrf", metric, suited[0],
                )  # fmt: skip
        self.metric = metric
        self.store = store
        self.pairs = pairs
        self.translate = translate
        self.batch_tokens = batch_tokens
        self.precision = precision
        self.device = device

    def run(self, model: EncoderDecoder, update: int) -> ValidationResult:
        """Measure a model after an update; it is left in evaluation mode."""
        model.eval()
        loss = self._loss(model)
        if self.metric == "loss":
            return ValidationResult(update, loss)
        hypotheses = self.translate(model, [pair.source for pair in self.pairs])
        references = [pair.target for pair in self.pairs]
        [score] = evaluate(hypotheses, [references], [self.metric], bootstrap=0)
        examples = tuple(
            (pair.source, pair.target, hypothesis)
            for pair, hypothesis in zip(self.pairs[:3], hypotheses, strict=False)
        )
        return ValidationResult(update, loss, score, examples)

    @torch.no_grad()
    def _loss(self, model: EncoderDecoder) -> float:
        objective = Objective(smoothing=0.0)
        lengths = self.store.lengths(np.arange(len(self.store)))
        budget = max(self.batch_tokens, self.store.longest)
        total = tokens = 0.0
        with hardware.autocast(self.device, self.precision):
            for indices in plan_batches(*lengths, budget, key=[0]):
                loss = objective(model, self.store.batch(indices).to(self.device))
                total += float(loss.cross_entropy)
                tokens += loss.tokens
        return total / tokens
