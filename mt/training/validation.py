"""Measure a model in training on pairs it never learns from."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, get_args

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
    sets: Mapping[str, "ValidationResult"] = field(default_factory=dict)
    """What was found on each set of pairs by itself, where there are several."""
    forgotten: float = 0.0
    """By how much more than it may a set has become worse since before the first update, in the
    metric's unit; such a checkpoint is not chosen."""
    examples: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)
    """A few sources, references and hypotheses."""

    @property
    def quality(self) -> float:
        """The score, or the loss, as a number of which more is better."""
        if self.score is None:
            return -self.loss
        return self.score.value if higher_is_better(self.score.metric) else -self.score.value

    @property
    def selection_score(self) -> float:
        """The number that picks the best checkpoint; more is better."""
        return self.quality if self.forgotten == 0 else -math.inf

    @property
    def rank(self) -> tuple[float, float]:
        """What orders checkpoints; of equal scores, as BLEU of 0 at first, the lower loss wins."""
        return self.selection_score, -self.loss

    def to_json(self) -> dict[str, Any]:
        """Write the numbers, by name."""
        values: dict[str, Any] = {"loss": self.loss}
        if self.score is not None:
            values[self.score.metric] = self.score.to_json()
        for name, result in self.sets.items():
            values |= {f"{name}/{key}": value for key, value in result.to_json().items()}
        return values | ({"forgotten": self.forgotten} if self.forgotten else {})

    @classmethod
    def from_json(cls, update: int, values: Mapping[str, Any]) -> "ValidationResult":
        """Read what :meth:`to_json` wrote."""
        score = None
        for metric in get_args(StringMetricName):
            if found := values.get(metric):
                fields = (found[name] for name in ("score", "signature", "low", "high"))
                score = Score(metric, *fields)
        parts: dict[str, dict[str, Any]] = {}
        for key, value in values.items():
            name, slash, inner = key.rpartition("/")
            if slash:
                parts.setdefault(name, {})[inner] = value
        sets = {name: cls.from_json(update, part) for name, part in parts.items()}
        return cls(update, values["loss"], score, sets, values.get("forgotten", 0.0))

    def __str__(self) -> str:
        score = f", {self.score.metric} {self.score.value:.2f}" if self.score else ""
        parts = [f"loss {self.loss:.3f}{score}"]
        sets = {name: f"{name}: {result}" for name, result in self.sets.items()}
        for name, result in self.sets.items():
            if (result.loss, result.score) == (self.loss, self.score):  # it leads: named once
                parts = [sets.pop(name)]
                break
        parts += sets.values()
        if self.forgotten:
            parts.append(f"forgets {self.forgotten:.2f} more than it may")
        return "; ".join(parts)


class ValidationSet(NamedTuple):
    """Pairs that are measured by themselves."""

    name: str | None
    """``None`` where there is one alone without a name."""
    store: Mixture
    """The encoded pairs, for the loss."""
    pairs: Sequence[Pair]
    """Their texts, for the score."""


class Validation:
    """Measures the loss of a model and, unless that alone is wanted, the score of translations."""

    def __init__(
        self,
        metric: Literal["loss"] | StringMetricName,
        sets: Sequence[ValidationSet],
        translate: Translate,
        *,
        lead: str | None = None,
        max_forgetting: float | None = None,
        batch_tokens: int,
        precision: Precision,
        device: torch.device,
    ) -> None:
        """Put the parts together.

        Args:
            metric: What is measured on the translations; ``loss``: nothing is translated.
            sets: The pairs, at least one set.
            translate: Translates the sources of pairs with the model that is validated.
            lead: The set whose result counts; ``None``: all pairs together.
            max_forgetting: By how much another set may become worse than it was at update 0;
                ``None``: by any.
            batch_tokens: Tokens of a batch, as in training.
            precision: Arithmetic of matrix products where the loss is computed.
            device: Where the models are.

        Raises:
            DataError: If the targets are no text that can be scored.
        """
        if metric != "loss":
            targets = [pair.target for each in sets for pair in each.pairs]
            refuse_unless_text(targets, "validation: targets")
            if metric != "chrf" and (suited := suited_tokenizer(targets)):
                log.warning(
                    "validation: expected words between spaces for %s, but the targets seem to be "
                    "%s; let the recipe say validation.metric: chrf", metric, suited[0],
                )  # fmt: skip
        self.metric = metric
        self.sets = sets
        self.translate = translate
        self.lead = lead
        self.max_forgetting = max_forgetting
        self.start: ValidationResult | None = None
        """What was found at update 0, if anything was measured then."""
        self.batch_tokens = batch_tokens
        self.precision = precision
        self.device = device

    def run(self, model: EncoderDecoder, update: int) -> ValidationResult:
        """Measure a model after an update; it is left in evaluation mode."""
        model.eval()
        measured = [self._measure(model, each) for each in self.sets]
        results = [self._result(update, [each]) for each in measured]
        names = [each.name for each in self.sets]
        if self.lead is not None:
            result = results[names.index(self.lead)]
        else:
            result = results[0] if len(results) == 1 else self._result(update, measured)
        if len(results) > 1:
            result = replace(result, sets=dict(zip(map(str, names), results, strict=True)))
        if update == 0:
            self.start = result
        return replace(result, forgotten=self._forgotten(result))

    def _forgotten(self, result: ValidationResult) -> float:
        """Say by how much more than it may a set has become worse."""
        if self.max_forgetting is None or self.start is None:
            return 0.0
        worse = (
            self.start.sets[name].quality - result.sets[name].quality
            for name in result.sets
            if name != self.lead
        )
        return max(0.0, max(worse, default=0.0) - self.max_forgetting)

    def _measure(self, model: EncoderDecoder, pairs: ValidationSet) -> "_Measured":
        nats, tokens = self._loss(model, pairs.store)
        if self.metric == "loss":
            return _Measured(nats, tokens, pairs.pairs)
        hypotheses = self.translate(model, [pair.source for pair in pairs.pairs])
        return _Measured(nats, tokens, pairs.pairs, hypotheses)

    def _result(self, update: int, measured: Sequence["_Measured"]) -> ValidationResult:
        """Put the measurements of sets together."""
        loss = sum(each.nats for each in measured) / sum(each.tokens for each in measured)
        if self.metric == "loss":
            return ValidationResult(update, loss)
        pairs = [pair for each in measured for pair in each.pairs]
        hypotheses = [line for each in measured for line in each.hypotheses]
        references = [pair.target for pair in pairs]
        [score] = evaluate(hypotheses, [references], [self.metric], bootstrap=0)
        examples = tuple(
            (pair.source, pair.target, hypothesis)
            for pair, hypothesis in zip(pairs[:3], hypotheses, strict=False)
        )
        return ValidationResult(update, loss, score, examples=examples)

    @torch.no_grad()
    def _loss(self, model: EncoderDecoder, store: Mixture) -> tuple[float, float]:
        """Sum the cross-entropy of the target tokens, and count them."""
        objective = Objective(smoothing=0.0)
        lengths = store.lengths(np.arange(len(store)))
        budget = max(self.batch_tokens, store.longest)
        total = tokens = 0.0
        with hardware.autocast(self.device, self.precision):
            for indices in plan_batches(*lengths, budget, key=[0]):
                loss = objective(model, store.batch(indices).to(self.device))
                total += float(loss.cross_entropy)
                tokens += loss.tokens
        return total, tokens


class _Measured(NamedTuple):
    """What was measured on a set of pairs."""

    nats: float
    """Cross-entropy, summed over the target tokens."""
    tokens: float
    pairs: Sequence[Pair]
    hypotheses: Sequence[str] = ()
