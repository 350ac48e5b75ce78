"""Judge a model in training on pairs it never learns from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import torch

from mt import hardware
from mt.data.corpora import Pair
from mt.data.lengths import plan_epoch
from mt.data.mixture import Mixture
from mt.evaluation import MetricName, Score, evaluate, higher_is_better
from mt.model.contract import EncoderDecoder
from mt.training.config import TrainingConfig, ValidationConfig
from mt.training.objective import Objective
from mt.translation import Translator


@dataclass(frozen=True)
class ValidationResult:
    """What a validation found."""

    update: int
    loss: float
    """Cross-entropy without smoothing, in nats per target token."""
    metric: MetricName | None = None
    """What was measured on the translations; ``None``: the loss alone counts."""
    score: Score | None = None
    """The result, without an interval."""
    examples: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)
    """A few sources, references and hypotheses."""

    @property
    def selection_score(self) -> float:
        """The chosen metric as a number of which more is better."""
        if self.metric is None or self.score is None:
            return -self.loss
        return self.score.value if higher_is_better(self.metric) else -self.score.value

    def to_json(self) -> dict[str, Any]:
        """Write the numbers, by name."""
        values: dict[str, Any] = {"loss": self.loss}
        if self.metric is not None and self.score is not None:
            values[self.metric] = self.score.to_json()
        return values

    @classmethod
    def from_json(cls, update: int, values: Mapping[str, Any]) -> "Verdict":
        """Read what :meth:`to_json` wrote."""
        for metric in get_args(MetricName):
            if found := values.get(metric):
                fields = (found[name] for name in ("score", "signature", "low", "high"))
                return cls(update, values["loss"], metric, Score(metric, *fields))
        return cls(update, values["loss"])

    def __str__(self) -> str:
        score = f", {self.score.metric} {self.score.value:.2f}" if self.score else ""
        return f"loss {self.loss:.3f}{score}"


class Validation:
    """Measures loss and, unless the loss alone is asked for, the score of actual translations."""

    def __init__(  # noqa: PLR0917 - it joins what the rooms below offer
        self,
        config: ValidationConfig,
        training: TrainingConfig,
        store: Mixture,
        pairs: Sequence[Pair],
        translator: Translator,
        device: torch.device,
    ) -> None:
        self.config = config
        self.training = training
        self.store = store
        self.pairs = pairs
        self.translator = translator
        self.device = device

    def run(self, model: EncoderDecoder, update: int) -> ValidationResult:
        """Judge ``model``, which the translator's engine holds too; leave it in evaluation mode."""
        model.eval()
        loss = self._loss(model)
        if self.config.metric == "loss":
            return ValidationResult(update, loss)
        translations = self.translator.translate_all([pair.source for pair in self.pairs])
        hypotheses = [translation.text for translation in translations]
        references = [pair.target for pair in self.pairs]
        [score] = evaluate(hypotheses, [references], [self.config.metric], bootstrap=0)
        examples = tuple(
            (pair.source, pair.target, hypothesis)
            for pair, hypothesis in zip(self.pairs[:3], hypotheses, strict=False)
        )
        return ValidationResult(update, loss, self.config.metric, score, examples)

    @torch.no_grad()
    def _loss(self, model: EncoderDecoder) -> float:
        objective = Objective(smoothing=0.0)
        lengths = self.store.source_lengths, self.store.target_lengths
        budget = max(self.training.batch_tokens, int(max(part.max() for part in lengths)))
        total = tokens = 0.0
        with hardware.autocast(self.device, self.training.precision):
            for indices in plan_epoch(*lengths, budget, seed=0, epoch=0):
                loss = objective(model, self.store.batch(indices).to(self.device))
                total += float(loss.cross_entropy)
                tokens += loss.tokens
        return total / tokens
