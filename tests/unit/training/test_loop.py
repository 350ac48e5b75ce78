"""One update: its gradient, its clipping, its counts."""

from itertools import islice

import pytest
import torch

from mt.data.batches import Batch
from mt.text.tokenizer import PAD
from mt.training.loop import updates
from mt.training.objective import Objective
from mt.training.order import Group, Position, TrainingOrder

CPU = torch.device("cpu")


@pytest.fixture
def settings(recipe):
    config = recipe.model.model_copy(update={"dropout": 0.0})
    return config, recipe.training.model_copy(update={"clip_norm": None, "updates": 1})


def run(store, settings, groups, **changes):
    """Do one update of a fresh model with plain gradient descent; return it and what it did."""
    torch.manual_seed(1)
    model = settings[0].build(300, 300)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters())
    config = settings[1].model_copy(update=changes)
    [done] = updates(model, Objective(config.label_smoothing), groups, optimizer, config, CPU)
    gradient = {
        name: (before[name] - weight.detach()) / done.rate
        for name, weight in model.named_parameters()
    }
    return done, gradient


def joined(batches):
    """Put the rows of several batches into one."""
    sides = []
    for side in ("source", "target"):
        rows = [row for batch in batches for row in getattr(batch, side)]
        sides.append(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD))
    return Batch.of(*sides)


def norm_of(gradient):
    return torch.sqrt(sum((part.double() ** 2).sum() for part in gradient.values()))


@pytest.fixture
def batches(store):
    [group] = islice(TrainingOrder(store, 150, seed=1).groups(Position(), 2), 1)
    assert group.batches[0].target.shape != group.batches[1].target.shape
    return group.batches


def test_accumulating_equals_one_large_batch(store, settings, batches):
    several, gradient = run(store, settings, [Group(batches, Position(0, 2))])
    one, expected = run(store, settings, [Group([joined(batches)], Position(0, 1))])
    assert several.target_tokens == one.target_tokens
    assert several.source_tokens == one.source_tokens
    assert float(several.smoothed) == pytest.approx(float(one.smoothed), rel=1e-5)
    assert float(several.cross_entropy) == pytest.approx(float(one.cross_entropy), rel=1e-5)
    assert float(several.gradient_norm) == pytest.approx(float(one.gradient_norm), rel=1e-4)
    for name, part in gradient.items():
        # Gradients are read back from weights near 1 that moved by a rate near 3e-4, in float32.
        assert torch.allclose(part, expected[name], atol=5e-4), name


def test_the_norm_is_that_of_the_mean_gradient(store, settings, batches):
    done, gradient = run(store, settings, [Group(batches, Position())])
    assert float(done.gradient_norm) == pytest.approx(float(norm_of(gradient)), rel=1e-3)


@pytest.mark.parametrize("clip_norm", [0.01, 0.5])
def test_a_large_gradient_is_scaled_down(store, settings, batches, clip_norm):
    free, whole = run(store, settings, [Group(batches, Position())])
    done, clipped = run(store, settings, [Group(batches, Position())], clip_norm=clip_norm)
    assert done.gradient_norm == free.gradient_norm > clip_norm  # as it was before
    assert float(norm_of(clipped)) == pytest.approx(clip_norm, rel=0.05)
    scale = clip_norm / float(free.gradient_norm)
    for name, part in clipped.items():
        assert torch.allclose(part, whole[name] * scale, atol=5e-4), name


def test_a_small_gradient_is_left_alone(store, settings, batches):
    _, whole = run(store, settings, [Group(batches, Position())])
    _, clipped = run(store, settings, [Group(batches, Position())], clip_norm=1e6)
    for name, part in clipped.items():
        assert torch.equal(part, whole[name])


def test_numbers_rates_and_positions(store, settings, recipe):
    config = settings[1].model_copy(update={"updates": 14})
    model = settings[0].build(300, 300)
    groups = TrainingOrder(store, 150, seed=1).groups(Position(), 3)
    optimizer = config.optimizer.build(model)
    done = list(updates(model, Objective(0.1), groups, optimizer, config, CPU, first=9))
    assert [update.number for update in done] == [9, 10, 11, 12, 13, 14]
    expected = [3e-3 * min(number / 10, (10 / number) ** 0.5) for number in range(9, 15)]
    assert [update.rate for update in done] == pytest.approx(expected)
    assert [update.following.batch for update in done] == [3, 6, 9, 12, 15, 18]
