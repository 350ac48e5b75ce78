"""Holm's correction, which a benchmark reports, beside what it is a short cut for."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.attention import holm

CHANCES = st.lists(st.floats(0, 1), max_size=6)


def test_by_hand():
    # In order 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, and none below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2]) == [0.2]
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(CHANCES)
def test_it_is_the_closed_test_of_bonferroni(log_probabilities):
    """A hypothesis falls where every set of hypotheses that it is in falls: by brute force."""
    places = range(len(log_probabilities))
    for place, corrected in enumerate(holm(log_probabilities)):
        sets = (
            chosen
            for size in range(1, len(log_probabilities) + 1)
            for chosen in combinations(places, size)
            if place in chosen
        )
        worst = max(min(1.0, len(each) * min(log_probabilities[i] for i in each)) for each in sets)
        assert corrected == pytest.approx(worst)
