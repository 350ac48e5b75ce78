"""Few cases stand in for a product of factors only if no meeting of values is left out."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.covering import cover


@pytest.mark.parametrize("strength", [2, 3])
@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=3, max_size=6))
def test_any_values_of_so_many_factors_meet_and_cases_are_few(strength, sizes):
    factors = {f"factor {number}": range(size) for number, size in enumerate(sizes)}
    cases = cover(factors, strength)
    assert all(case.keys() == factors.keys() for case in cases)
    for names in itertools.combinations(factors, strength):
        met = {tuple(case[name] for name in names) for case in cases}
        assert met == set(itertools.product(*(factors[name] for name in names)))
    assert len(cases) <= 3 * math.prod(sorted(sizes)[-strength:])


def test_the_same_factors_give_the_same_cases():
    factors = {"one": "abc", "two": [1, 2], "three": [None, True]}
    assert cover(factors) == cover(factors)
