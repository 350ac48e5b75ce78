"""Pairs that came before are found, in memory that has a bound."""

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.data.filters.duplicates import Duplicates, HashSet

SIDES = st.text("ab\n ", max_size=2)


@settings(max_examples=30)
@given(st.lists(st.lists(st.tuples(SIDES.filter(lambda side: "\n" not in side), SIDES))))
def test_only_the_first_of_equal_pairs_is_kept(parts):
    duplicates, seen = Duplicates(), set()
    for part in parts:
        for pair, reason in zip(part, duplicates.reasons(part), strict=True):
            assert (reason is not None) == (pair in seen), pair
            seen.add(pair)


def test_one_side_alone_is_no_duplicate():
    pairs = [("Hund", "dog"), ("Hund", "hound"), ("Köter", "dog"), ("dog", "Hund")]
    assert Duplicates().reasons(pairs) == [None] * 4


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 40)), max_size=30))
def test_a_set_is_a_set(parts):
    numbers, known = HashSet(), set()
    for part in parts:
        new = numbers.add(np.array(part, np.uint64))
        expected = [
            number not in known and number not in part[:place] for place, number in enumerate(part)
        ]
        assert new.tolist() == expected
        known |= set(part)
        assert len(numbers) == len(known)


def test_memory_is_eight_bytes_a_pair():
    generator = np.random.default_rng(1)
    numbers, size = HashSet(), 1_000_000
    tracemalloc.start()
    for _ in range(20):
        numbers.add(generator.integers(0, 1 << 64, size // 20, np.uint64))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(numbers) == size
    assert kept < 8.1 * size
    assert peak < 20 * size
