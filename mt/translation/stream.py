"""Turn a stream of lines into pools worth sorting, without waiting for lines yet to come."""

import queue
import threading
from collections.abc import Iterable, Iterator

POOL = 2048
"""Lines at most in a pool: enough to find neighbours of equal length, yet progress shows."""
PATIENCE = 0.02
"""Seconds to wait for one more line before a pool is closed."""


def pools(
    lines: Iterable[str], most: int = POOL, patience: float = PATIENCE
) -> Iterator[list[str]]:
    """Collect the lines that are there, at least one and at most ``most`` at a time.

    A thread reads ahead by at most ``most`` lines, so that reading and translating overlap and
    memory stays constant. If reading fails, the lines before the failure come first, then the
    exception.
    """
    waiting: queue.Queue[str | _End] = queue.Queue(maxsize=most)
    stop = threading.Event()
    threading.Thread(target=_read, args=(lines, waiting, stop), daemon=True).start()
    try:
        while True:
            pool: list[str] = []
            item = waiting.get()
            while isinstance(item, str):
                pool.append(item)
                try:
                    item = waiting.get(timeout=patience) if len(pool) < most else _PAUSE
                except queue.Empty:
                    item = _PAUSE
            if pool:
                yield pool
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


def _read(lines: Iterable[str], waiting: "queue.Queue[str | _End]", stop: threading.Event) -> None:
    try:
        for line in lines:
            if not _put(line, waiting, stop):
                return
    except BaseException as error:  # it is raised where the lines are used
        _put(_End(error), waiting, stop)
    else:
        _put(_End(), waiting, stop)


def _put(item: "str | _End", waiting: "queue.Queue[str | _End]", stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            waiting.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
