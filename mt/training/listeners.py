"""Where reports and validations go: the terminal, the log, ``metrics.jsonl``, TensorBoard."""

import contextlib
import importlib.util
import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mt.files import named_where_full, write_atomically
from mt.training.pace import Pace, clock, duration
from mt.training.reports import Report
from mt.training.validation import ValidationResult

log = logging.getLogger(__name__)

METRICS = "metrics.jsonl"
"""What :class:`MetricsFile` is called in a run directory."""

SECONDS_BETWEEN_LINES = 15.0
"""Seconds between two lines of progress in a log that has no progress bar."""


class Listener(Protocol):
    """Receives what a run tells of itself."""

    def on_update(self, number: int) -> None:
        """Take the number of an update that was done; the device may still be computing it."""

    def on_report(self, report: Report) -> None:
        """Take a report on the last updates."""

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Take the result of a validation, and whether it is the best so far."""

    def close(self) -> None:
        """End: training is over, or has failed."""


class Listeners:
    """Several listeners as one, called in their order."""

    def __init__(self, members: Sequence[Listener]) -> None:
        self.members = list(members)

    def on_update(self, number: int) -> None:
        """Pass a number on."""
        for member in self.members:
            member.on_update(number)

    def on_report(self, report: Report) -> None:
        """Pass a report on."""
        for member in self.members:
            member.on_report(report)

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Pass a result on."""
        for member in self.members:
            member.on_validation(result, best)

    def close(self) -> None:
        """Close all, whichever of them fail."""
        with contextlib.ExitStack() as stack:
            for member in reversed(self.members):
                stack.callback(member.close)


class ProgressBar:
    """A bar with loss, learning rate, speed and time left, for a terminal."""

    def __init__(self, pace: Pace, console: Console) -> None:
        self._pace = pace
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task(
            "training", total=pace.updates, completed=pace.done, state="", left=""
        )
        self._progress.start()

    def on_update(self, number: int) -> None:
        """Move the bar."""
        left = f"{clock(self._pace.left(number))} left"
        self._progress.update(self._task, completed=number, total=self._pace.updates, left=left)

    def on_report(self, report: Report) -> None:
        """Show the means."""
        speed = f"{report.tokens_per_second:,.0f} tokens/s"
        state = f"loss {report.loss:.3f}  rate {report.rate:.2e}  {speed}"
        self._progress.update(self._task, state=state)

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Validations go to the log, above the bar."""

    def close(self) -> None:
        """Remove the bar."""
        self._progress.stop()


class LogLines:
    """Plain lines: every validation, and progress every few seconds where there is no bar."""

    def __init__(self, pace: Pace, progress: bool) -> None:
        self._pace = pace
        self._progress = progress
        self._next = 0.0

    def on_update(self, number: int) -> None:
        """Lines come with reports."""

    def on_report(self, report: Report) -> None:
        """Write a line when the last one is some seconds old."""
        if self._progress and report.seconds >= self._next:
            self._next = report.seconds + SECONDS_BETWEEN_LINES
            log.info(
                "update %d/%d  epoch %d  loss %.3f  rate %.2e  %s tokens/s  %s, %s left",
                report.update, self._pace.updates, report.epoch + 1, report.loss, report.rate,
                f"{report.tokens_per_second:,.0f}", clock(report.seconds),
                duration(self._pace.left(report.update)),
            )  # fmt: skip

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Write a line, with an example where something was translated."""
        log.info("update %d  validation: %s%s", result.update, result, "  (best)" if best else "")
        for source, _, hypothesis in result.examples[:1]:
            log.info("  %s → %s", source, hypothesis)

    def close(self) -> None:
        """Nothing to close."""


