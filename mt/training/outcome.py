"""How a run ended."""

from dataclasses import dataclass
from pathlib import Path

from mt.training.progress import best_of
from mt.training.validation import ValidationResult


@dataclass(frozen=True)
class Outcome:
    """How a run, or one sitting of it, ended."""

    run: Path
    ended: str
    """Why: all updates done, no improvement, or interrupted."""
    finished: bool
    """Whether there is nothing left to resume."""
    update: int
    """The last update."""
    history: tuple[ValidationResult, ...]
    """Every validation, in order."""
    average: ValidationResult | None
    """The validation of the averaged weights, if there are any."""
    seconds: float
    """Seconds of training, over all sittings."""

    @property
    def best(self) -> ValidationResult:
        """The best validation of a single checkpoint."""
        return best_of(self.history)
