"""How long a run takes is told once, and what to do where that is absurd."""

import pytest

from mt.config import apply_overrides
from mt.training.forecast import Forecast, RunSize
from mt.training.pace import Pace
from mt.training.recipe import RecipeConfig

DAY = 86_400
SMALL = ["model.dim=128", "model.heads=4", "model.feed_forward=256"]


def recipe(values, *overrides):
    """Return a recipe with the defaults of the README's, but for the overrides."""
    values = {"data": values["data"]}
    return RecipeConfig.parse(apply_overrides(values, overrides), where="tiny")


def size(values, *overrides, parameters=48_000_000, epochs=1300.0, on_cpu=True):
    return RunSize(recipe(values, *overrides), parameters, epochs, on_cpu)


def test_a_large_model_on_a_small_corpus_is_told_what_to_try(values, caplog):
    caplog.set_level("INFO", logger="mt")
    times = iter([0.0, 7.5, 15.0, *[22.5] * 9])
    forecast = Forecast(
        size(values), Pace(updates=lambda: 100_000, done=0, now=lambda: next(times))
    )
    for number in range(1, 6):
        forecast.on_update(number)
    speed, advice = caplog.messages
    assert speed == "at this speed: about 8.7 days for the 99,997 updates that are left"
    assert advice == (
        "100,000 updates are about 1,300 epochs of this corpus, for 48,000,000 parameters; for a "
        "shorter run, stop this one and try, with another --out: --set training.updates=3800 "
        "--set training.schedule.warmup=380 --set model.dim=128 --set model.heads=4 "
        "--set model.feed_forward=256"
    )


def test_a_run_that_suits_its_corpus_is_told_its_time_alone(values, caplog):
    caplog.set_level("INFO", logger="mt")
    times = iter([0.0, 25.0, 25.0, 25.0])
    pace = Pace(updates=lambda: 1000, done=500, now=lambda: next(times))
    Forecast(size(values, epochs=34.0), pace).on_update(600)
    assert caplog.messages == ["at this speed: about 1.7 minutes for the 400 updates that are left"]


@pytest.mark.parametrize(
    ("case", "seconds", "overrides"),
    [
        ({"epochs": 200.0}, DAY, []),
        ({"epochs": 201.0}, 60, ["training.updates=25000", "training.schedule.warmup=2500"]),
        ({"epochs": 1000.0, "on_cpu": False}, 9 * DAY, ["training.updates=5000",
                                                        "training.schedule.warmup=500"]),
        ({"epochs": 40.0, "on_cpu": False}, 9 * DAY, []),
        ({"epochs": 40.0}, 9 * DAY, SMALL),
        ({"epochs": 40.0, "parameters": 2_000_000}, 2 * DAY, ["training.updates=50000"]),
    ],
)  # fmt: skip
def test_what_is_proposed(values, case, seconds, overrides):
    large = size(values, **case)
    assert large.shorter(seconds) == overrides
    recipe(values, *overrides)  # can be trained by


def test_a_recurrent_model_gets_its_own_keys(values):
    large = size(values, "model.kind=recurrent", epochs=40.0)
    assert large.shorter(9 * DAY) == ["model.dim=128"]
    recipe(values, "model.kind=recurrent", "model.dim=128")


@pytest.mark.parametrize("epochs", [3.0, 300.0, 1e5, 1e9])
def test_what_is_proposed_is_a_recipe(values, epochs):
    for seconds in (10.0, 1e12):
        recipe(values, *size(values, epochs=epochs, parameters=1).shorter(seconds))