class MetricsFile:
    """One JSON object a line, flushed at once.

    What a stopped run wrote past its checkpoint is cut off, and so is what a crash damaged.
    """

    def __init__(self, path: Path, done: int) -> None:
        kept = [line for line in _whole_lines(path) if json.loads(line)["update"] <= done]
        write_atomically(path, "".join(line + "\n" for line in kept))
        self._path, self._file = path, path.open("a", encoding="utf-8")

    def on_update(self, number: int) -> None:
        """Lines come with reports."""

    def on_report(self, report: Report) -> None:
        """Append the report."""
        self._append(report.to_json())

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Append the result."""
        self._append({"update": result.update, "validation": result.to_json(), "best": best})

    def close(self) -> None:
        """Close the file."""
        with named_where_full(self._path):
            self._file.close()

    def _append(self, values: dict[str, Any]) -> None:
        with named_where_full(self._path):
            self._file.write(json.dumps(values, ensure_ascii=False) + "\n")
            self._file.flush()


class TensorBoard:
    """The same numbers as scalars for TensorBoard; a run does without where they cannot be written.

    A thread of TensorBoard writes them. What fails there is raised by the next call here, so the
    thread need not print it too.
    """

    def __init__(self, path: Path, done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra

        self._path = path
        self._writer: SummaryWriter | None = None
        self._print_failure = threading.excepthook
        threading.excepthook = self._on_failure
        with self._without_failing():
            self._writer = SummaryWriter(str(path), purge_step=done + 1)

    def on_update(self, number: int) -> None:
        """Values come with reports."""

    def on_report(self, report: Report) -> None:
        """Add the report's values."""
        for name in ("loss", "cross_entropy", "rate", "gradient_norm", "tokens_per_second"):
            self._add(f"training/{name}", getattr(report, name), report.update)

    def on_validation(self, result: ValidationResult, best: bool) -> None:  # noqa: ARG002
        """Add the loss and the scores."""
        for name, each in [("validation", result), *result.sets.items()]:
            prefix = name if each is result else f"validation/{name}"
            self._add(f"{prefix}/loss", each.loss, result.update)
            if each.score is not None:
                self._add(f"{prefix}/{each.score.metric}", each.score.value, result.update)

    def close(self) -> None:
        """Write what is buffered."""
        try:
            with self._without_failing():
                if self._writer is not None:
                    self._writer.close()
        finally:
            threading.excepthook = self._print_failure

    def _add(self, name: str, value: float, update: int) -> None:
        with self._without_failing():
            if self._writer is not None:
                self._writer.add_scalar(name, value, update)

    @contextlib.contextmanager
    def _without_failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._writer = None
            log.warning("%s: %s; nothing more is written there", self._path, error.strerror)

    def _on_failure(self, failure: threading.ExceptHookArgs) -> None:
        ours = type(failure.thread).__module__.startswith("tensorboard.")
        if not (ours and isinstance(failure.exc_value, OSError)):
            self._print_failure(failure)


def usual_listeners(run: Path, pace: Pace, console: Console) -> list[Listener]:
    """Return those of every run: a log, a metrics file, and what the machine has besides.

    Args:
        run: The run directory.
        pace: How fast the run goes; what was written after the last update before is removed.
        console: Gets a progress bar if it is a terminal.
    """
    listeners: list[Listener] = [
        LogLines(pace, progress=not console.is_terminal),
        MetricsFile(run / METRICS, pace.done),
    ]
    if importlib.util.find_spec("tensorboard"):
        if "\ufffd" in os.fsencode(run).decode(errors="replace"):
            log.warning("%s: nothing is written for TensorBoard, which needs names in UTF-8", run)
        else:
            listeners.append(TensorBoard(run / "tensorboard", pace.done))
    if console.is_terminal:
        listeners.append(ProgressBar(pace, console))
    return listeners


def _whole_lines(path: Path) -> list[str]:
    """Return the lines that are entries; a kill or a full disk may have left something else."""
    if not path.exists():
        return []
    *lines, torn = path.read_bytes().split(b"\n")
    whole = [line.decode() for line in lines if _is_entry(line)]
    damaged = len(lines) - len(whole)
    if damaged:
        log.warning("%s: %d damaged lines were dropped", path, damaged)
    elif torn:
        log.info("%s: the last line was not finished, and is dropped", path)
    return whole


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:  # neither JSON nor UTF-8
        return False
    return isinstance(entry, dict) and isinstance(entry.get("update"), int)
