"""What happens where the loss or the gradient is not finite.

Such an update is left out: weights and optimiser stay as they are. Where several in a row are, the
run goes back to its last checkpoint and on at half the learning rate.
"""

import logging

import torch

from mt.errors import TrainingError
from mt.training.loop import Update
from mt.training.progress import Progress

log = logging.getLogger(__name__)

SKIPS = 5
"""Updates left out in a row after which training goes back."""
RETURNS = 3
"""How often training goes back before it gives up."""


class DivergenceError(TrainingError):
    """Losses, gradients or weights are not finite, and leaving out single updates does not help."""


class SkippedUpdates:
    """Counts the updates that were left out, in all processes alike."""

    def __init__(self, progress: Progress, device: torch.device) -> None:
        """Begin to count.

        Args:
            progress: Gets the counts.
            device: Where updates are computed. On the CPU each is looked at when it is done; where
                that would mean waiting, when somebody asks.
        """
        self._progress = progress
        self._at_once = device.type == "cpu"
        self._unread: list[Update] = []

    def add(self, update: Update) -> None:
        """Take in an update.

        Raises:
            DivergenceError: As :meth:`read`.
        """
        self._unread.append(update)
        if self._at_once:
            self.read()

    def read(self) -> None:
        """Count those that came since; waits for the device.

        Raises:
            DivergenceError: If too many were left out in a row.
        """
        unread, self._unread = self._unread, []
        for update in unread:
            if update.finite:
                self._progress.skipped_in_a_row = 0
                continue
            self._progress.skipped += 1
            self._progress.skipped_in_a_row += 1
            loss = float(update.smoothed) / update.target_tokens
            found = f"loss {loss:.4g}, gradient's norm {float(update.gradient_norm):.4g}"
            log.warning(
                "update %d: left out, as it is not finite: %s (%d so far)",
                update.number, found, self._progress.skipped,
            )  # fmt: skip
            if self._progress.skipped_in_a_row == SKIPS:
                raise DivergenceError(
                    f"{SKIPS} updates in a row, up to {update.number}, are not: {found}"
                )
