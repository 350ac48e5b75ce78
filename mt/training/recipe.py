"""The root of a configuration: everything that determines a run."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mt.config import StrictConfig
from mt.data import DataConfig
from mt.evaluation import MetricName
from mt.hardware import Precision
from mt.model import ModelConfig, TransformerConfig
from mt.text.tokenizer import TokenizerConfig
from mt.training.optimization import AdamW, InverseSquareRoot, ScheduleConfig, Share
from mt.translation import TranslationConfig


class AveragingConfig(StrictConfig):
    """Average the weights of several checkpoints when training ends (Vaswani et al. 2017, 6.1)."""

    count: PositiveInt = 5
    """Checkpoints averaged; 1 averages nothing."""
    of: Literal["last", "best"] = "last"
    """Which checkpoints: the most recent, or those with the best validation."""


class TrainingConfig(StrictConfig):
    """How the weights are found."""

    updates: PositiveInt = 100_000
    """Optimiser updates of the whole run."""
    batch_tokens: PositiveInt = 4096
    """Pieces of a batch, padding included, on its longer side: pairs times the longest sentence."""
    accumulate: PositiveInt = 1
    """Batches whose gradients make one update."""
    label_smoothing: Share = 0.1
    """Share of the target distribution spread over the vocabulary."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest Euclidean norm of the gradient; larger ones are scaled down to it."""
    precision: Precision = "auto"
    """Arithmetic of matrix products: fp32, bf16, or bf16 where the hardware has it (auto)."""
    optimizer: AdamW = AdamW()
    """The optimiser."""
    schedule: ScheduleConfig = InverseSquareRoot()
    """How the learning rate moves."""
    average: AveragingConfig = AveragingConfig()
    """Averaging of checkpoints at the end."""
    report_every: PositiveInt = 50
    """Updates that one line of metrics sums up."""


class ValidationConfig(StrictConfig):
    """When and how a model in training is judged; a checkpoint is written each time."""

    every: PositiveInt = 1000
    """Updates between two validations."""
    metric: Literal["loss"] | MetricName = "bleu"
    """What picks the best checkpoint and stops early; `loss` alone translates nothing."""
    beam: PositiveInt = 1
    """Hypotheses kept when validation pairs are translated; 1 is greedy search."""
    patience: PositiveInt | None = None
    """Validations in a row without a new best after which training stops; null: never."""
    min_improvement: NonNegativeFloat = 0.0
    """How much better a new best must be for patience to begin anew, in the metric's unit."""


class Recipe(StrictConfig):
    """Everything that determines a run, one section a room."""

    seed: int = 1
    """Seeds weights, dropout, the order of batches, and the tokenizer's sample."""
    data: DataConfig
    """Corpora and languages."""
    tokenizer: TokenizerConfig = TokenizerConfig()
    """How text becomes pieces."""
    model: ModelConfig = Field(default_factory=TransformerConfig)
    """The architecture."""
    training: TrainingConfig = TrainingConfig()
    """How the weights are found."""
    validation: ValidationConfig = ValidationConfig()
    """How a model in training is judged."""
    translation: TranslationConfig = TranslationConfig()
    """How the finished model translates unless told otherwise."""

    @model_validator(mode="after")
    def _tie_needs_joint_vocabulary(self) -> Self:
        if self.model.tie == "three_way" and self.tokenizer.vocabulary == "separate":
            raise ValueError(
                "model.tie: expected `two_way` or `none` with separate vocabularies, but found "
                "`three_way`; set tokenizer.vocabulary to joint, or model.tie to two_way"
            )
        return self
