"""Properties of the batches of an epoch, for any corpus."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mt.data.batches import plan_epoch
from mt.errors import DataError

LONGEST = 40
seeds = st.integers(0, 2**32)
budgets = st.integers(LONGEST, 2000)


@st.composite
def corpora(draw):
    pairs = draw(st.integers(0, 300))
    sides = arrays.arrays(np.int32, pairs, elements=st.integers(1, LONGEST))
    return draw(sides), draw(sides)


def same(plan, other) -> bool:
    return len(plan) == len(other) and all(map(np.array_equal, plan, other))


@given(corpora(), budgets, seeds, st.integers(0, 1000))
def test_every_pair_is_in_one_batch_and_no_batch_is_over_budget(corpus, budget, seed, epoch):
    source, target = corpus
    plan = plan_epoch(source, target, budget, seed, epoch)
    assert sorted(index for rows in plan for index in rows) == list(range(len(source)))
    assert all(len(rows) * max(source[rows].max(), target[rows].max()) <= budget for rows in plan)
    assert all(len(rows) for rows in plan)


@given(corpora(), budgets, seeds, st.integers(0, 1000))
def test_a_plan_depends_on_its_arguments_alone(corpus, budget, seed, epoch):
    before = corpus[0].copy(), corpus[1].copy()
    plan = plan_epoch(*corpus, budget, seed, epoch)
    np.random.seed(seed % 1000)
    assert same(plan, plan_epoch(*corpus, budget, seed, epoch))
    assert np.array_equal(before, corpus)


@given(seeds, st.integers(0, 1000), st.integers(1, 5))
def test_epochs_and_seeds_differ(seed, epoch, distance):
    generator = np.random.default_rng(seed)
    source, target = generator.integers(1, LONGEST, (2, 400))
    plan = plan_epoch(source, target, 200, seed, epoch)
    assert not same(plan, plan_epoch(source, target, 200, seed, epoch + distance))
    assert not same(plan, plan_epoch(source, target, 200, seed + distance, epoch))


def test_batches_themselves_differ_between_epochs():
    generator = np.random.default_rng(1)
    source, target = generator.integers(5, 9, (2, 2000))
    first, second = (
        {frozenset(rows.tolist()) for rows in plan_epoch(source, target, 200, 1, epoch)}
        for epoch in (0, 1)
    )
    assert len(first & second) < len(first) / 10


def test_the_order_of_batches_is_shuffled():
    lengths = np.arange(1, 401)
    plan = plan_epoch(lengths, lengths, 400, 1, 0)
    longest = [lengths[rows].max() for rows in plan]
    assert longest != sorted(longest)
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


@given(corpora(), st.integers(1, LONGEST), seeds)
def test_a_pair_longer_than_the_budget_is_refused(corpus, budget, seed):
    source, target = corpus
    longest = max([*source, *target], default=0)
    if longest <= budget:
        plan_epoch(source, target, budget, seed, 0)
        return
    expected = rf"^training\.batch_tokens: expected at least {longest}, .* found {budget};"
    with pytest.raises(DataError, match=expected):
        plan_epoch(source, target, budget, seed, 0)
