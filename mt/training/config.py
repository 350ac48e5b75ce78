"""The sections ``training`` and ``validation`` of a recipe; reading them loads no torch."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    field_validator,
    model_validator,
)

from mt.config import Count, StrictConfig
from mt.devices import Precision
from mt.evaluation.score import StringMetricName
from mt.translation.config import GreedyConfig, SearchConfig

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import AdamW

    from mt.model.contract import EncoderDecoder
    from mt.training.averaging import ExponentialAverage
    from mt.training.budget import Plan
    from mt.training.lora import LowRankAdaptation
    from mt.training.optimizers import Optimizer

Share = Annotated[float, Field(ge=0, lt=1)]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(value: Any) -> Any:
    """Turn 90s, 30m, 1.5h or 2d into seconds."""
    if not isinstance(value, str):
        return value
    try:
        return float(value[:-1]) * _UNITS[value[-1:]]
    except (ValueError, KeyError):
        raise ValueError(
            f"expected a time such as 90s, 30m, 8h or 2d, but found {value!r}; correct it"
        ) from None


Seconds = Annotated[
    float,
    BeforeValidator(_seconds, json_schema_input_type=float | str),
    Field(gt=0, allow_inf_nan=False),
]


class AdamWConfig(StrictConfig):
    """Adam with decoupled weight decay.

    Source: Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019).
    """

    kind: Literal["adamw"] = "adamw"
    learning_rate: PositiveFloat = 1e-3
    """The highest rate, reached at the end of the warm-up."""
    betas: tuple[Share, Share] = (0.9, 0.98)
    """Decay of the averages of the gradient and of its square (Vaswani et al. 2017, 5.3)."""
    epsilon: PositiveFloat = 1e-9
    """Added to the root of the second average."""
    weight_decay: NonNegativeFloat = 0.0
    """Share of a weight matrix subtracted at each update, times the rate; vectors do not decay."""

    def build(self, model: "nn.Module") -> "Optimizer":
        """Make the optimiser."""
        return _adamw(_trained(model), self)


class MuonConfig(StrictConfig):
    """Muon for the matrices of linear layers, and AdamW for all other weights.

    Source: Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks"; Liu et
    al. (2025), section 2.2.
    """

    kind: Literal["muon"] = "muon"
    learning_rate: PositiveFloat = 1e-3
    """The highest rate, reached at the end of the warm-up; one that suits AdamW."""
    momentum: Share = 0.95
    """Decay of Muon's average of the gradient."""
    betas: tuple[Share, Share] = (0.9, 0.98)
    """Of AdamW: decay of the averages of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-9
    """Of AdamW: added to the root of the second average."""
    weight_decay: NonNegativeFloat = 0.1
    """Share of a weight matrix subtracted at each update, times the rate; vectors do not decay."""

    def build(self, model: "EncoderDecoder") -> "Optimizer":
        """Make the optimiser."""
        from mt.training.optimizers import Muon, hidden_matrices

        matrices = {weight for weight, _ in hidden_matrices(model)}
        others = _adamw([weight for weight in _trained(model) if weight not in matrices], self)
        if not matrices:  # all are frozen, or trained by small ones beside them
            return others
        return Muon(
            model,
            others,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )


def _trained(model: "nn.Module") -> "list[nn.Parameter]":
    """List the weights that are not frozen."""
    return [weight for weight in model.parameters() if weight.requires_grad]


def _adamw(weights: "Sequence[nn.Parameter]", config: AdamWConfig | MuonConfig) -> "AdamW":
    """Make AdamW; its fused form computes the same with fewer passes over memory."""
    import torch

    return torch.optim.AdamW(
        [
            {
                "params": [weight for weight in weights if weight.dim() > 1],
                "weight_decay": config.weight_decay,
            },
            {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        fused=weights[0].device.type in {"cpu", "cuda"},
    )


OptimizerConfig = Annotated[AdamWConfig | MuonConfig, Field(discriminator="kind")]


class InverseSquareRootConfig(StrictConfig):
    """Rise linearly, then fall with the root of the update (Vaswani et al. 2017, equation 3)."""

    kind: Literal["inverse_square_root"] = "inverse_square_root"
    warmup: NonNegativeInt = 4000
    """Updates until the highest rate."""

    def factor(self, update: int, updates: int) -> float:
        """Return the share of the highest rate at ``update`` (from 1) of ``updates``."""
        warmup = max(1, self.warmup)
        return min(update / warmup, math.sqrt(warmup / update))


class CosineConfig(StrictConfig):
    """Rise linearly, then fall along half a cosine to a floor.

    Source: Loshchilov and Hutter (2017), equation 5.
    """

    kind: Literal["cosine"] = "cosine"
    warmup: NonNegativeInt = 1000
    """Updates until the highest rate."""
    floor: Share = 0.0
    """Share of the highest rate left at the last update."""

    def factor(self, update: int, updates: int) -> float:
        """Return the share of the highest rate at ``update`` (from 1) of ``updates``."""
        if update <= self.warmup:
            return update / self.warmup
        done = (update - self.warmup) / max(1, updates - self.warmup)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * min(1.0, done))) / 2


ScheduleConfig = Annotated[InverseSquareRootConfig | CosineConfig, Field(discriminator="kind")]


class CheckpointAverageConfig(StrictConfig):
    """Average the weights of several checkpoints when training ends (Vaswani et al. 2017, 6.1)."""

    kind: Literal["checkpoints"] = "checkpoints"
    count: Count = 5
    """Checkpoints averaged; 1 averages nothing."""
    of: Literal["last", "best"] = "last"
    """Which checkpoints: the most recent, or those with the best validation."""

    def build(self, model: "EncoderDecoder") -> None:
        """Make nothing: checkpoints are averaged when training ends."""


class ExponentialAverageConfig(StrictConfig):
    """Average the weights of all updates, recent ones most; it is what is validated and saved.

    Source: Polyak and Juditsky (1992).
    """

    kind: Literal["exponential"] = "exponential"
    decay: Share = 0.9999
    """Share of the average that is kept in an update: 0.9999 averages over about the last 10,000,
    0.999 over the last 1,000. The first updates keep less."""

    def build(self, model: "EncoderDecoder") -> "ExponentialAverage":
        """Make the average, which follows a model."""
        from mt.training.averaging import ExponentialAverage

        return ExponentialAverage(model, self.decay)


AverageConfig = Annotated[
    CheckpointAverageConfig | ExponentialAverageConfig, Field(discriminator="kind")
]


class RDropConfig(StrictConfig):
    """Read each batch twice with different dropout, and make both passes predict alike.

    Costs about twice the time and memory of an update.

    Source: Liang et al. (2021), section 2.
    """

    kind: Literal["rdrop"] = "rdrop"
    weight: PositiveFloat = 5.0
    """Alpha: how much the divergence of the two passes counts beside their cross-entropies."""
    from_update: Count = 1
    """The first update that compares two passes."""


class SimCutConfig(StrictConfig):
    """Read each batch a second time with some tokens cut off, and predict as without.

    Costs about twice the time and memory of an update.

    Source: Gao et al. (2022), section 3.
    """

    kind: Literal["simcut"] = "simcut"
    weight: PositiveFloat = 3.0
    """Alpha: how much the divergence of the two passes counts beside the cross-entropy of the
    first."""
    cut: Share = 0.05
    """Share of tokens, on both sides, whose embeddings are zero in the second pass."""
    from_update: Count = 1
    """The first update that compares two passes."""


ConsistencyConfig = Annotated[RDropConfig | SimCutConfig, Field(discriminator="kind")]


class DistillationConfig(StrictConfig):
    """Learn what other models predict for each token, beside the token itself.

    This is word-level distillation; what they write, which `mt distill` makes, is a corpus like any
    other. Costs a pass of each of them over every batch, without gradient.

    Source: Hinton et al. (2015), section 2; Kim and Rush (2016), section 3.1.
    """

    teachers: tuple[Path, ...]
    """Bundles, or runs whose best bundles are meant, of the same tokenizers and languages; the mean
    of their distributions is learnt from."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Their part of the target distribution; the rest is the token's, with label smoothing."""

    @field_validator("teachers")
    @classmethod
    def _not_empty(cls, teachers: tuple[Path, ...]) -> tuple[Path, ...]:
        if not teachers:
            raise ValueError("expected at least one model, but found none; add one")
        return teachers


