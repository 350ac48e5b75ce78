"""The training loop as a generator: one optimiser update after another, and nothing else."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mt import hardware
from mt.model.contract import EncoderDecoder
from mt.training.config import TrainingConfig
from mt.training.objective import Objective
from mt.training.order import Group, Position


@dataclass(frozen=True)
class Update:
    """What one optimiser update did.

    Sums stay tensors until somebody reads them, so that an accelerator is not made to wait.
    """

    number: int
    """From 1, over the whole run."""
    rate: float
    """Learning rate."""
    smoothed: Tensor
    """Label-smoothed loss, summed over the target tokens, in nats."""
    cross_entropy: Tensor
    """Plain cross-entropy, likewise."""
    gradient_norm: Tensor
    """Euclidean norm of the mean gradient before clipping."""
    source_tokens: int
    """Real source tokens, end marks included."""
    target_tokens: int
    """Real target tokens, end marks included."""
    following: Position
    """Where the run goes on."""


def updates(  # noqa: PLR0917 - all that an update depends on
    model: EncoderDecoder,
    objective: Objective,
    groups: Iterable[Group],
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    device: torch.device,
    first: int = 1,
) -> Iterator[Update]:
    """Train, yielding after every update, until ``config.updates`` or the groups' end.

    The gradient of an update is the mean over all target tokens of its batches, so that
    accumulating small batches equals one large batch.

    Args:
        model: Trained in place; put into training mode before each update.
        objective: The loss.
        groups: For each update the batches whose gradients are accumulated.
        optimizer: Over the model's parameters.
        config: Schedule, clipping, precision.
        device: Where the model is.
        first: Number of the first update; more than 1 when a run is resumed.
    """
    largest = config.clip_norm if config.clip_norm is not None else torch.inf
    for number, group in zip(range(first, config.updates + 1), groups, strict=False):
        model.train()
        rate = config.optimizer.learning_rate * config.schedule.factor(number, config.updates)
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        tokens = sum(batch.target_tokens for batch in group.batches)
        smoothed = cross_entropy = torch.zeros((), device=device)
        for batch in group.batches:
            with hardware.autocast(device, config.precision):
                loss = objective(model, batch.to(device))
            torch.autograd.backward(loss.smoothed / tokens)
            smoothed = smoothed + loss.smoothed.detach()
            cross_entropy = cross_entropy + loss.cross_entropy
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), largest)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield Update(
            number=number,
            rate=rate,
            smoothed=smoothed,
            cross_entropy=cross_entropy,
            gradient_norm=norm,
            source_tokens=sum(batch.source_tokens for batch in group.batches),
            target_tokens=tokens,
            following=group.following,
        )
