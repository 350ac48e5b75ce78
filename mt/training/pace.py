"""How long a run takes, and how durations are written."""

import time
from collections.abc import Callable


class Pace:
    """Expects updates to go on as fast as they came in this process, validations included.

    Attributes:
        done: The last update before this process.
    """

    def __init__(
        self, updates: Callable[[], int], done: int, now: Callable[[], float] = time.perf_counter
    ) -> None:
        """Begin to measure.

        Args:
            updates: Returns the updates of the whole run, as far as is known.
            done: The last update before this process.
            now: Returns the time, in seconds.
        """
        self._updates = updates
        self.done = done
        self._now = now
        self._began = now()

    @property
    def updates(self) -> int:
        """Updates of the whole run, as far as is known."""
        return self._updates()

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self._now() - self._began

    def left(self, update: int) -> float:
        """Return the seconds that all updates after this one will take; more than ``done``."""
        return self.elapsed() / (update - self.done) * (self.updates - update)


def clock(seconds: float) -> str:
    """Write a duration as hours, minutes and seconds."""
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}"


def duration(seconds: float) -> str:
    """Write a duration in words."""
    if round(seconds) < 60:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