class LoRAConfig(StrictConfig):
    """Train two small matrices beside each matrix of a linear layer, and nothing else.

    They are moved by AdamW, whatever the optimizer, and decay as it says. They are added up when a
    checkpoint is written, so that a model is as large as before.

    Source: Hu et al. (2022), section 4.1.
    """

    rank: Count = 8
    """Rows of one small matrix and columns of the other."""
    alpha: PositiveFloat = 16.0
    """Their product counts alpha / rank."""

    def build(self, model: "EncoderDecoder") -> "LowRankAdaptation":
        """Add the small matrices to a model, and freeze all else."""
        from mt.training.lora import LowRankAdaptation

        return LowRankAdaptation(model, self.rank, self.alpha)


class TrainingConfig(StrictConfig):
    """How the weights are found."""

    updates: Count = 100_000
    """Optimiser updates of the whole run; with a budget, as many as fit into it instead."""
    budget: Seconds | None = None
    """Time of the whole run, such as 30m or 8h, to which the number of updates is fitted and with
    it the schedule; a warm-up takes a tenth at most. null: as long as the updates take."""
    batch_tokens: Count = 4096
    """Tokens of a batch, padding included, on its longer side: pairs times the longest sentence.
    Where an accelerator's memory does not suffice, a batch is computed in pieces."""
    accumulate: Count = 1
    """Batches whose gradients make one update."""
    label_smoothing: Share = 0.1
    """Share of the target distribution spread over the vocabulary."""
    consistency: ConsistencyConfig | None = None
    """Compare two passes over each batch, and punish what differs: `kind: rdrop` or `simcut`."""
    distillation: DistillationConfig | None = None
    """Learn from what other models predict for each token, too."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest Euclidean norm of the gradient; larger ones are scaled down to it."""
    precision: Precision = "auto"
    """Arithmetic of matrix products: fp32, bf16, or bf16 where the hardware has it (auto)."""
    optimizer: OptimizerConfig = AdamWConfig()
    """What moves the weights: adamw, or muon for matrices."""
    schedule: ScheduleConfig = InverseSquareRootConfig()
    """How the learning rate moves."""
    freeze: tuple[str, ...] = ()
    """Parts of the model that stay as they are, as in [encoder, source_embedding]: names of its
    modules. A table that is tied is frozen wherever it is used."""
    lora: LoRAConfig | None = None
    """Train small matrices beside the weights, which stay as they are: low-rank adaptation. Needs
    `init_from`, and a learning rate as from random weights."""
    average: AverageConfig = CheckpointAverageConfig()
    """Averaging of weights: of checkpoints at the end, or exponential, of all updates."""
    report_every: Count = 50
    """Updates that one line of metrics sums up."""

    @model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        warmup = self.schedule.warmup
        if self.budget is None and warmup > self.updates:
            raise ValueError(
                f"schedule.warmup: expected at most the {self.updates} updates of the run, but "
                f"found {warmup}; set training.schedule.warmup={self.updates // 10} or so"
            )
        return self

    @model_validator(mode="after")
    def _comparison_begins(self) -> Self:
        if (
            self.budget is None
            and self.consistency is not None
            and self.consistency.from_update > self.updates
        ):
            raise ValueError(
                f"consistency.from_update: expected at most the {self.updates} updates of the run, "
                f"but found {self.consistency.from_update}; lower it, or leave consistency out"
            )
        return self

    @model_validator(mode="after")
    def _one_loss(self) -> Self:
        if self.consistency is not None and self.distillation is not None:
            raise ValueError(
                "distillation: expected no consistency beside it, as either is a loss of its own; "
                "leave out one"
            )
        return self

    @model_validator(mode="after")
    def _lora_is_alone(self) -> Self:
        if self.lora is not None and (self.freeze or self.average.kind == "exponential"):
            raise ValueError(
                "lora: expected neither freeze nor an exponential average beside it, as it freezes "
                "all weights of the model; leave out either"
            )
        return self

    def rate(self, update: int, plan: "Plan | None" = None) -> float:
        """Return the learning rate of an update, from 1; a plan has its own length and warm-up."""
        schedule, updates = self.schedule, self.updates
        if plan is not None:
            schedule, updates = schedule.model_copy(update={"warmup": plan.warmup}), plan.updates
        return self.optimizer.learning_rate * schedule.factor(update, updates)


class ValidationConfig(StrictConfig):
    """When and how a model in training is measured; a checkpoint is written each time."""

    every: Count = 1000
    """Updates between two validations; with a budget more often or more rarely, as time allows."""
    metric: Literal["loss"] | StringMetricName = "bleu"
    """What picks the best checkpoint and stops early; `loss` alone translates nothing."""
    search: SearchConfig = GreedyConfig()
    """How validation pairs are translated."""
    patience: Count | None = None
    """Validations in a row without a new best after which training stops; null: never."""
    lead: str | None = None
    """The set of validation pairs that picks the best checkpoint; null: all pairs together."""
    max_forgetting: NonNegativeFloat | None = None
    """How much worse another set than the leading one may become than before the first update, in
    the metric's unit, for a checkpoint to be the best; null: as it may be. Needs `init_from`."""
    min_improvement: NonNegativeFloat = 0.0
    """How much better a new best must be for patience to begin anew, in the metric's unit."""
