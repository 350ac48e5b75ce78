"""Blocks of pairs on all cores, in their order, with few of them in memory."""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, TypeVar

from mt.processor import available_cores

_Block = TypeVar("_Block")
_Result = TypeVar("_Result")

_FEW = 5
"""Blocks that are worked on sooner than other processes start."""
_AHEAD = 2
"""Blocks that wait for each process, so that memory does not grow with the corpus."""


def map_blocks(
    start: Callable[..., Callable[[_Block], _Result]],
    arguments: Sequence[Any],
    blocks: Iterable[_Block],
    processes: int | None = None,
) -> Iterator[tuple[_Block, _Result]]:
    """Work on blocks, several at once where there are many, and give them back in their order.

    Args:
        start: Called in each process that works, before any work; returns what is called with each
            block. Blocks and results are sent from process to process: tuples are cheaper than
            classes of their own.
        arguments: What ``start`` is called with.
        blocks: A stream; read a few blocks ahead.
        processes: How many work; by default one for each core. If there are but a few blocks, or
            one process, this one does all the work.
    """
    stream = iter(blocks)
    first = list(islice(stream, _FEW))
    blocks, processes = chain(first, stream), processes or available_cores()
    if processes > 1 and len(first) == _FEW:
        yield from _in_processes(start, arguments, blocks, processes)
    else:
        work = start(*arguments)
        for block in blocks:
            yield block, work(block)


def _in_processes(
    start: Callable[..., Callable[[_Block], _Result]],
    arguments: Sequence[Any],
    blocks: Iterable[_Block],
    processes: int,
) -> Iterator[tuple[_Block, _Result]]:
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start, (start, *arguments))
    waiting: deque[tuple[_Block, Future[_Result]]] = deque()
    try:
        for block in blocks:
            waiting.append((block, pool.submit(_work_on, block)))
            if len(waiting) > _AHEAD * processes:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_work: Callable[[Any], Any]
"""What a process of the pool does with each block."""


def _start(start: Callable[..., Callable[[Any], Any]], *arguments: Any) -> None:
    global _work  # noqa: PLW0603 - what the initializer of a pool is for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    _work = start(*arguments)


def _work_on(block: Any) -> Any:
    return _work(block)
