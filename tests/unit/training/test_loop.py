"""One update: its gradient, its clipping, its counts."""

import copy
import math
import re
from itertools import islice
from types import SimpleNamespace

import pytest
import torch

from mt.data.batches import Batch
from mt.text.tokenizer import PAD
from mt.training.divergence import SkippedUpdates
from mt.training.loop import Splits, updates
from mt.training.objective import Objective
from mt.training.order import Group, Position, TrainingOrder
from mt.training.progress import Progress
from mt.training.world import SingleProcess

CPU = torch.device("cpu")


def test_what_is_told_of_an_update_that_is_left_out_is_of_a_token(caplog):
    numbers = {"smoothed": torch.tensor(300.0), "gradient_norm": torch.tensor(math.nan)}
    update = SimpleNamespace(number=7, finite=torch.tensor(False), target_tokens=60, **numbers)
    progress = Progress()
    SkippedUpdates(progress, CPU).add(update)
    [message] = caplog.messages
    assert "update 7: left out, as it is not finite: loss 5, gradient's norm nan (1" in message
    assert (progress.skipped, progress.skipped_in_a_row) == (1, 1)


@pytest.fixture
def model(recipe):
    torch.manual_seed(1)
    return recipe.model.model_copy(update={"dropout": 0.0}).build(300, 300).double()


def train(
    model, groups, optimizer, schedule=lambda _: 1.0, clip_norm=None, first=1, objective=None
):
    return updates(
        model, objective or Objective(0.1), groups, optimizer, schedule, SingleProcess(),
        clip_norm=clip_norm, precision="fp32", device=CPU, first=first,
    )  # fmt: skip


def run(model, group, clip_norm=None, objective=None):
    """Do one update of a copy of the model by plain gradient descent; return its gradient too."""
    trained = copy.deepcopy(model)
    optimizer = torch.optim.SGD(trained.parameters())
    [done] = train(trained, [group], optimizer, clip_norm=clip_norm, objective=objective)
    weights = zip(model.named_parameters(), trained.parameters(), strict=True)
    return done, {name: (before - after).detach() for (name, before), after in weights}


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


def test_accumulating_equals_one_large_batch(model, batches):
    several, gradient = run(model, Group(batches, Position(0, 0, 0, 2)))
    one, expected = run(model, Group([joined(batches)], Position(0, 0, 0, 1)))
    assert several.target_tokens == one.target_tokens
    assert several.source_tokens == one.source_tokens
    assert float(several.smoothed) == pytest.approx(float(one.smoothed), rel=1e-12)
    assert float(several.cross_entropy) == pytest.approx(float(one.cross_entropy), rel=1e-12)
    assert float(several.gradient_norm) == pytest.approx(float(one.gradient_norm), rel=1e-12)
    for name, part in gradient.items():
        assert torch.allclose(part, expected[name], atol=1e-12), name


class Memory(Objective):
    """An objective with memory for a few rows alone, in the forward or in the backward pass."""

    def __init__(self, rows, backward):
        super().__init__(0.1)
        self.rows, self.backward, self.hooks = rows, backward, []

    def __call__(self, model, batch):
        while self.hooks:
            self.hooks.pop().remove()
        if len(batch.target) > self.rows:
            if not self.backward:
                raise torch.OutOfMemoryError

            def refuse(_):
                # The gradients of some weights are there already.
                assert any(weight.grad is not None for weight in model.parameters())
                raise torch.OutOfMemoryError

            self.hooks.append(next(model.parameters()).register_hook(refuse))
        return super().__call__(model, batch)


