"""How far a command has come: a bar on a terminal, plain lines in a log."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mt.logs import on_terminal, terminal

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 15.0


class Progress(Protocol):
    """Is told how far the work has come."""

    def __call__(self, count: int, /) -> None:
        """Take a number of lines or records."""


@contextmanager
def lines_progress(what: str, total: int | None, done: int = 0) -> Iterator[Progress]:
    """Show how many lines are done, how many come in a second, and how long the rest will take.

    Args:
        what: Names the work, as in ``translating``.
        total: Lines in all, if that is known.
        done: Lines that were done before.
    """
    if not on_terminal():
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


@contextmanager
def shards_progress(what: str, total: int, done: int) -> Iterator[Progress]:
    """Show how many shards are done, how many records a second, and how long the rest will take.

    What is given is called with the number of records of each shard that is done, in any thread.

    Args:
        what: Names the work, as in ``translating``.
        total: Shards in all.
        done: Shards that were done before.
    """
    if not on_terminal():
        yield _LogShards(what, total, done)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("shards"),
        TextColumn("{task.fields[records]:,} records, {task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(), TextColumn("left"),
        console=terminal(), transient=True, speed_estimate_period=600.0,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=total, completed=done, records=0, rate=0.0)
        began, lock, records = time.monotonic(), threading.Lock(), 0

        def show(more: int) -> None:
            nonlocal records
            with lock:
                records += more
                rate = records / (time.monotonic() - began)
                bar.update(task, advance=1, records=records, rate=rate)

        yield show


class _LogShards:
    """Writes a line every few seconds."""

    def __init__(self, what: str, total: int, done: int) -> None:
        self._what, self._total, self._before, self._done = what, total, done, done
        self._records = 0
        self._began = time.monotonic()
        self._next = self._began + SECONDS_BETWEEN_LINES
        self._lock = threading.Lock()

    def __call__(self, more: int) -> None:
        with self._lock:
            self._records += more
            self._done += 1
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + SECONDS_BETWEEN_LINES
            seconds = now - self._began
            left = seconds / (self._done - self._before) * (self._total - self._done)
            log.info(
                "%s: %s of %s shards, %s records, %.0f a second, %s s left",
                self._what, f"{self._done:,}", f"{self._total:,}", f"{self._records:,}",
                self._records / seconds, f"{left:,.0f}",
            )  # fmt: skip


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
