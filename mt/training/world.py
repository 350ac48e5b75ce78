"""The processes that train one model together; the only file that calls ``torch.distributed``.

Each process holds the whole model and computes on its share of every batch. Training is written
once for any number of processes: it calls a :class:`World`, and that of a single process returns
what it is given.
"""

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from mt.errors import TrainingError
from mt.processor import available_cores
from mt.training.network import choose_interface, notice_dead_machines
from mt.training.processes import Place

T = TypeVar("T")

_SECONDS_TO_VANISH = 1.0
"""How long a process that was killed may still be seen after it has closed its connections."""


@dataclass(frozen=True)
class Hosts:
    """The machines of a run, as one of its processes sees them."""

    count: int = 1
    """How many there are."""
    own: int = 0
    """The number of that of this process, from 0, in the order of ranks."""
    is_first: bool = True
    """Whether no process there has a lower rank than this one."""


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

    @property
    def local_size(self) -> int:
        """The number of processes on this machine."""
        ...

    @property
    def hosts(self) -> Hosts:
        """The machines."""
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

    def fails_first(self) -> bool:
        """Say whether no process has called this before; for the one that says what went wrong.

        Unlike the other methods it waits for nobody.
        """
        ...


class SingleProcess:
    """A world of one process: nothing to add up, nobody to wait for."""

    rank = 0
    size = 1
    is_main = True
    local_size = 1
    hosts = Hosts()

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

    def fails_first(self) -> bool:
        """Say yes: there is no other."""
        return True


class ProcessGroup:
    """The processes that have met in the default group of ``torch.distributed``.

    Gradients are added up by its own backend. Values and flags go from CPU to CPU, so that asking
    for an interruption does not wait for an accelerator.

    Every method raises a :class:`TrainingError` when another process has ended.
    """

    def __init__(self, store: torch.distributed.Store, threads_alone: int) -> None:
        """Get to know the others.

        Args:
            store: Where they have met.
            threads_alone: Threads of the main process while the others wait for it.
        """
        self.rank = torch.distributed.get_rank()
        self.size = torch.distributed.get_world_size()
        self.is_main = self.rank == 0
        self._store = store
        self._threads_alone = threads_alone
        # The others wait while the main process encodes a corpus or validates. A process that
        # ended closes its connections: nobody waits for it.
        self._values = torch.distributed.new_group(backend="gloo", timeout=timedelta(days=1))
        self._members: list[tuple[str, int]] = []
        """The machine and the number that the system gave each process, by rank."""
        self._members = self.gather((platform.node(), os.getpid()))
        nodes, own = [node for node, _ in self._members], platform.node()
        self.local_size = nodes.count(own)
        names = list(dict.fromkeys(nodes))
        self.hosts = Hosts(len(names), names.index(own), nodes.index(own) == self.rank)

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up in float64, whatever the type that each process has."""
        total = tensor.double()
        with self._exchange():
            torch.distributed.all_reduce(total)
        return total

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up all gradients at once, as one vector."""
        weights = list(parameters)
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        total = torch.cat([gradient.flatten() for gradient in gradients])
        with self._exchange():
            torch.distributed.all_reduce(total)
        parts = torch.split(total, [weight.numel() for weight in weights])
        for weight, part in zip(weights, parts, strict=True):
            weight.grad = part.view_as(weight)

    def gather(self, value: T) -> list[T]:
        """Send pickled values to all."""
        values: list[T] = [value] * self.size
        with self._exchange():
            torch.distributed.all_gather_object(values, value, group=self._values)
        return values

    def any(self, flag: bool) -> bool:
        """Take the largest of the flags."""
        flags = torch.tensor([flag], dtype=torch.uint8)
        with self._exchange():
            torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX, group=self._values)
        return bool(flags)

    def from_main(self, compute: Callable[[], T]) -> T:
        """Send the pickled result, or the exception, to all.

        The others leave their cores to the main process while it computes.
        """
        results: list[T] = []
        error: Exception | None = None
        if self.is_main:
            try:
                with _threads(self._threads_alone):
                    results.append(compute())
            except Exception as raised:
                error = raised
        sent: list[Any] = [results, error]
        with self._exchange():
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

    def fails_first(self) -> bool:
        """Count at the store; where its keeper is gone, let the process after the first speak."""
        try:
            return bool(self._store.add("failures", 1) == 1)
        except RuntimeError:
            return self.rank <= 1

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[None]:
        """Explain what the backends report when a process has closed its connections."""
        try:
            yield
        except RuntimeError as error:
            raise TrainingError(
                f"processes: expected all {self.size} to go on, but {self._ended()} has ended; "
                "start all again with --resume"
            ) from error

    def _ended(self) -> str:
        """Name the process that has ended, if that was on this machine and can be seen."""
        until = time.monotonic() + _SECONDS_TO_VANISH
        while time.monotonic() < until:
            for rank, (node, number) in enumerate(self._members):
                if node == platform.node() and not _is_alive(number):
                    return f"rank {rank} (process {number} on {node})"
            time.sleep(0.02)
        return "one of them"


@contextlib.contextmanager
def join(place: Place, device: torch.device) -> Iterator[World]:
    """Meet the other processes of a run, and share the cores of this machine with its others.

    Args:
        place: Which process this one is.
        device: Where it will compute.

    Raises:
        TrainingError: If the others cannot be found.
    """
    if place.size == 1:
        yield SingleProcess()
        return
    threads_alone = torch.get_num_threads()
    if place.local_size > 1 and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, available_cores() // place.local_size))
    here = place.local_size == place.size
    choose_interface("localhost" if here else os.environ["MASTER_ADDR"])
    try:
        store, rank, size = next(rendezvous(place.meeting or "env://", place.rank, place.size))
        _wait_for(place, store)
        backend = "nccl" if device.type == "cuda" else "gloo"
        torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
        world = ProcessGroup(store, threads_alone)
        notice_dead_machines()
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"processes: expected {place.size} that find each other, but "
            f"{' '.join(str(error).split())}; start all of them at once"
        ) from error
    yield world
    torch.distributed.destroy_process_group()


def _wait_for(place: Place, store: torch.distributed.Store) -> None:
    """Wait until all have come, lest one that has ended is waited for; without a limit of time.

    Only those that this process has started can be watched; what else starts processes watches them
    itself.
    """
    store.add("come", 1)
    while place.started and store.add("come", 0) < place.size:
        for rank, process in enumerate(place.started, 1):
            if process.poll() is not None:
                raise TrainingError(
                    f"processes: expected all {place.size} to begin, but rank {rank} (process "
                    f"{process.pid}) has ended with {process.returncode}; start again"
                )
        time.sleep(0.02)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Compute with another number of threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_alive(number: int) -> bool:
    """Say whether a process of this machine runs; where that cannot be seen, say yes."""
    if not Path("/proc/self/stat").exists():
        return True
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    return state[0] not in {"Z", "X"}