@pytest.mark.parametrize("backward", [False, True])
def test_too_little_memory_splits_batches_and_changes_nothing(model, batches, backward, caplog):
    group = Group([joined(batches), *batches], Position())
    memory = Memory(len(group.batches[0].target) // 3, backward)
    whole, expected = run(model, group)
    done, gradient = run(model, group, objective=memory)
    assert [each.split("computed in ")[1][0] for each in caplog.messages] == ["2", "4"]
    assert float(done.smoothed) == pytest.approx(float(whole.smoothed), rel=1e-12)
    assert (done.target_tokens, done.source_tokens) == (whole.target_tokens, whole.source_tokens)
    for name, part in gradient.items():
        assert torch.allclose(part, expected[name], rtol=0, atol=1e-12), name


def test_a_failed_pass_leaves_the_random_numbers_as_they_were(model, batches):
    states = []

    class Drawing(Memory):
        def __call__(self, model, batch):
            states.append(torch.get_rng_state())
            torch.rand(3)
            return super().__call__(model, batch)

    group = Group([joined(batches)], Position())
    done, _ = run(model, group, objective=Drawing(len(group.batches[0].target) // 2 + 1, False))
    assert done.pieces == 2
    failed, again, second_piece = states
    assert torch.equal(failed, again)
    assert not torch.equal(again, second_piece)


def test_too_little_memory_for_a_pair_is_an_error(model, batches):
    with pytest.raises(torch.OutOfMemoryError):
        run(model, Group(batches, Position()), objective=Memory(0, backward=False))


def test_the_norm_is_that_of_the_mean_gradient(model, batches):
    done, gradient = run(model, Group(batches, Position()))
    assert float(done.gradient_norm) == pytest.approx(float(norm_of(gradient)), rel=1e-12)


@pytest.mark.parametrize("clip_norm", [0.01, 0.5])
def test_a_large_gradient_is_scaled_down(model, batches, clip_norm):
    free, whole = run(model, Group(batches, Position()))
    done, clipped = run(model, Group(batches, Position()), clip_norm=clip_norm)
    assert done.gradient_norm == free.gradient_norm > clip_norm  # as it was before
    # torch divides by the norm and 1e-6.
    assert float(norm_of(clipped)) == pytest.approx(clip_norm, rel=1e-5)
    scale = clip_norm / float(free.gradient_norm)
    for name, part in clipped.items():
        assert torch.allclose(part, whole[name] * scale, rtol=1e-5, atol=1e-9), name


def test_a_small_gradient_is_left_alone(model, batches):
    _, whole = run(model, Group(batches, Position()))
    _, clipped = run(model, Group(batches, Position()), clip_norm=1e6)
    for name, part in clipped.items():
        assert torch.equal(part, whole[name])


def test_numbers_rates_and_positions(store, model):
    groups = islice(TrainingOrder(store, 150, seed=1).groups(Position(), 3), 6)
    optimizer, used = torch.optim.SGD(model.parameters()), []

    def schedule(number):
        return used.append(number) or 1e-3 / number

    done = list(train(model, groups, optimizer, schedule, first=9))
    assert used == [update.number for update in done] == [9, 10, 11, 12, 13, 14]
    assert [update.rate for update in done] == [1e-3 / number for number in used]
    assert optimizer.param_groups[0]["lr"] == 1e-3 / 14
    assert [update.following.batch for update in done] == [3, 6, 9, 12, 15, 18]


def test_a_layer_that_was_left_out_has_a_gradient_of_zero(recipe, batches):
    torch.manual_seed(1)
    model = recipe.model.model_copy(update={"layer_dropout": 0.999}).build(300, 300)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    [_] = train(model, [Group(batches, Position())], optimizer, lambda _: 0.5)
    for name, weight in model.named_parameters():
        if name.startswith(("encoder.", "decoder.")):
            # Adam does nothing where the gradient is zero, but weights decay.
            torch.testing.assert_close(weight, before[name] * (1 - 0.5 * 0.1))
        elif "embedding" in name:
            assert not torch.equal(weight, before[name])


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([[2, 2, 2]], [(1, 2), (2, 2)]),
        ([[1, 2, 1], [1, 2, 2]], [(1, 2), (2, 2)]),
        ([[8, 1, 2], [8, 1, 4], [8, 1, 4]], [(2, 2), (2, 4)]),
    ],
)
def test_each_process_that_splits_further_is_told_of_once(pieces, told, caplog):
    gathered = iter(pieces)
    splits = Splits(SimpleNamespace(size=3, gather=lambda _: next(gathered)))
    for _ in pieces:
        splits.tell()
    found = [re.search(r"rank (\d), .* in (\d) pieces", line) for line in caplog.messages]
    assert [tuple(map(int, each.groups())) for each in found] == told
