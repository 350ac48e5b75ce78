"""Means over several updates: what is shown and written of training."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from torch import Tensor

from mt.training.loop import Update


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
    """Seconds of training so far, validation and those before the run was resumed included."""

    def to_json(self) -> dict[str, float]:
        """Write the values by name."""
        return asdict(self)


class ReportBuilder:
    """Collects updates and the time they take, and sums them up in reports."""

    def __init__(self, seconds: float) -> None:
        """Begin to count the time.

        Args:
            seconds: Seconds of training before: more than 0 where a run is resumed.
        """
        self._began = time.perf_counter() - seconds
        self._paused = 0.0
        self._clear()

    def add(self, update: Update) -> None:
        """Take in one update."""
        self._updates.append(update)

    @property
    def empty(self) -> bool:
        """Whether there is no update since the last report."""
        return not self._updates

    def pause(self, seconds: float) -> None:
        """Leave seconds out of the speed: they were not spent on updates."""
        self._paused += seconds

    def seconds(self) -> float:
        """Return the seconds of the run so far."""
        return time.perf_counter() - self._began

    def report(self, epoch: int) -> Report:
        """Sum up the updates since the last report; waits for the device, to read the losses."""
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
