"""Schedules follow their published formulas; the optimiser decays matrices alone."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mt.training.config import (
    AdamWConfig,
    CosineConfig,
    InverseSquareRootConfig,
    TrainingConfig,
)

counts = st.integers(1, 100_000)


@given(counts, counts, st.integers(1, 2048))
def test_inverse_square_root_is_equation_3(update, warmup, dim):
    published = dim**-0.5 * min(update**-0.5, update * warmup**-1.5)
    highest = dim**-0.5 * warmup**-0.5
    factor = InverseSquareRootConfig(warmup=warmup).factor(update, 1)
    assert highest * factor == pytest.approx(published, rel=1e-12)


@given(counts, st.integers(0, 1000), st.integers(1, 1000), st.floats(0, 0.99))
def test_cosine_rises_to_one_and_falls_to_the_floor(update, warmup, decay, floor):
    schedule, updates = CosineConfig(warmup=warmup, floor=floor), warmup + decay
    assert schedule.factor(updates, updates) == pytest.approx(floor, abs=1e-12)
    assert schedule.factor(updates + update, updates) == pytest.approx(floor, abs=1e-12)
    assert 0 <= schedule.factor(update, updates) <= 1
    if warmup:
        assert schedule.factor(warmup, updates) == 1
        assert schedule.factor(1, updates) == 1 / warmup


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_cosine_is_half_a_wave(share):
    schedule = CosineConfig(warmup=100, floor=0.2)
    expected = 0.2 + 0.8 * math.cos(math.pi * share / 2) ** 2  # (1 + cos 2x) / 2 = cos² x
    assert schedule.factor(100 + round(share * 400), 500) == pytest.approx(expected)


def test_the_rate_is_the_share_of_the_highest():
    config = TrainingConfig(
        updates=100, optimizer=AdamWConfig(learning_rate=3e-3), schedule=CosineConfig(warmup=10)
    )
    # A tenth of the way up; the whole; at the end of the cosine nothing.
    expected = pytest.approx([3e-4, 3e-3, 0.0], abs=1e-12)
    assert [config.rate(update) for update in (1, 10, 100)] == expected


def test_no_warmup_begins_at_the_highest_rate():
    assert InverseSquareRootConfig(warmup=0).factor(1, 10) == 1
    assert CosineConfig(warmup=0).factor(1, 10_000) == pytest.approx(1, abs=1e-6)


def test_one_step_of_adamw_equals_the_algorithm():
    config = AdamWConfig(learning_rate=0.01, betas=(0.9, 0.98), epsilon=1e-9, weight_decay=0.5)
    model = nn.Linear(3, 2)
    before = [weight.detach().clone() for weight in model.parameters()]
    optimizer = config.build(model)
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, 2.0)
    optimizer.step()
    # After one step both averages, corrected for their start, are the gradient and its square.
    moved = 0.01 * 2.0 / (2.0 + 1e-9)
    matrix, vector = model.parameters()
    assert torch.allclose(matrix, before[0] * (1 - 0.01 * 0.5) - moved)
    assert torch.allclose(vector, before[1] - moved)
