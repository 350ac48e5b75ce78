"""The training loop as a generator: one optimiser update after another, and nothing else."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mt import hardware
from mt.devices import Precision
from mt.model.contract import EncoderDecoder
from mt.training.objective import Objective
from mt.training.optimizers import Optimizer, step_if
from mt.training.order import Group, Position
from mt.training.world import World

Schedule = Callable[[int], float]
"""The learning rate of an update, whose number counts from 1."""


@dataclass(frozen=True)
class Update:
    """What one optimiser update did, in all processes together.

    Sums are tensors on the model's device: reading one waits for the device.
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
    finite: Tensor
    """Whether loss and gradient are; if not, weights and optimiser stayed as they were."""
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
    optimizer: Optimizer,
    schedule: Schedule,
    world: World,
    *,
    clip_norm: float | None,
    precision: Precision,
    device: torch.device,
    first: int = 1,
) -> Iterator[Update]:
    """Train, yielding after every update, until the groups end.

    The gradient of an update is the mean over all target tokens of its batches, so that
    accumulating small batches equals one large batch, and several processes equal one: each
    computes on its rows of every batch, and gradients are summed.

    Args:
        model: Trained in place; put into training mode before each update.
        objective: The loss.
        groups: For each update the batches whose gradients are accumulated; the same ones in every
            process.
        optimizer: Over the model's parameters.
        schedule: The learning rate.
        world: The processes that share the batches.
        clip_norm: Largest Euclidean norm of the gradient; ``None``: whatever it is.
        precision: Arithmetic of matrix products.
        device: Where the model is.
        first: Number of the first update; more than 1 when a run is resumed.
    """
    largest = torch.inf if clip_norm is None else clip_norm
    for number, group in enumerate(groups, first):
        model.train()
        rate = schedule(number)
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        tokens = sum(batch.target_tokens for batch in group.batches)
        smoothed = cross_entropy = torch.zeros((), device=device)
        for batch in group.batches:
            share = batch.shard(world.rank, world.size)
            if not share.target_tokens:  # fewer rows than processes
                continue
            with hardware.autocast(device, precision):
                loss = objective.at(number)(model, share.to(device))
            torch.autograd.backward(loss.smoothed / tokens)
            smoothed = smoothed + loss.smoothed.detach()
            cross_entropy = cross_entropy + loss.cross_entropy
        for weight in model.parameters():
            if weight.grad is None:  # of a layer that was left out of every batch
                weight.grad = torch.zeros_like(weight)
        world.sum_gradients(model.parameters())
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), largest)
        smoothed, cross_entropy = world.sum(torch.stack([smoothed, cross_entropy]))
        finite = norm.isfinite() & smoothed.isfinite()
        step_if(optimizer, finite)
        optimizer.zero_grad(set_to_none=True)
        yield Update(
            number=number,
            rate=rate,
            smoothed=smoothed,
            cross_entropy=cross_entropy,
            gradient_norm=norm,
            finite=finite,
            source_tokens=sum(batch.source_tokens for batch in group.batches),
            target_tokens=tokens,
            following=group.following,
        )
