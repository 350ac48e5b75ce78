"""Training for a given time: how many updates fit into it, by the speed that is measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from mt.errors import ConfigError
from mt.training.config import TrainingConfig
from mt.training.pace import duration

VALIDATIONS = 20
"""Validations of a run, unless its recipe asks for more or they take too long."""
VALIDATING = 0.1
"""Largest share of the budget that validations take."""
WARMING_UP = 0.1
"""Share of the updates that warm up, at most."""
AIM = 0.98
"""Share of the budget after which a run is planned to end."""
WRITING = 3.0
"""Seconds that writing the run card takes."""
SETTLED = 16
"""Updates whose mean time is the pace of a run; the mean of fewer may be that of a slow start."""
KEPT = (0.975, 0.995)
"""A plan stays as it is while the run is expected to end between these shares of the budget."""


@dataclass(frozen=True)
class Plan:
    """What a run does in the time it has; saved with its state, so that it goes on exactly."""

    budget: float
    """Seconds of the run."""
    updates: int
    """Updates until the end."""
    warmup: int
    """Updates until the highest learning rate."""
    every: int
    """Updates between two validations."""
    pause: float
    """Seconds that a validation and its checkpoint take; 0: not known yet."""
    again: int
    """The update after which the plan is looked at again."""
    settled: bool
    """Whether the warm-up follows from the pace of enough updates."""

    def ends_early(self, update: int, before: "Plan | None") -> bool:
        """Say whether a run ends with an update, long before it would have by the last plan."""
        return self.updates == update and (before is None or update < KEPT[0] * before.updates)

    def stretched(self, budget: float) -> "Plan":
        """Return the plan for another budget, to be looked at after the next update."""
        updates = math.ceil(self.updates * budget / self.budget)
        return replace(self, budget=budget, updates=updates, again=0)


def refuse_used_up(budget: float | None, spent: float) -> None:
    """Refuse a budget of which preparation has left nothing.

    Args:
        budget: Seconds of the run; ``None``: as many as it takes.
        spent: Seconds until the first update.

    Raises:
        ConfigError: If no update fits in any more.
    """
    if budget is not None and _left(budget, spent) <= 0:
        raise ConfigError(
            f"training.budget: expected time for training, but preparation took {duration(spent)} "
            f"of the {duration(budget)} and writing the run takes {WRITING:.0f} s; raise it: what "
            "is encoded stays"
        )


def _left(budget: float, spent: float) -> float:
    """Return the seconds for updates and validations."""
    return AIM * budget - spent - WRITING


class Planner:
    """Plans the rest of a run from the pace of its last updates.

    It plans after the first update and whenever there are twice as many, as long as the pace is
    hardly known; later whenever an eighth of the rest is done. The schedule follows the number of
    updates. The warm-up stays once it is over, if its end was planned from the pace of enough
    updates: the first ones of a process may be slow.
    """

    def __init__(  # noqa: PLR0917 - all that a plan depends on
        self,
        config: TrainingConfig,
        every: int,
        endings: int,
        update: int,
        began: float,
        now: Callable[[], float],
    ) -> None:
        """Begin to measure.

        Args:
            config: The budget and the schedule.
            every: Most updates between two validations, unless these take too long.
            endings: What follows the last update, in validations' time.
            update: The last update before.
            began: When the budget began, as ``now`` tells the time.
            now: Returns the time, in seconds.
        """
        self._config = config
        self._every = every
        self._endings = endings
        self._began = began
        self._now = now
        self._paused = self._pause = 0.0
        self._since = update, now() - began

    def paused(self, seconds: float) -> None:
        """Take in how long a validation and its checkpoint took."""
        self._pause = seconds
        self._paused += seconds

    def plan(self, update: int, before: Plan | None) -> Plan:
        """Plan what is to come after an update; the plan before stays as it is while it fits."""
        spent = self._now() - self._began
        first, seconds = self._since
        pace = (spent - self._paused - seconds) / (update - first)
        settled = update - first >= SETTLED
        self._since = update, spent - self._paused
        budget = self._config.budget or math.inf
        pause = self._pause or (before.pause if before else 0.0)
        plan = before
        if before is None or not before.pause or not self._fits(update, before, spent, pace):
            left = _left(budget, spent) - self._endings * pause
            every = self._interval(update + left / pace, pause, budget)
            updates = update + max(0, int(left / (pace + pause / every)))
            warmup = int(WARMING_UP * updates)
            if before is not None and before.settled and (update > before.warmup or not settled):
                warmup = before.warmup
            warmup = min(self._config.schedule.warmup, warmup)
            plan = Plan(budget, updates, warmup, every, pause, again=0, settled=False)
        assert plan is not None
        again = update + max(1, min(update, (plan.updates - update) // 8))
        known = settled or (before is not None and before.settled)
        return replace(plan, again=again, settled=known)

    def _fits(self, update: int, plan: Plan, spent: float, pace: float) -> bool:
        """Say whether a run would end with its budget."""
        rest = (plan.updates - update) * (pace + plan.pause / plan.every)
        least, most = KEPT
        expected = spent + rest + self._endings * plan.pause + WRITING
        return least * plan.budget <= expected <= most * plan.budget

    def _interval(self, updates: float, pause: float, budget: float) -> int:
        """Return the updates between two validations of so many."""
        wanted = min(self._every, int(updates / VALIDATIONS))
        return max(1, wanted, math.ceil(updates * pause / (VALIDATING * budget)))
