"""The alignment error rate by hand, and links as people write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt.errors import DataError
from mt.evaluation.alignment import (
    GoldLinks,
    doubts_of_links,
    format_links,
    read_links,
    refuse_links_outside,
    score_links,
)

LINKS = st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 5)))


def links(text):
    return frozenset(tuple(map(int, link.split("-"))) for link in text.split())


def gold(sure, possible=""):
    return GoldLinks(links(sure), links(f"{sure} {possible}"))


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "gold").write_text(text, encoding="utf-8")
        return tmp_path / "gold"

    return write


@pytest.mark.parametrize(
    ("found", "truth", "precision", "recall", "aer"),
    [
        # |A| = 3, |S| = 2, |A ∩ S| = 1, |A ∩ P| = 2: 1 - 3/5.
        ("0-0 1-2 2-0", gold("0-0 1-1", "1-2 2-2"), 200 / 3, 50, 40),
        # Anything between the sure and the possible links is faultless.
        ("0-0 1-1", gold("0-0 1-1", "1-2 2-2"), 100, 100, 0),
        ("0-0 1-1 2-2", gold("0-0 1-1", "1-2 2-2"), 100, 100, 0),
        ("0-0 1-1 1-2 2-2", gold("0-0 1-1", "1-2 2-2"), 100, 100, 0),
        # Where all links are sure, it is 1 - F1: precision 2/3, recall 2/4.
        ("0-0 1-1 2-2", gold("0-0 1-1 3-3 2-3"), 200 / 3, 50, 100 * 3 / 7),
        ("2-2", gold("0-0"), 0, 0, 100),
        ("", gold("0-0"), None, 0, 100),
        ("0-0", gold(""), 0, None, 100),
        ("0-0", gold("", "0-0"), 100, None, 0),
        ("", gold(""), None, None, None),
    ],
)
def test_rates_by_hand(found, truth, precision, recall, aer):
    score = score_links([links(found)], [truth])
    assert (score.precision, score.recall) == (
        precision and pytest.approx(precision),
        recall and pytest.approx(recall),
    )
    assert score.aer == (None if aer is None else pytest.approx(aer))


def test_counts_are_added_over_the_text_before_rates_are_taken():
    score = score_links([links("0-0"), links("0-0 1-0 2-0")], [gold("0-0"), gold("0-0", "1-0")])
    assert (score.lines, score.links, score.sure, score.possible) == (2, 4, 2, 3)
    assert (score.sure_found, score.possible_found) == (2, 3)
    assert score.aer == pytest.approx(100 * (1 - 5 / 6))
    assert str(score) == (
        "AER 16.67 · precision 75.00 · recall 100.00 · 4 links, 2 sure and 3 possible in 2 lines"
    )
    assert json.loads(json.dumps(score.to_json())) == {
        "aer": score.aer, "precision": 75.0, "recall": 100.0,
        "lines": 2, "links": 4, "sure": 2, "possible": 3,
    }  # fmt: skip


def test_nothing_at_all_has_no_rates():
    score = score_links([], [])
    assert str(score).startswith("AER – · precision – · recall –")


def test_texts_of_different_length_are_no_score():
    with pytest.raises(ValueError, match="argument 2"):
        score_links([links("0-0"), links("")], [gold("0-0")])


@given(LINKS, LINKS, LINKS)
def test_the_rate_is_a_rate(found, sure, more):
    score = score_links([found], [GoldLinks(sure, sure | more)])
    assert score.aer is None or 0 <= score.aer <= 100


def test_reads_sure_and_possible_links_and_passes_over_weights(write):
    path = write("0-0 1?2 2p1 3-3:0.25\n\n10-2:1e-05\n")
    first, blank, last = read_links(path)
    assert first == GoldLinks(links("0-0 3-3"), links("0-0 1-2 2-1 3-3"))
    assert blank == gold("")
    assert last == gold("10-2")


def test_counts_from_1_if_told(write):
    assert list(read_links(write("1-1 2?3\n"), base=1)) == [gold("0-0", "1-2")]


@given(LINKS)
def test_what_is_written_is_read(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("links") / "links"
    path.write_text(format_links(found) + "\n", encoding="utf-8")
    assert list(read_links(path)) == [GoldLinks(found, found)]


@pytest.mark.parametrize(
    ("text", "base", "message"),
    [
        ("0-0\n0-\n", 0, "gold: expected links such as 0-0, .* but line 2 holds '0-'"),
        ("0:0\n", 0, "line 1 holds '0:0'"),
        ("a-b\n", 0, "line 1 holds 'a-b'"),
        ("-1-0\n", 0, "line 1 holds '-1-0'"),
        ("1-1 0-1\n", 1, "expected words counted from 1, but line 1 holds 0-1; .*--gold-base 0"),
    ],
)
def test_what_is_no_link_is_refused_with_its_line(write, text, base, message):
    with pytest.raises(DataError, match=message):
        list(read_links(write(text), base))


def test_links_between_words_that_are_not_there_are_refused():
    truth = links("0-0 2-1 1-3")
    refuse_links_outside(truth, 3, 4, "gold line 7")
    with pytest.raises(DataError, match="gold line 7: .* 3 source and 3 target .* found 1-3;"):
        refuse_links_outside(truth, 3, 3, "gold line 7")
    with pytest.raises(DataError, match="counted from 1, but found 3-2;"):
        refuse_links_outside(truth, 2, 4, "gold line 7", base=1)
    # Far outside, and several of them: the first in order is named.
    far = links("0-0 9-1 1-9")
    with pytest.raises(DataError, match="found 1-9;"):
        refuse_links_outside(far, 3, 4, "gold line 7")
    with pytest.raises(DataError, match="found 9-1;"):
        refuse_links_outside(far, 3, 10, "gold line 7")


RIGHT = [links("0-0 1-2 2-1"), links("0-1 1-0"), links("")]
FROM_1 = [links("1-1 2-3 3-2"), links("1-2 2-1"), links("")]
TARGET_FIRST = [links("0-2 1-0 2-1"), links("0-1 3-2")]


def sure(lines):
    return [GoldLinks(line, line) for line in lines]


@pytest.mark.parametrize(
    ("found", "truth", "base", "remedy"),
    [
        (RIGHT, FROM_1, 0, "AER 0.00 instead of 100.00); give --gold-base 1"),
        (FROM_1, RIGHT, 0, "AER 0.00 instead of 100.00); subtract 1 from each number"),
        (
            TARGET_FIRST,
            [frozenset((j, i) for i, j in line) for line in TARGET_FIRST],
            0,
            "AER 0.00 instead of 100.00); swap the numbers",
        ),
        (RIGHT, RIGHT, 0, None),
        # Both count from 1: they agree as they are.
        (FROM_1, FROM_1, 0, None),
        # Word 0 has no link in this text, but the links are right as they are.
        ([links("1-1 2-2")], [links("1-1 2-2 3-3")], 0, None),
        ([frozenset()], [frozenset()], 0, None),
        # Told to count from 1, which is what its links are read as already.
        ([links("0-0 1-1")], [links("1-1")], 1, None),
    ],
)
def test_another_convention_is_noticed(found, truth, base, remedy):
    told = list(doubts_of_links(found, sure(truth), base))
    assert [remedy in each for each in told] == ([True] if remedy else [])
