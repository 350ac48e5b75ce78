"""What a run remembers, which validation is best, and when waiting is over."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mt.evaluation import Score
from mt.training.budget import Plan
from mt.training.checkpoints import average_weights
from mt.training.order import Position
from mt.training.progress import Ending, Outcome, Progress, best_of, without_improvement
from mt.training.reports import Sums
from mt.training.validation import ValidationResult


def results(values, metric=None):
    if metric is None:
        return [ValidationResult(10 * n, value) for n, value in enumerate(values, start=1)]
    return [
        ValidationResult(10 * n, 1.0, Score(metric, value, "signature"))
        for n, value in enumerate(values, start=1)
    ]


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        (None, [3.0, 2.0, 2.5], 20),
        ("bleu", [3.0, 2.0, 2.5], 10),
        ("chrf", [3.0, 4.0, 2.5], 20),
        ("ter", [90.0, 95.0, 80.0], 30),
        ("bleu", [3.0, 4.0, 4.0], 20),  # of equals the first
    ],
)
def test_best(metric, values, best):
    assert best_of(results(values, metric)).update == best


def test_of_equal_scores_the_lower_loss_is_the_best():
    """Translations that share no words with their references have BLEU of 0."""
    zero = Score("bleu", 0.0, "signature")
    history = [ValidationResult(n, loss, zero) for n, loss in ((10, 5.0), (20, 4.0), (30, 4.5))]
    assert best_of(history).update == 20
    assert without_improvement(history, 0) == 1
    forgetful = [replace(result, forgotten=1.0) for result in history]
    assert without_improvement(forgetful, 0) == 3


@pytest.mark.parametrize(
    ("metric", "values", "least", "count"),
    [
        ("bleu", [], 0, 0),
        ("bleu", [0.0], 0, 0),
        ("bleu", [1, 2, 3], 0, 0),
        ("bleu", [3, 2, 1], 0, 2),
        ("bleu", [1, 3, 3, 2], 0, 2),
        ("bleu", [10, 10.5, 11, 12], 1, 0),
        ("bleu", [10, 10.4, 10.8], 1, 2),
        ("bleu", [10, 10.4, 10.8, 11.2], 1, 0),  # slow but steady
        ("ter", [90, 80, 85], 0, 1),
        (None, [2.0, 1.0, 1.5, 1.2], 0, 2),
    ],
)
def test_without_improvement(metric, values, least, count):
    assert without_improvement(results(values, metric), least) == count


scores = st.builds(
    Score,
    metric=st.sampled_from(["bleu", "chrf", "ter"]),
    value=st.floats(0, 150),
    signature=st.text(),
)
validations = st.builds(
    ValidationResult, st.integers(1), st.floats(0, 50), score=st.none() | scores
)

amounts = st.floats(0, 1e9)


@given(
    st.integers(0),
    st.builds(Position, *[st.integers(0, 9999)] * 4),
    amounts,
    amounts,
    st.none()
    | st.builds(Plan, amounts, *[st.integers(0)] * 3, amounts, st.integers(0), st.booleans()),
    st.builds(Sums, amounts, amounts, st.integers(0), st.integers(0), amounts),
    st.lists(validations, max_size=4),
)
def test_progress_survives_json(update, position, seconds, spent, plan, unreported, history):
    progress = Progress(update, position, seconds, spent, plan, unreported, history)
    assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress


@pytest.mark.parametrize("average", [None, 2.0, 4.0])
def test_what_changed_since_the_start_is_of_the_model_that_was_chosen(average, tmp_path):
    def result(update, loss):
        parts = {name: ValidationResult(update, loss + i) for i, name in enumerate(("one", "two"))}
        return ValidationResult(update, loss, sets=parts)

    before, best, last = result(0, 5.0), result(5, 3.0), result(10, 3.5)
    progress = Progress(history=[before, best, last])
    progress.average = average and result(10, average)
    now = progress.average if average == 2.0 else best
    changes = Outcome(tmp_path, Ending.DONE, progress).changes
    assert changes == {name: (before.sets[name], now.sets[name]) for name in ("one", "two")}
    for history in ([], [best, last]):
        assert Outcome(tmp_path, Ending.INTERRUPTED, Progress(history=history)).changes == {}


@pytest.mark.parametrize("loss", [3.5, 2.5])
def test_of_equal_scores_the_lower_loss_chooses_the_average_too(loss, tmp_path):
    zero = Score("bleu", 0.0, "signature")
    before, best = (ValidationResult(n, value, zero) for n, value in ((0, 5.0), (5, 3.0)))
    progress = Progress(history=[before, best], average=ValidationResult(10, loss, zero))
    now = progress.average if loss < 3 else best
    changes = Outcome(tmp_path, Ending.DONE, progress).changes
    assert changes == {"validation": (before, now)}


def test_the_average_is_the_mean():
    generator = torch.Generator().manual_seed(1)
    weights = [
        {"a": torch.randn(3, 4, generator=generator), "b": torch.randn(5, generator=generator)}
        for _ in range(3)
    ]
    mean = average_weights(weights)
    assert mean.keys() == {"a", "b"}
    for name, tensor in mean.items():
        expected = sum(each[name].double() for each in weights) / 3
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, expected.float())


def test_the_average_of_one_is_itself():
    weights = {"a": torch.randn(3, 4)}
    assert torch.equal(average_weights([weights])["a"], weights["a"])
    assert torch.equal(average_weights([weights] * 4)["a"], weights["a"])
