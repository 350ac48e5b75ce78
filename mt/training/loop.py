"""The training loop as a generator: one optimiser update after another, and nothing else."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from mt import hardware
from mt.data.batches import Batch
from mt.devices import Precision
from mt.model.contract import EncoderDecoder
from mt.training.objective import Objective
from mt.training.optimizers import Optimizer, step_if
from mt.training.order import Group, Position
from mt.training.randomness import random_state, set_random_state
from mt.training.world import World

log = logging.getLogger(__name__)

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
    pieces: int
    """In how many pieces this process computed its rows of each batch; 1 where memory suffices."""
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
    computes on its rows of every batch, and gradients are summed. So where an accelerator's memory
    does not suffice, the update begins anew with batches in twice as many pieces, and so do those
    that follow in this call. The failed pass leaves no trace; of random numbers this
    holds on CPU and CUDA. Each process splits its own rows, and the next call, perhaps on another
    device, begins with whole batches again.

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

    Raises:
        torch.OutOfMemoryError: If there is too little memory for a single pair.
    """
    pieces = 1
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    largest = torch.inf if clip_norm is None else clip_norm
    for number, group in enumerate(groups, first):
        model.train()
        rate = schedule(number)
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        tokens = sum(batch.target_tokens for batch in group.batches)
        randomness = random_state(device)
        while True:
            shares = list(_shares(group.batches, world, pieces))
            try:
                losses = _accumulate(model, objective.at(number), shares, tokens, precision, device)
                break
            except torch.OutOfMemoryError:
                if all(len(share.target) == 1 for share in shares):
                    raise
            # Out here nothing holds what the failed pass had computed.
            optimizer.zero_grad(set_to_none=True)
            set_random_state(randomness, device)
            pieces *= 2
            log.warning(
                "memory: too little for a batch at update %d; from here on each is computed in %d "
                "pieces, with the same result but for rounding and dropout", number, pieces,
            )  # fmt: skip
        for weight in trained:
            if weight.grad is None:  # of a layer that was left out of every batch
                weight.grad = torch.zeros_like(weight)
        world.sum_gradients(trained)
        norm = torch.nn.utils.clip_grad_norm_(trained, largest)
        smoothed, cross_entropy = world.sum(losses)
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
            pieces=pieces,
            following=group.following,
        )


class Splits:
    """In how many pieces each process computes batches, in one call of :func:`updates`."""

    def __init__(self, world: World) -> None:
        """Begin with whole batches, as that does."""
        self.own = 1
        self._world = world
        self._told = [1] * world.size

    def tell(self) -> None:
        """Tell of each process that splits further than at the last call.

        Not of the first, whose log is that of the run: it has told of itself at once.
        """
        before, self._told = self._told, self._world.gather(self.own)
        for rank, (then, now) in enumerate(zip(before, self._told, strict=True)):
            if rank > 0 and now > then:
                log.warning(
                    "memory: too little for a batch of rank %d, which computes each in %d pieces "
                    "since the last checkpoint", rank, now,
                )  # fmt: skip


def _shares(batches: Sequence[Batch], world: World, pieces: int) -> Iterator[Batch]:
    """Yield what this process computes of batches: its rows, in so many pieces of each batch."""
    for batch in batches:
        for piece in range(pieces):
            share = batch.shard(world.rank + piece * world.size, world.size * pieces)
            if share.target_tokens:  # else there are fewer rows than shares
                yield share


def _accumulate(  # noqa: PLR0917 - all that a gradient depends on
    model: EncoderDecoder,
    objective: Objective,
    shares: Sequence[Batch],
    tokens: int,
    precision: Precision,
    device: torch.device,
) -> Tensor:
    """Add up the gradients of batches, and return the sums of both losses, smoothed first."""
    sums = torch.zeros(2, device=device)
    for share in shares:
        # What stands beside weights is added to them once a pass.
        with hardware.autocast(device, precision), parametrize.cached():
            loss = objective(model, share.to(device))
        if loss.smoothed.requires_grad:  # else every layer that is trained was left out
            torch.autograd.backward(loss.smoothed / tokens)
        sums = sums + torch.stack([loss.smoothed.detach(), loss.cross_entropy.detach()])
    return sums
