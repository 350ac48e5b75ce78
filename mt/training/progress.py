"""How far a run has come, what it has to remember to go on exactly, and how it ended."""

import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from mt.training.budget import Plan
from mt.training.order import Position
from mt.training.reports import Sums
from mt.training.validation import ValidationResult


@dataclass
class Progress:
    """How far a run has come."""

    update: int = 0
    """The last update."""
    position: Position = field(default_factory=Position)
    """The next batch."""
    seconds: float = 0.0
    """Seconds of training, those before the run was resumed included."""
    spent: float = 0.0
    """Likewise, preparation included: what counts against a budget."""
    plan: Plan | None = None
    """What the run does in its budget, if it has one."""
    unreported: Sums = field(default_factory=Sums)
    """What was done since the last report; nothing but where a run was interrupted."""
    history: list[ValidationResult] = field(default_factory=list)
    """Every validation, in order."""
    skipped: int = 0
    """Updates that were left out, as loss or gradient was not finite."""
    skipped_in_a_row: int = 0
    """Those of them that were the last ones."""
    returns: int = 0
    """How often the run has gone back to a checkpoint; each time the learning rate is halved."""
    average: ValidationResult | None = None
    """The validation of the averaged weights, at the end."""

    @property
    def start(self) -> ValidationResult | None:
        """What was measured before the first update, if anything was."""
        return next((result for result in self.history[:1] if result.update == 0), None)

    def to_json(self) -> dict[str, Any]:
        """Write what a resumed run needs."""
        return {
            "update": self.update,
            "position": list(astuple(self.position)),
            "seconds": self.seconds,
            "spent": self.spent,
            "plan": asdict(self.plan) if self.plan else None,
            "unreported": list(self.unreported),
            "skipped": [self.skipped, self.skipped_in_a_row, self.returns],
            "history": [[result.update, result.to_json()] for result in self.history],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Progress":
        """Read what :meth:`to_json` wrote."""
        skipped, in_a_row, returns = values["skipped"]
        return cls(
            skipped=skipped,
            skipped_in_a_row=in_a_row,
            returns=returns,
            update=values["update"],
            position=Position(*values["position"]),
            seconds=values["seconds"],
            spent=values["spent"],
            plan=Plan(**values["plan"]) if values["plan"] else None,
            unreported=Sums(*values["unreported"]),
            history=[
                ValidationResult.from_json(update, found) for update, found in values["history"]
            ],
        )


class Ending(StrEnum):
    """Why training ended."""

    DONE = "all updates done"
    NO_IMPROVEMENT = "no improvement"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Outcome:
    """How a run ended, or was interrupted."""

    run: Path
    """The run directory."""
    ended: Ending
    progress: Progress

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to resume."""
        return self.ended is not Ending.INTERRUPTED

    @property
    def best(self) -> ValidationResult:
        """The best validation of a single checkpoint."""
        return best_of(self.progress.history)

    @property
    def changes(self) -> dict[str, tuple[ValidationResult, ValidationResult]]:
        """What was measured before the first update, and of the model that was chosen, by set."""
        before = self.progress.start
        if before is None:
            return {}
        after = self.best
        average = self.progress.average
        if average is not None and average.rank >= after.rank:
            after = average
        if not before.sets:
            return {"validation": (before, after)}
        return {name: (before.sets[name], after.sets[name]) for name in before.sets}


def without_improvement(history: Sequence[ValidationResult], least: float) -> int:
    """Count the validations since the last that beat the best before it by more than ``least``.

    Of two with the same score, as BLEU of 0 at first, the one of lower loss beats the other.
    """
    best, count = (-math.inf, -math.inf), 0
    for result in history:
        further = result.selection_score > best[0] + least
        if further or (result.selection_score == best[0] > -math.inf and result.rank > best):
            best, count = result.rank, 0
        else:
            count += 1
    return count


def best_of(history: Sequence[ValidationResult]) -> ValidationResult:
    """Return the best result; of equals the first."""
    return max(history, key=lambda result: result.rank)
