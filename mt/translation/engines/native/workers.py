"""Threads that work in C++ while Python goes on."""

import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")
_Task = Callable[[], None]


class Workers:
    """Threads that do tasks in the order in which they come.

    Unlike those of :class:`concurrent.futures.ThreadPoolExecutor`, they do not keep a process that
    is interrupted from ending until all tasks are done: the system ends them with it.
    """

    def __init__(self, count: int) -> None:
        """Start the threads; they end when nobody holds this object any more."""
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        for _ in range(count):
            Thread(target=_work, args=(self._tasks,), daemon=True).start()
        weakref.finalize(self, _end, self._tasks, count).atexit = False

    def submit(
        self, work: Callable[[Sequence[int]], Sequence[Result]], groups: Sequence[Sequence[int]]
    ) -> Callable[[], list[Result]]:
        """Begin to work on groups of items.

        Args:
            work: Gives the results of a group, in order; called by several threads at once.
            groups: The indices of the items in each group; each from 0 on is in one.

        Returns:
            What waits for the results of all items, in order, when it is called.
        """
        futures: list[Future[Sequence[Result]]] = [Future() for _ in groups]
        for future, group in zip(futures, groups, strict=True):
            self._tasks.put(_task(future, work, group))

        def collect() -> list[Result]:
            results: dict[int, Result] = {}
            try:
                for group, future in zip(groups, futures, strict=True):
                    results |= zip(group, future.result(), strict=True)
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
            return [results[index] for index in range(len(results))]

        return collect


def _task(
    future: "Future[Sequence[Result]]",
    work: Callable[[Sequence[int]], Sequence[Result]],
    group: Sequence[int],
) -> _Task:
    def run() -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work(group))
            except BaseException as error:  # raised where it is waited for
                future.set_exception(error)

    return run


def _work(tasks: "SimpleQueue[_Task | None]") -> None:
    while task := tasks.get():
        task()
        del task  # it holds what it worked with, and the next one may never come


def _end(tasks: "SimpleQueue[_Task | None]", count: int) -> None:
    for _ in range(count):
        tasks.put(None)
