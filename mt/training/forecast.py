"""How long a run will take, told once when that can be known, with advice where it is absurd."""

import logging
from dataclasses import dataclass

from mt.model.config import TransformerConfig
from mt.training.pace import Pace, duration
from mt.training.recipe import RecipeConfig
from mt.training.reports import Report
from mt.training.validation import ValidationResult

log = logging.getLogger(__name__)

_MEASURED = 20.0
"""Seconds of training after which its speed is known well enough."""

_DAY = 86_400.0
_MANY_EPOCHS, _ENOUGH_EPOCHS = 200, 50
"""What a corpus is hardly worth, and what suffices: 29,000 pairs of Multi30k took 34 epochs."""

_LARGE = 10_000_000
"""Parameters of a model that two cores train slowly."""


@dataclass(frozen=True)
class RunSize:
    """What a run amounts to."""

    recipe: RecipeConfig
    parameters: int
    """Numbers that are learnt."""
    epochs: float
    """How often each pair is seen."""
    on_cpu: bool
    """Whether there is no accelerator."""

    def shorter(self, seconds: float) -> list[str]:
        """Return overrides for a shorter run, as ``--set`` takes them.

        Args:
            seconds: How long the whole run takes as it is.

        Returns:
            None for a run that is neither absurdly long for its corpus nor, on a CPU, longer than a
            day; else updates for 50 epochs, if there are more, and for a CPU a small model, if it
            is large; if neither applies, as many updates as a day has.
        """
        too_long = self.on_cpu and seconds > _DAY
        if self.epochs <= _MANY_EPOCHS and not too_long:
            return []
        smaller: list[str] = []
        if too_long and self.parameters > _LARGE:
            smaller = ["model.dim=128"]
            if isinstance(self.recipe.model, TransformerConfig):
                smaller += ["model.heads=4", "model.feed_forward=256"]
        if self.epochs > _ENOUGH_EPOCHS:
            return [*self._updates(_ENOUGH_EPOCHS / self.epochs), *smaller]
        return smaller or self._updates(_DAY / seconds)

    def _updates(self, share: float) -> list[str]:
        """Return overrides for a share of the updates, and a warm-up that is short beside them."""
        training = self.recipe.training
        updates = max(1, int(float(f"{training.updates * share:.1e}")))
        overrides = [f"training.updates={updates}"]
        if training.schedule.warmup > updates // 10:
            overrides.append(f"training.schedule.warmup={updates // 10}")
        return overrides


class Forecast:
    """A listener that logs how long the run will take."""

    def __init__(self, size: RunSize, pace: Pace) -> None:
        self._size = size
        self._pace = pace
        self._told = False

    def on_update(self, number: int) -> None:
        """Speak once, when the speed is known."""
        if self._told or self._pace.elapsed() < _MEASURED:
            return
        self._told = True
        left, updates = self._pace.left(number), self._pace.updates
        log.info(
            "at this speed: about %s for the %s updates that are left",
            duration(left), f"{updates - number:,}",
        )  # fmt: skip
        overrides = self._size.shorter(left * updates / max(1, updates - number))
        if overrides:
            log.warning(
                "%s updates are about %s epochs of this corpus, for %s parameters; for a shorter "
                "run, stop this one and try, with another --out: %s",
                f"{updates:,}", f"{self._size.epochs:,.0f}", f"{self._size.parameters:,}",
                " ".join(f"--set {each}" for each in overrides),
            )  # fmt: skip

    def on_report(self, report: Report) -> None:
        """Means do not matter here."""

    def on_validation(self, result: ValidationResult, best: bool) -> None:
        """Validations do not matter here."""

    def close(self) -> None:
        """Nothing to close."""
