"""Each method of training in a whole run: interrupted and resumed it is the run without a stop."""

import json

import pytest
import torch
from rich.console import Console

from mt.bundle import open_bundle
from mt.config import apply_overrides
from mt.training import run as module
from mt.training.recipe import RecipeConfig
from mt.training.run import train
from mt.training.world import SingleProcess

pytestmark = pytest.mark.slow


@pytest.fixture
def fit(values, tmp_path, monkeypatch):
    """Train with some values changed, without drawing and TensorBoard, which take a second."""
    monkeypatch.setattr(module, "write_card", lambda *_: None)
    monkeypatch.setattr("mt.training.listeners.importlib.util.find_spec", lambda _: None)

    def fit(*overrides, resume=False, run="run"):
        recipe = RecipeConfig.parse(apply_overrides(values, overrides), where="tiny")
        console = Console(stderr=True)
        return train(recipe, tmp_path / run, resume, torch.device("cpu"), console, SingleProcess())

    return fit


def reports(outcome):
    """Read the curve, without times and speeds."""
    lines = (outcome.run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        {key: value for key, value in entry.items() if "second" not in key} for entry in entries
    ]


METHODS = {
    "rdrop": ["training.consistency={kind: rdrop, from_update: 15}"],
    "simcut": ["training.consistency={kind: simcut, from_update: 25}"],
}


@pytest.mark.parametrize("method", METHODS)
def test_a_run_goes_on_exactly(fit, method):
    whole = fit(*METHODS[method], run="whole")
    fit(*METHODS[method], "training.updates=20")
    resumed = fit(*METHODS[method], resume=True)
    assert reports(resumed) == reports(whole)
    assert resumed.progress.average == whole.progress.average
    for name in ("update-000040", "average-000040"):
        ours, theirs = (open_bundle(each.run / "bundles" / name) for each in (resumed, whole))
        for key, weight in theirs.weights().items():
            assert torch.equal(ours.weights()[key], weight)


def test_two_passes_are_compared_from_the_given_update_on(fit):
    plain, compared = fit(run="plain"), fit(*METHODS["rdrop"])
    [before, after] = [
        [entry["loss"] for entry in reports(outcome) if "epoch" in entry]
        for outcome in (plain, compared)
    ]
    # Reports sum up five updates each; the third ends at update 15.
    assert before[:2] == after[:2]
    assert before[2] < after[2]
