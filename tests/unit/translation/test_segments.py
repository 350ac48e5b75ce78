import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt.translation.segments import split_long

letters = st.text(st.sampled_from("ab. ,!?;:\t\u3000。，äé\u200b👍\n"), max_size=120)


def at_most(number):
    return lambda part: len(part) <= number


@given(st.one_of(letters, st.text(max_size=80)), st.integers(1, 30))
def test_every_part_fits_and_nothing_is_lost_but_blanks_at_cuts(text, most):
    parts = split_long(text, at_most(most))
    assert all(0 < len(part) <= most for part in parts)
    assert all(part == part.strip() for part in parts)
    place = 0
    for part in parts:
        found = text.index(part, place)
        assert not text[place:found].strip()
        place = found + len(part)
    assert not text[place:].strip()


@given(letters)
def test_what_fits_is_left_alone(text):
    assert split_long(text, lambda _: True) == ([text.strip()] if text.strip() else [])


def test_a_character_that_does_not_fit_is_kept():
    assert split_long("ab c", lambda _: False) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "most", "parts"),
    [
        ("One two three. Four five.", 20, ["One two three.", "Four five."]),
        ('He said "no." She left it.', 20, ['He said "no."', "She left it."]),
        ("one two three, four five", 20, ["one two three,", "four five"]),
        ("one two three four", 10, ["one two", "three four"]),
        ("abcdefgh", 4, ["abcd", "efgh"]),
        ("今日は晴れです。明日は雨です", 10, ["今日は晴れです。", "明日は雨です"]),
        ("Er sagte: „Nein.“ Sie lachte.", 20, ["Er sagte: „Nein.“", "Sie lachte."]),
        ("「今日は晴れ。」明日は雨です", 10, ["「今日は晴れ。」", "明日は雨です"]),
        ("今日は晴れ、明日は雨", 8, ["今日は晴れ、", "明日は雨"]),
        ("word 1,000,000 word", 15, ["word", "1,000,000 word"]),
        ("Pi is 3.14159 and e is 2.71828", 20, ["Pi is 3.14159", "and e is 2.71828"]),
    ],
)
def test_cuts_are_made_at_the_best_seam_near_the_middle(text, most, parts):
    assert split_long(text, at_most(most)) == parts


def test_a_very_long_line_is_cut_quickly():
    text = "word " * 20_000
    parts = split_long(text, at_most(100))
    assert " ".join(parts) == text.strip()
