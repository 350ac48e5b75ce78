"""Turn a stream of lines into pools worth sorting, without waiting for lines yet to come."""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

FIRST, POOL = 128, 2048
"""Lines at most in the first pool, and in the largest: enough to find neighbours of equal length,
yet the first translations come early."""
PATIENCE, DELAY = 0.02, 0.1
"""Seconds to wait for one more line, and since the first, before a pool is closed."""


Line = TypeVar("Line")


def pools(
    lines: Iterable[Line], most: int = POOL, patience: float = PATIENCE
) -> Iterator[list[Line]]:
    """Collect the lines that are there, at least one and at most ``most`` at a time.

    Pools begin small and grow. An empty one comes before a wait for the next line, and at the end.

    A thread reads ahead by at most ``most`` lines, so that reading and translating overlap and
    memory stays constant. If reading fails, the lines before the failure come first, then the
    exception.
    """
    waiting: queue.Queue[Line | _End] = queue.Queue(maxsize=most)
    stop = threading.Event()
    threading.Thread(target=_read, args=(lines, waiting, stop), daemon=True).start()
    size = min(FIRST, most)
    try:
        while True:
            pool: list[Line] = []
            item = waiting.get()
            close = time.monotonic() + max(DELAY, patience)
            while not isinstance(item, _End):
                pool.append(item)
                left = min(patience, close - time.monotonic())
                try:
                    item = waiting.get(timeout=left) if len(pool) < size and left > 0 else _PAUSE
                except queue.Empty:
                    item = _PAUSE
            if pool:
                yield pool
                size = min(4 * size, most)
            if item is not _PAUSE or waiting.empty():
                yield []
            if item is _PAUSE:
                continue
            if item.error:
                raise item.error
            return
    finally:
        stop.set()


class _End:
    """Marks the end of a pool or of the stream."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


_PAUSE = _End()


def _read(
    lines: Iterable[Line], waiting: "queue.Queue[Line | _End]", stop: threading.Event
) -> None:
    try:
        for line in lines:
            if not _put(line, waiting, stop):
                return
    except BaseException as error:  # it is raised where the lines are used
        _put(_End(error), waiting, stop)
    else:
        _put(_End(), waiting, stop)


def _put(item: "Line | _End", waiting: "queue.Queue[Line | _End]", stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            waiting.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
