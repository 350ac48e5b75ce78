"""Means over several updates: what is shown and written of training."""

import time
from dataclasses import asdict, dataclass
from typing import NamedTuple

from mt.training.loop import Update


@dataclass(frozen=True)
class Report:
    """Means over the updates since the last report; those that were left out do not count."""

    update: int
    epoch: int
    loss: float
    """Label-smoothed loss, in nats per target token."""
    cross_entropy: float
    """Cross-entropy without smoothing, in nats per target token."""
    rate: float
    """Learning rate of the last update."""
    gradient_norm: float
    """Euclidean norm of the gradient of the last update that counts, before clipping."""
    tokens_per_second: float
    """Real source and target tokens per second of training; validation does not count."""
    seconds: float
    """Seconds of training so far, validation and those before the run was resumed included."""

    def to_json(self) -> dict[str, float]:
        """Write the values by name."""
        return asdict(self)


class Sums(NamedTuple):
    """Sums over the updates since the last report."""

    loss: float = 0.0
    """Label-smoothed loss, in nats."""
    cross_entropy: float = 0.0
    tokens: int = 0
    """Real source and target tokens."""
    target_tokens: int = 0
    seconds: float = 0.0
    """The time they took."""


class ReportBuilder:
    """Collects updates and the time they take, and sums them up in reports."""

    def __init__(self, seconds: float, unreported: Sums) -> None:
        """Begin to count the time.

        Args:
            seconds: Seconds of training before: more than 0 where a run is resumed.
            unreported: What it had done since its last report, likewise.
        """
        self._began = time.perf_counter() - seconds
        self._before = unreported
        self._clear()
        self._since -= unreported.seconds

    def add(self, update: Update) -> None:
        """Take in one update."""
        self._updates.append(update)

    def pause(self, seconds: float) -> None:
        """Leave seconds out of the speed: they were not spent on updates."""
        self._paused += seconds

    def seconds(self) -> float:
        """Return the seconds of the run so far."""
        return time.perf_counter() - self._began

    def sums(self) -> Sums:
        """Sum up the updates since the last report; waits for the device, to read the losses."""
        loss, cross_entropy, tokens, target_tokens, _ = self._before
        for update in self._updates:
            if not update.finite:
                continue
            loss += float(update.smoothed)
            cross_entropy += float(update.cross_entropy)
            tokens += update.source_tokens + update.target_tokens
            target_tokens += update.target_tokens
        spent = time.perf_counter() - self._since - self._paused
        return Sums(loss, cross_entropy, tokens, target_tokens, spent)

    def report(self, epoch: int) -> Report | None:
        """Report on the updates since the last report; ``None``: all were left out."""
        norms = [update.gradient_norm for update in self._updates if update.finite]
        if not norms:
            return None
        sums, last = self.sums(), self._updates[-1]
        report = Report(
            update=last.number,
            epoch=epoch,
            loss=sums.loss / sums.target_tokens,
            cross_entropy=sums.cross_entropy / sums.target_tokens,
            rate=last.rate,
            gradient_norm=float(norms[-1]),
            tokens_per_second=sums.tokens / sums.seconds,
            seconds=self.seconds(),
        )
        self._before = Sums()
        self._clear()
        return report

    def _clear(self) -> None:
        self._updates: list[Update] = []
        self._since = time.perf_counter()
        self._paused = 0.0
