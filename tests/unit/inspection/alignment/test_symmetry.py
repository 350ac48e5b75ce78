"""Two alignments made one: by hand, and what must hold of any two."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt.inspection.alignment.symmetry import Symmetry, symmetrise

LINKS = st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


def links(text):
    return frozenset(tuple(map(int, link.split("-"))) for link in text.split())


@pytest.mark.parametrize(
    ("forward", "reverse", "how", "expected"),
    [
        ("0-0 1-1", "0-0 2-1", "intersection", "0-0"),
        ("0-0 1-1", "0-0 2-1", "union", "0-0 1-1 2-1"),
        # 1-1 touches 0-0 at a corner and its words are free; then 2-1 touches 1-1, its source word
        # still free.
        ("0-0 1-1", "0-0 2-1", "grow-diag", "0-0 1-1 2-1"),
        # A neighbour both of whose words have a link stays out.
        ("0-0 1-1 0-1", "0-0 1-1", "grow-diag", "0-0 1-1"),
        # 3-3 touches nothing: only the last step takes it.
        ("0-0 3-3", "0-0", "grow-diag", "0-0"),
        ("0-0 3-3", "0-0", "grow-diag-final-and", "0-0 3-3"),
        # Both words must be free, and what the first alignment adds is taken for the second.
        ("0-0 3-3", "0-0 3-5 5-3 5-5", "grow-diag-final-and", "0-0 3-3 5-5"),
        # Nothing in common: nothing to grow from, and the forward links come first.
        ("0-1", "0-0 1-1", "grow-diag", ""),
        ("0-1", "0-0 1-1", "grow-diag-final-and", "0-1"),
        # A chain grows as far as it reaches.
        ("0-0 1-1 2-2", "0-0 3-3", "grow-diag", "0-0 1-1 2-2 3-3"),
        # A link two steps away is no neighbour.
        ("0-0 0-2", "0-0 2-0", "grow-diag", "0-0"),
        ("", "", "grow-diag-final-and", ""),
    ],
)
def test_by_hand(forward, reverse, how, expected):
    assert symmetrise(links(forward), links(reverse), how) == links(expected)


@given(LINKS, LINKS)
def test_each_way_keeps_what_a_more_precise_one_has(forward, reverse):
    intersection, grown, final, union = (
        symmetrise(forward, reverse, how)
        for how in ("intersection", "grow-diag", "grow-diag-final-and", "union")
    )
    assert forward & reverse == intersection
    assert intersection <= grown <= final <= union
    assert union == forward | reverse


@given(LINKS)
def test_equal_alignments_stay_as_they_are(found):
    assert {symmetrise(found, found, how) for how in get_args(Symmetry)} == {found}


@given(LINKS, LINKS)
def test_the_last_step_leaves_no_link_between_two_free_words(forward, reverse):
    final = symmetrise(forward, reverse, "grow-diag-final-and")
    sources, targets = ({link[side] for link in final} for side in (0, 1))
    assert all(i in sources or j in targets for i, j in forward | reverse)


@given(LINKS, LINKS)
def test_growing_is_done_when_it_ends(forward, reverse):
    grown = symmetrise(forward, reverse, "grow-diag")
    sources, targets = ({link[side] for link in grown} for side in (0, 1))
    for i, j in (forward | reverse) - grown:
        touches = any(max(abs(i - k), abs(j - m)) == 1 for k, m in grown)
        assert not touches or (i in sources and j in targets)
