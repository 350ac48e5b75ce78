"""Training for a given time ends when the time is over, with all it plans."""

import random
import time

import pytest
import torch
from rich.console import Console

from mt.bundle import open_bundle, read_index
from mt.config import apply_overrides
from mt.errors import ConfigError
from mt.training import loop
from mt.training import run as module
from mt.training.budget import WRITING, Planner
from mt.training.config import CosineConfig, TrainingConfig
from mt.training.recipe import RecipeConfig
from mt.training.run import train
from mt.training.validation import Validation
from mt.training.world import SingleProcess

BUDGET = 1800.0
ENDINGS = 4


class Simulated:
    """A run whose seconds are made up."""

    def __init__(self, pace, validation, warmup=4000, every=1000):
        self.pace, self.validation = pace, validation
        self.config = TrainingConfig(budget=BUDGET, schedule=CosineConfig(warmup=warmup))
        self.every, self.seconds = every, 20.0  # of preparation
        self.update, self.plan, self.plans, self.validated = 0, None, [], []

    def train(self, stop=None):
        """Train as the trainer does, to the end or some update."""
        every, now = self.every, lambda: self.seconds
        planner = Planner(self.config, every, ENDINGS, self.update, began=0.0, now=now)
        while self.update != stop:
            self.update += 1
            self.seconds += self.pace(self.update)
            if self.plan is None or self.update >= self.plan.again:
                self.plan = planner.plan(self.update, self.plan)
                self.plans.append(self.plan)
            if self.update >= self.plan.updates:
                self.seconds += ENDINGS * self.validation + WRITING
                break
            if self.update - (self.validated or [0])[-1] >= self.plan.every:
                self.validated.append(self.update)
                self.seconds += self.validation
                planner.paused(self.validation)
        return self


def wandering(seed):
    """Share a machine with neighbours that come and go."""
    generator = random.Random(seed)
    paces = [0.2 * generator.choice([0.9, 1, 1, 1, 1.5, 2]) for _ in range(100)]
    return lambda update: paces[update // 300]


PACES = {
    "steady": lambda _: 0.2,
    "slow at first": lambda update: 30.0 if update == 1 else 0.2,
    "very slow at first": lambda update: 200.0 if update == 1 else 0.2,
    "slow for a while": lambda update: 50.0 if update <= 8 else 0.2,
    "faster": lambda update: 0.3 if update < 2000 else 0.15,
    "slower": lambda update: 0.2 if update < 5000 else 0.5,
    "long updates": lambda _: 9.0,
    "uneven": lambda update: 0.1 + 0.2 * (update % 2),
    **{f"wandering {seed}": wandering(seed) for seed in range(3)},
}


@pytest.mark.parametrize("validation", [0.5, 8.0])
@pytest.mark.parametrize("pace", PACES)
def test_a_run_ends_with_its_budget_and_its_schedule(pace, validation):
    run = Simulated(PACES[pace], validation).train()
    assert 0.97 * BUDGET < run.seconds <= BUDGET
    assert 3 <= len(run.validated) <= 30
    assert len(run.validated) * validation < 0.15 * BUDGET
    assert 0.05 * run.plan.updates <= run.plan.warmup <= 0.2 * run.plan.updates
    assert run.config.rate(run.update, run.plan) == 0.0  # the cosine is at its floor
    assert len({each.warmup for each in run.plans if each.again > 4 * each.warmup}) <= 2


def test_a_plan_that_holds_is_not_made_anew():
    run = Simulated(PACES["steady"], 8.0).train()
    assert len({each.updates for each in run.plans if each.pause}) == 1
    # So it is for a run that is stopped, and goes on after a while.
    stopped = Simulated(PACES["steady"], 8.0).train(stop=3333)
    stopped.seconds += 10.0
    stopped.train()
    assert (stopped.update, stopped.validated) == (run.update, run.validated)
    assert stopped.seconds <= BUDGET


def test_a_slow_start_after_a_stop_does_not_cut_the_warmup_short():
    run = Simulated(lambda update: 150.0 if update in {1, 101} else 0.2, 8.0).train(stop=100)
    before = run.plan.warmup
    run.plan = run.plan.stretched(BUDGET)
    assert run.train(stop=101).plan.warmup == before > 500
    run.train()
    assert run.plan.warmup == pytest.approx(0.1 * run.update, rel=0.2)


def test_recipes_that_validate_more_often_do():
    run = Simulated(PACES["steady"], 0.01, every=100).train()
    assert len(run.validated) == (run.update - 1) // 100  # the last is another


def test_a_time_that_is_over_ends_the_run_at_once():
    run = Simulated(lambda _: BUDGET, 1.0).train()
    assert run.update == 1


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("2d", 172_800), (7, 7)]
)
def test_times_have_units(written, seconds):
    assert TrainingConfig(budget=written).budget == seconds


