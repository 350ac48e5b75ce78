"""Blocks of pairs on all cores, in their order, with few of them in memory."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

_Block = TypeVar("_Block")
_Result = TypeVar("_Result")

_AHEAD = 2
"""Blocks that wait for each process, so that memory does not grow with the corpus."""


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_blocks(
    work: Callable[[_Block], _Result],
    blocks: Iterable[_Block],
    processes: int,
    begin: Callable[..., object],
    arguments: Sequence[Any],
) -> Iterator[tuple[_Block, _Result]]:
    """Work on blocks in other processes, several at once, and give them back in their order.

    Args:
        work: Called with each block in one of the processes.
        blocks: A stream; read a few blocks ahead.
        processes: How many.
        begin: Called once in each process, before any work.
        arguments: What it is called with.
    """
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (begin, *arguments))
    waiting: deque[tuple[_Block, Future[_Result]]] = deque()
    try:
        for block in blocks:
            waiting.append((block, pool.submit(work, block)))
            if len(waiting) > _AHEAD * processes:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begin: Callable[..., object], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    begin(*arguments)
