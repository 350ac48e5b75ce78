"""The processes that train one model together; the only file that calls ``torch.distributed``.

Each process holds the whole model and computes on its share of every batch. Training is written
once for any number of processes: it calls a :class:`World`, and that of a single process returns
what it is given.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed
from torch import Tensor, nn

T = TypeVar("T")


class World(Protocol):
    """The processes of a run, as one of them sees it.

    Every method but the properties must be called by all processes, in the same order.
    """

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        ...

    @property
    def size(self) -> int:
        """The number of processes."""
        ...

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files: the one of rank 0."""
        ...

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up the tensors of all processes."""
        ...

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over all processes; a missing one counts as zero."""
        ...

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, by rank."""
        ...

    def any(self, flag: bool) -> bool:
        """Say whether the flag is true in any process."""
        ...

    def from_main(self, compute: Callable[[], T]) -> T:
        """Compute something in the main process alone, and return its result in all.

        All wait until it is done. An exception is raised in every process.
        """
        ...

    def main_first(self, compute: Callable[[], T]) -> T:
        """Compute something in every process, beginning when the main process is done.

        What the main process leaves on disk is there for the others. If it raises an exception,
        the others raise it too.
        """
        ...


class SingleProcess:
    """A world of one process: nothing to add up, nobody to wait for."""

    rank = 0
    size = 1
    is_main = True

    def sum(self, tensor: Tensor) -> Tensor:
        """Return ``tensor``."""
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Leave the gradients as they are."""

    def gather(self, value: T) -> list[T]:
        """Return ``value`` alone."""
        return [value]

    def any(self, flag: bool) -> bool:
        """Return ``flag``."""
        return flag

    def from_main(self, compute: Callable[[], T]) -> T:
        """Compute it."""
        return compute()

    def main_first(self, compute: Callable[[], T]) -> T:
        """Compute it."""
        return compute()


class ProcessGroup:
    """The initialised default group of ``torch.distributed``.

    Tensors are added up by its own backend. Values and flags go from CPU to CPU, so that asking for
    an interruption does not wait for an accelerator.
    """

    def __init__(self) -> None:
        self.rank = torch.distributed.get_rank()
        self.size = torch.distributed.get_world_size()
        self.is_main = self.rank == 0
        # The others wait while the main process encodes a corpus or validates. A process that
        # ended closes its connections: nobody waits for it.
        self._values = torch.distributed.new_group(backend="gloo", timeout=timedelta(days=1))

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up in float64, whatever the type that each process has."""
        total = tensor.double()
        torch.distributed.all_reduce(total)
        return total

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up all gradients at once, as one vector."""
        weights = list(parameters)
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        total = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(total)
        parts = torch.split(total, [weight.numel() for weight in weights])
        for weight, part in zip(weights, parts, strict=True):
            weight.grad = part.view_as(weight)

    def gather(self, value: T) -> list[T]:
        """Send pickled values to all."""
        values: list[T] = [value] * self.size
        torch.distributed.all_gather_object(values, value, group=self._values)
        return values

    def any(self, flag: bool) -> bool:
        """Take the largest of the flags."""
        flags = torch.tensor([flag], dtype=torch.uint8)
        torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX, group=self._values)
        return bool(flags)

    def from_main(self, compute: Callable[[], T]) -> T:
        """Send the pickled result, or the exception, to all."""
        results: list[T] = []
        error: Exception | None = None
        if self.is_main:
            try:
                results.append(compute())
            except Exception as raised:
                error = raised
        sent: list[Any] = [results, error]
        torch.distributed.broadcast_object_list(sent, src=0, group=self._values)
        results, error = sent
        if error is not None:
            raise error
        return results[0]

    def main_first(self, compute: Callable[[], T]) -> T:
        """Let the others begin when the main process has answered."""
        mine: list[T] = []
        self.from_main(lambda: mine.append(compute()))
        return mine[0] if mine else compute()
