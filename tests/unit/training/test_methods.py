"""Each method of training in a whole run: interrupted and resumed it is the run without a stop."""

import json

import pytest
import torch

from mt.bundle import open_bundle
from mt.training.averaging import ExponentialAverage

pytestmark = pytest.mark.slow


def reports(outcome):
    """Read the curve, without times and speeds."""
    lines = (outcome.run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        {key: value for key, value in entry.items() if "second" not in key} for entry in entries
    ]


METHODS = {
    "rdrop": ["training.consistency={kind: rdrop, from_update: 15}"],
    "simcut": ["training.consistency={kind: simcut, from_update: 20}"],
    "dropout": [f"model.{kind}_dropout=0.1" for kind in ("attention", "activation", "layer")],
    "muon": ["training.optimizer={kind: muon, learning_rate: 3e-3}"],
    "exponential average": ["training.average={kind: exponential, decay: 0.9}"],
}


@pytest.mark.parametrize("method", METHODS)
def test_a_run_goes_on_exactly(fit, method):
    whole = fit(*METHODS[method], run="whole")
    fit(*METHODS[method], "training.updates=20")
    resumed = fit(*METHODS[method], resume=True)
    assert reports(resumed) == reports(whole)
    assert resumed.progress.average == whole.progress.average
    names = [path.name for path in (whole.run / "bundles").iterdir()]
    assert "update-000040" in names
    for name in {"update-000040", "average-000040"} & {*names}:
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


def test_the_moving_average_is_the_recurrence_of_its_definition(recipe):
    model = recipe.model.build(300, 300).double()
    average = ExponentialAverage(model, decay=0.5)
    names = {name for name, _ in model.named_parameters()}
    assert names == {name for name, _ in average.model.named_parameters()}  # tied ones stay so
    expected = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    # Two elevenths, three twelfths, ...: a half is reached at update 8.
    decays = [2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15, 7 / 16, 8 / 17, 0.5, 0.5]
    for update, decay in enumerate(decays, 1):
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.add_(torch.randn_like(weight))
                expected[name] = decay * expected[name] + (1 - decay) * weight
        average.follow(update)
    for name, weight in average.model.named_parameters():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-12)


def test_the_moving_average_is_validated_and_saved_and_training_goes_on_without_it(fit):
    plain = fit("training.average.count=1", run="plain")
    moving = fit(*METHODS["exponential average"])
    losses = [
        [entry.get("loss") for entry in reports(each) if "epoch" in entry]
        for each in (plain, moving)
    ]
    assert losses[0] == losses[1]
    assert moving.progress.history != plain.progress.history
    assert moving.progress.average is None
    # The loss falls quickly, so that an average of older weights is worse than the last ones.
    assert moving.best.loss > plain.best.loss
    trained = open_bundle(plain.run / "bundles" / "update-000040").weights()
    state = torch.load(moving.run / "state" / "update-000040.pt")
    for name, weight in trained.items():
        assert torch.equal(state["weights"][name], weight)
        averaged = open_bundle(moving.run / "bundles" / "update-000040").weights()[name]
        assert not torch.equal(averaged, weight)
