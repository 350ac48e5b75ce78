"""Groups of sequences of similar length, for any lengths and any budget."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mt.data.lengths import group_by_length

lengths = st.lists(st.integers(1, 30), max_size=60)
pairs = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=60)
budgets = st.integers(1, 3000)


def cells(group, *sides):
    """Return the cells of a padded group, counted side by side."""
    size = len(group)
    for side in sides:
        size *= max(side[index] for index in group)
    return size


@given(lengths, budgets)
def test_sequences_go_longest_first_as_many_as_fit(side, budget):
    groups = list(group_by_length(side, budget=budget))
    order = [index for group in groups for index in group]
    assert order == sorted(range(len(side)), key=lambda index: -side[index])
    assert all(len(group) == 1 or cells(group, side) <= budget for group in groups)
    for group, following in pairwise(groups):
        assert cells([*group, following[0]], side) > budget


@given(pairs, budgets)
def test_pairs_are_sorted_by_both_sides_and_counted_by_their_longest(pairs, budget):
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    groups = list(group_by_length(*sides, budget=budget))
    order = [index for group in groups for index in group]
    assert order == sorted(range(len(pairs)), key=lambda index: pairs[index], reverse=True)
    assert all(len(group) == 1 or cells(group, *sides) <= budget for group in groups)
    for group, following in pairwise(groups):
        assert cells([*group, following[0]], *sides) > budget