@pytest.mark.parametrize("written", ["30 minutes", "m", "-3m", "0s", 0, "nanh", "infh", ""])
def test_what_is_no_time_is_refused(written):
    with pytest.raises(ConfigError, match=r"budget"):
        TrainingConfig.parse({"budget": written}, where="recipe.yaml")


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by a list of its only reading."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    return clock


@pytest.fixture
def take(clock, monkeypatch):
    """Return what lets a function take some seconds of the clock."""

    def take(place, name, seconds):
        function = getattr(place, name)

        def call(*given):
            clock[0] += seconds
            return function(*given)

        monkeypatch.setattr(place, name, call)

    return take


@pytest.fixture
def fit(values, tmp_path, monkeypatch, clock, take):
    """Train with a clock by which an update takes 0.2 s and a validation 0.2 s."""
    take(loop, "step_if", 0.2)
    take(Validation, "run", 0.2)
    monkeypatch.setattr(module, "write_card", lambda *_: None)
    monkeypatch.setattr("mt.training.listeners.importlib.util.find_spec", lambda _: None)

    def fit(*overrides, resume=False, run="run"):
        given = ["training.schedule={kind: cosine, warmup: 1000}", *overrides]
        recipe = RecipeConfig.parse(apply_overrides(values, given), where="tiny")
        console = Console(stderr=True)
        began = clock[0]
        outcome = train(
            recipe, tmp_path / run, resume, torch.device("cpu"), console, SingleProcess()
        )
        return outcome.progress, clock[0] - began

    return fit


@pytest.mark.slow
def test_a_comparison_behind_the_end_is_told(fit, caplog):
    fit("training.budget=12s", "training.consistency={kind: rdrop, from_update: 5000}")
    [told] = [each for each in caplog.messages if each.startswith("training.consistency")]
    assert "it is 5,000; so no update compares two passes" in told


@pytest.mark.slow
def test_a_run_ends_in_time_and_goes_on_with_more(fit, caplog):
    caplog.set_level("INFO", logger="mt")
    first, first_seconds = fit("training.budget=12s")
    assert 0.95 * 12 < first_seconds + WRITING <= 12
    assert first.plan.updates == first.update == pytest.approx(38, abs=4)
    assert first.plan.warmup <= first.update / 10
    assert first.history[-1].update == first.update
    assert 4 < len(first.history) < 10
    assert first.average is not None
    assert "budget: about 43 updates fit into 12 seconds, if all" in caplog.text
    assert f"budget: {first.update} updates fit into 12 seconds" in caplog.text
    assert "are over, and" not in caplog.text
    again, seconds = fit("training.budget=12s", resume=True)
    assert (again.update, seconds) == (first.update, 0.0)
    more, seconds = fit("training.budget=20s", resume=True)
    assert 0.95 * 20 < first_seconds + seconds + WRITING <= 20
    assert more.plan.updates == more.update > first.update


@pytest.mark.slow
def test_a_budget_that_preparation_used_up_is_refused_and_may_be_raised(fit, take, caplog):
    caplog.set_level("INFO", logger="mt")
    take(module, "prepare_run", 11.6)
    with pytest.raises(ConfigError, match=r"preparation took 12 seconds of the 14 .* raise it"):
        fit("training.budget=14s")
    assert not any("updates fit into" in each for each in caplog.messages)
    # Time for one update is there, and then too little for what follows it.
    short, _ = fit("training.budget=15s")
    assert short.update == 1
    [over] = [each for each in caplog.messages if each.startswith("budget: 15 seconds are over")]
    assert "the run ends after update 1, earlier than planned; raise it" in over
    more, _ = fit("training.budget=30s", resume=True)
    assert more.update > 5


@pytest.mark.slow
def test_a_run_with_a_budget_goes_on_exactly(fit, tmp_path, monkeypatch):
    fit("training.budget=12s", run="whole")
    updates = iter(range(20))
    with monkeypatch.context() as patched:
        patched.setattr(SingleProcess, "any", lambda *_: next(updates, None) is None)
        stopped, _ = fit("training.budget=12s")
    assert stopped.update == 21
    fit("training.budget=12s", resume=True)
    whole, own = (open_bundle(read_index(tmp_path / run)["last"]) for run in ("whole", "run"))
    assert whole.metadata.update == own.metadata.update
    for name, weights in whole.weights().items():
        assert torch.equal(weights, own.weights()[name]), name
