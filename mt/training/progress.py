"""What changes while a run goes on, and must be remembered to go on exactly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mt.training.order import Position
from mt.training.validation import ValidationResult


@dataclass
class Progress:
    """How far a run has come."""

    update: int = 0
    """The last update."""
    position: Position = field(default_factory=Position)
    """The next batch."""
    seconds: float = 0.0
    """Seconds of training, over all sittings."""
    history: list[ValidationResult] = field(default_factory=list)
    """Every validation, in order."""
    average: ValidationResult | None = None
    """The validation of the averaged weights, at the end."""

    def to_json(self) -> dict[str, Any]:
        """Write what a resumed run needs."""
        return {
            "update": self.update,
            "position": [self.position.epoch, self.position.batch],
            "seconds": self.seconds,
            "history": [[result.update, result.to_json()] for result in self.history],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Progress":
        """Read what :meth:`to_json` wrote."""
        return cls(
            update=values["update"],
            position=Position(*values["position"]),
            seconds=values["seconds"],
            history=[
                ValidationResult.from_json(update, found) for update, found in values["history"]
            ],
        )


def without_improvement(history: Sequence[ValidationResult], least: float) -> int:
    """Count the validations since the last that beat the best before it by more than ``least``."""
    best, count = -math.inf, 0
    for result in history:
        if result.selection_score > best + least:
            best, count = result.selection_score, 0
        else:
            count += 1
    return count


def best_of(history: Sequence[ValidationResult]) -> ValidationResult:
    """Return the best result; of equals the first."""
    return max(history, key=lambda result: result.selection_score)
