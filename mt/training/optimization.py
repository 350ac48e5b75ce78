"""The optimiser and how its learning rate moves: AdamW, warm-up, decay."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat
from torch import nn

from mt.config import StrictConfig

Share = Annotated[float, Field(ge=0, lt=1)]


class AdamW(StrictConfig):
    """Adam with decoupled weight decay.

    Source: Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019).
    """

    learning_rate: PositiveFloat = 1e-3
    """The highest rate, reached at the end of the warm-up."""
    betas: tuple[Share, Share] = (0.9, 0.98)
    """Decay of the averages of the gradient and of its square (Vaswani et al. 2017, 5.3)."""
    epsilon: PositiveFloat = 1e-9
    """Added to the root of the second average."""
    weight_decay: NonNegativeFloat = 0.0
    """Share of a weight matrix subtracted at each update, times the rate; vectors do not decay."""

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        """Make the optimiser; its fused form computes the same with fewer passes over memory."""
        matrices = [weight for weight in model.parameters() if weight.dim() > 1]
        vectors = [weight for weight in model.parameters() if weight.dim() <= 1]
        device = next(model.parameters()).device.type
        return torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=self.learning_rate,
            betas=self.betas,
            eps=self.epsilon,
            fused=device in {"cpu", "cuda"},
        )


class InverseSquareRoot(StrictConfig):
    """Rise linearly, then fall with the root of the update (Vaswani et al. 2017, equation 3)."""

    kind: Literal["inverse_square_root"] = "inverse_square_root"
    warmup: NonNegativeInt = 4000
    """Updates until the highest rate."""

    def factor(self, update: int, updates: int) -> float:  # noqa: ARG002 - schedules share a signature
        """Return the share of the highest rate at ``update`` (from 1) of ``updates``."""
        warmup = max(1, self.warmup)
        return min(update / warmup, math.sqrt(warmup / update))


class Cosine(StrictConfig):
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


ScheduleConfig = Annotated[InverseSquareRoot | Cosine, Field(discriminator="kind")]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of parameters this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
