"""How far a command has come: a bar on a terminal, plain lines in a log."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mt.logs import terminal

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 15.0


class Progress(Protocol):
    """Is told how many lines are done."""

    def __call__(self, done: int) -> None:
        """Take the number of lines that are done."""


@contextmanager
def lines_progress(what: str, total: int | None, done: int = 0) -> Iterator[Progress]:
    """Show how many lines are done, how many come in a second, and how long the rest will take.

    Args:
        what: Names the work, as in ``translating``.
        total: Lines in all, if that is known.
        done: Lines that were done before.
    """
    if not terminal().is_terminal:
        yield _LogLines(what, total, done)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(show_speed=True),
        TextColumn("lines"), TimeRemainingColumn(), TextColumn("left"),
        console=terminal(), transient=True, speed_estimate_period=60.0,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=total, completed=done)
        yield lambda done: bar.update(task, completed=done)


class _LogLines:
    """Writes a line every few seconds."""

    def __init__(self, what: str, total: int | None, done: int) -> None:
        self._what, self._total, self._before = what, total, done
        self._began = time.monotonic()
        self._next = self._began + SECONDS_BETWEEN_LINES

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + SECONDS_BETWEEN_LINES
        rate = (done - self._before) / (now - self._began)
        of, left = "", ""
        if self._total is not None and rate:
            of = f" of {self._total:,}"
            left = f", {max(0, self._total - done) / rate:,.0f} s left"
        log.info("%s: %s%s lines, %.0f a second%s", self._what, f"{done:,}", of, rate, left)
