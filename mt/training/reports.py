"""Sum up updates, and tell listeners: they see values, never the training itself."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from torch import Tensor

from mt.training.loop import Update
from mt.training.validation import ValidationResult


@dataclass(frozen=True)
class Report:
    """Means over the updates since the last report."""

    update: int
    epoch: int
    loss: float
    """Label-smoothed loss, in nats per target token."""
    cross_entropy: float
    """Cross-entropy without smoothing, in nats per target token."""
    rate: float
    """Learning rate of the last update."""
    gradient_norm: float
    """Euclidean norm of the gradient of the last update, before clipping."""
    tokens_per_second: float
    """Real source and target tokens per second of training; validation does not count."""
    seconds: float
    """Seconds of training so far, over all sittings, validation included."""

    def to_json(self) -> dict[str, float]:
        """Write the values by name."""
        return asdict(self)


class Listener(Protocol):
    """Somebody who wants to know how training goes."""

    def on_report(self, report: Report) -> None:
        """Hear of a window of updates."""

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Hear of a validation, and whether it is the best so far."""

    def close(self) -> None:
        """Training is over, well or not."""


class Listeners:
    """Publishes to all, in order."""

    def __init__(self, members: Sequence[Listener]) -> None:
        self.members = members

    def on_report(self, report: Report) -> None:
        """Pass a report on."""
        for member in self.members:
            member.on_report(report)

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Pass a result on."""
        for member in self.members:
            member.on_validation(result, best)

    def close(self) -> None:
        """Close all."""
        for member in self.members:
            member.close()


class Window:
    """Collects updates until somebody asks for a report.

    Attributes:
        tokens: Real source and target tokens seen since the last report.
    """

    def __init__(self, seconds_before: float) -> None:
        self._began = time.perf_counter() - seconds_before
        self._paused = 0.0
        self._clear()

    def add(self, update: Update) -> None:
        """Take in one update."""
        self._updates.append(update)

    def pause(self, seconds: float) -> None:
        """Leave time out of the speed: it was spent on something else than training."""
        self._paused += seconds

    def seconds(self) -> float:
        """Return the seconds of the whole run so far."""
        return time.perf_counter() - self._began

    def report(self, epoch: int) -> Report:
        """Sum up and begin anew. Waits for the device, since it reads the losses."""
        updates, last = self._updates, self._updates[-1]
        target = sum(update.target_tokens for update in updates)
        tokens = target + sum(update.source_tokens for update in updates)
        loss = _sum([update.smoothed for update in updates]) / target
        cross_entropy = _sum([update.cross_entropy for update in updates]) / target
        spent = time.perf_counter() - self._since - self._paused
        report = Report(
            update=last.number,
            epoch=epoch,
            loss=loss,
            cross_entropy=cross_entropy,
            rate=last.rate,
            gradient_norm=float(last.gradient_norm),
            tokens_per_second=tokens / spent,
            seconds=self.seconds(),
        )
        self._clear()
        return report

    def _clear(self) -> None:
        self._updates: list[Update] = []
        self._since = time.perf_counter()
        self._paused = 0.0


def _sum(losses: Sequence[Tensor]) -> float:
    return sum(float(loss) for loss in losses)
