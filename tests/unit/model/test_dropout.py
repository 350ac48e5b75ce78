import pytest
import torch

from mt.model.layers import Dropout

ELEMENTS = 1_000_003  # no multiple of the eight that share a draw


def dropped(rate, **values):
    torch.manual_seed(1)
    return Dropout(rate)(torch.ones(ELEMENTS, **values))


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.0, False), (0.999, False)])
def test_evaluation_or_a_rate_of_zero_changes_nothing(rate, training):
    states = torch.randn(3, 5)
    assert Dropout(rate).train(training)(states) is states


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_the_share_dropped_is_the_rate_rounded_to_a_256th_and_the_mean_is_preserved(rate):
    states = dropped(rate).double()
    rounded = round(rate * 256) / 256
    # Five standard deviations of a mean of independent draws: one seed in two million fails.
    share = (states == 0).double().mean()
    assert abs(share - rounded) < 5 * (rounded * (1 - rounded) / ELEMENTS) ** 0.5
    # Survivors are 1 / (1 - p): the variance of an element is p / (1 - p).
    assert abs(states.mean() - 1) < 5 * (rounded / (1 - rounded) / ELEMENTS) ** 0.5
    assert set(states.unique().tolist()) == {0.0, torch.tensor(1 / (1 - rounded)).item()}


@pytest.mark.parametrize("rate", [0.001, 0.998, 0.9999])
def test_extreme_rates_stay_finite(rate):
    assert dropped(rate).isfinite().all()


def test_neighbours_and_calls_are_independent():
    torch.manual_seed(1)
    layer = Dropout(0.5)
    first, second = (layer(torch.ones(800_000)) > 0 for _ in range(2))
    # The chance that two fair coins agree is a half; five standard deviations are 0.0028.
    assert abs((first == second).double().mean() - 0.5) < 0.0028
    for distance in (1, 2, 7, 8, 64):
        agree = (first[:-distance] == first[distance:]).double().mean()
        assert abs(agree - 0.5) < 0.0028


def test_a_seed_decides():
    assert torch.equal(dropped(0.3), dropped(0.3))


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        (torch.bfloat16, ()),
        (torch.float64, (1,)),
        (torch.float32, (7,)),
        (torch.bfloat16, (3, 5, 2)),
        (torch.float32, (0, 4)),
    ],
)
def test_shape_and_type_are_kept(dtype, shape):
    states = torch.ones(shape, dtype=dtype)
    kept = Dropout(0.5)(states)
    assert kept.shape == states.shape
    assert kept.dtype == dtype


def test_the_gradient_is_dropped_alike():
    states = torch.randn(1000, requires_grad=True)
    kept = Dropout(0.5)(states)
    kept.sum().backward()
    assert torch.equal(states.grad == 0, kept == 0)
