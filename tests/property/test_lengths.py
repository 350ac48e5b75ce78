"""Sequences of similar length, grouped: for any corpus, budget, seed and epoch."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mt.data import planning as module
from mt.data.lengths import group_by_length
from mt.data.planning import plan_batches

LONGEST = 40
seeds = st.integers(0, 2**32)
epochs = st.integers(0, 1000)
budgets = st.integers(LONGEST, 2000)
some_lengths = st.lists(st.integers(1, 30), max_size=60)
some_pairs = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=60)


@st.composite
def corpora(draw):
    pairs = draw(st.integers(0, 300))
    dtype = draw(st.sampled_from([np.uint16, np.int32, np.int64]))
    sides = arrays.arrays(dtype, pairs, elements=st.integers(1, LONGEST))
    return draw(sides), draw(sides)


def plainly_planned(source, target, budget, seed, epoch):
    """Plan an epoch with lists, one pair and one row at a time."""
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(source)).tolist()
    source, target = source.tolist(), target.tolist()
    longer = list(map(max, source, target))
    ranks = {length: rank for rank, length in enumerate(sorted(set(longer)))}
    turn = generator.integers(2)

    def key(pair):
        sign = 1 if (ranks[longer[pair]] + turn) % 2 == 0 else -1
        return longer[pair], sign * (source[pair] - target[pair])

    order.sort(key=key)
    batches = []
    while order:
        shares = []
        for rows in range(1, budget // longer[order[0]] + 1):
            batch = order[:rows]
            sides = [max(side[pair] for pair in batch) for side in (source, target)]
            if len(batch) < rows or rows * max(sides) > budget:
                break
            real = sum(source[pair] + target[pair] for pair in batch)
            shares.append(real / (rows * sum(sides) + budget / 10))
        size = 1 + shares.index(max(shares))
        batches.append(order[:size])
        order = order[size:]
    return [batches[index] for index in generator.permutation(len(batches))]


def lists(plan):
    return [rows.tolist() for rows in plan]


@given(corpora(), budgets, seeds, epochs, st.sampled_from([7, 65_536]))
def test_a_plan_is_the_one_that_lists_give(corpus, budget, seed, epoch, block):
    before = corpus[0].copy(), corpus[1].copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        plan = plan_batches(*corpus, budget, [seed, epoch])
    assert lists(plan) == plainly_planned(*corpus, budget, seed, epoch)
    assert np.array_equal(before, corpus)


@given(corpora(), budgets, seeds, epochs)
def test_every_pair_is_in_one_batch_and_no_batch_is_over_budget(corpus, budget, seed, epoch):
    source, target = (side.astype(int) for side in corpus)
    plan = plan_batches(*corpus, budget, [seed, epoch])
    assert sorted(index for rows in plan for index in rows) == list(range(len(source)))
    assert all(len(rows) * max(source[rows].max(), target[rows].max()) <= budget for rows in plan)


@given(seeds, epochs, st.integers(1, 5))
def test_epochs_and_seeds_differ(seed, epoch, distance):
    generator = np.random.default_rng(seed)
    source, target = generator.integers(1, LONGEST, (2, 400))
    plan = lists(plan_batches(source, target, 200, [seed, epoch]))
    assert plan != lists(plan_batches(source, target, 200, [seed, epoch + distance]))
    assert plan != lists(plan_batches(source, target, 200, [seed + distance, epoch]))


def test_batches_themselves_differ_between_epochs():
    generator = np.random.default_rng(1)
    source, target = generator.integers(5, 9, (2, 2000))
    first, second = (
        {frozenset(rows.tolist()) for rows in plan_batches(source, target, 200, [1, epoch])}
        for epoch in (0, 1)
    )
    assert len(first & second) < len(first) / 10


def test_the_order_of_batches_is_shuffled():
    lengths = np.arange(1, 401)
    plan = plan_batches(lengths, lengths, 400, [1, 0])
    longest = [lengths[rows].max() for rows in plan]
    assert longest != sorted(longest)
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


@given(corpora(), st.integers(1, LONGEST), seeds)
def test_a_pair_longer_than_the_budget_is_refused(corpus, budget, seed):
    longest = max([*corpus[0], *corpus[1]], default=0)
    if longest <= budget:
        plan_batches(*corpus, budget, [seed, 0])
        return
    with pytest.raises(ValueError, match=rf"^budget: expected at least {longest}, .* {budget}$"):
        plan_batches(*corpus, budget, [seed, 0])


def cells(group, *sides):
    """Return the cells of a padded group, counted side by side."""
    size = len(group)
    for side in sides:
        size *= max(side[index] for index in group)
    return size


@example([2, 2, 2], 4)
@given(some_lengths, st.integers(1, 3000))
def test_sequences_go_longest_first_as_many_as_fit(side, budget):
    groups = list(group_by_length(side, budget=budget))
    order = [index for group in groups for index in group]
    assert order == sorted(range(len(side)), key=lambda index: -side[index])
    assert all(len(group) == 1 or cells(group, side) <= budget for group in groups)
    for group, following in pairwise(groups):
        assert cells([*group, following[0]], side) > budget


@given(some_pairs, st.integers(1, 3000))
def test_pairs_are_sorted_by_both_sides_and_counted_by_their_longest(pairs, budget):
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    groups = list(group_by_length(*sides, budget=budget))
    order = [index for group in groups for index in group]
    assert order == sorted(range(len(pairs)), key=lambda index: pairs[index], reverse=True)
    assert all(len(group) == 1 or cells(group, *sides) <= budget for group in groups)
    for group, following in pairwise(groups):
        assert cells([*group, following[0]], *sides) > budget
