"""Parts between which nothing leaks, whatever the pairs are."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.data.corpora import PlainTextConfig
from mt.data.split import PARTS, divide, write_parts
from mt.errors import DataError
from mt.text.digests import bare


class Texts:
    where = "texts"

    def __init__(self, pairs):
        self.list = pairs

    def pairs(self):
        return iter(self.list)


def groups_by_union_find(pairs):
    """Link pairs one by one, as textbooks do."""
    parents = list(range(len(pairs)))

    def root(place):
        while parents[place] != place:
            place = parents[place]
        return place

    seen = {}
    for place, pair in enumerate(pairs):
        for side in (0, 1):
            other = seen.setdefault((side, bare(pair[side])), place)
            parents[root(place)] = root(other)
    return [root(place) for place in range(len(pairs))]


SENTENCES = st.builds(
    lambda letters, mark: letters + mark,
    st.text("abAB", min_size=1, max_size=3),
    st.sampled_from(".! 1"),
)
PAIRS = st.lists(st.tuples(SENTENCES, SENTENCES), min_size=4, max_size=60)


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.integers(0, 99))
def test_linked_pairs_stay_together_and_none_is_lost(pairs, seed):
    try:
        division = divide(Texts(pairs), 1, 1, seed)
    except DataError:
        return  # so many pairs hang together that none can be set aside
    roots = groups_by_union_find(pairs)
    assert division.groups == len(set(roots))
    assert division.largest == max(map(roots.count, roots))
    assert [division.count(part) for part in PARTS] == [len(pairs) - 2, 1, 1]
    for side in (0, 1):
        parts = {}
        for pair, part in zip(pairs, division.parts.tolist(), strict=True):
            assert parts.setdefault(bare(pair[side]), part) == part


@pytest.fixture
def texts():
    return Texts(
        [(f"s{chr(97 + n % 26) * (n // 26 + 1)}", f"t{n}x" + "yz"[n % 2] * n) for n in range(300)]
    )


def test_sizes_are_counts_or_shares_and_a_seed_repeats_them(texts):
    division = divide(texts, 20, 0.05, seed=1)
    assert [division.count(part) for part in PARTS] == [265, 20, 15]
    again, other = divide(texts, 20, 0.05, seed=1), divide(texts, 20, 0.05, seed=2)
    assert np.array_equal(division.parts, again.parts)
    assert not np.array_equal(division.parts, other.parts)


def test_blank_pairs_belong_nowhere(texts):
    texts.list[5:5] = [("", "x"), ("x", " "), ("", "")]
    division = divide(texts, 10, 10, seed=1)
    assert division.blank == 3
    assert division.parts[5:8].tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    ("pairs", "what"),
    [
        ([("a", f"{n}b" + "c" * n) for n in range(50)], "share no sentence"),
        ([(chr(97 + n), chr(97 + n)) for n in range(5)], "expected twice as many pairs"),
    ],
)
def test_what_cannot_be_set_aside_is_refused(pairs, what):
    with pytest.raises(DataError, match=what):
        divide(Texts(pairs), 2, 1, seed=1)


def test_files_hold_every_pair_once_and_in_its_order(texts, tmp_path):
    random.Random(1).shuffle(texts.list)
    division = divide(texts, 20, 0, seed=1)
    files = write_parts(texts, division, ("en", "de"), tmp_path)
    assert [path.name for path in files] == [
        "train.en", "train.de", "validation.en", "validation.de",
    ]  # fmt: skip
    parts = [
        list(PlainTextConfig(source=one, target=other).pairs())
        for one, other in zip(files[::2], files[1::2], strict=True)
    ]
    for part, number in zip(parts, (0, 1), strict=True):
        chosen = np.nonzero(division.parts == number)[0]
        assert part == [texts.list[row] for row in chosen]
