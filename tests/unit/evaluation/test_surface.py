"""Preprocessed text is recognised, honest text is left in peace."""

import pytest

from mt.errors import DataError
from mt.evaluation import looks_like_subwords, looks_tokenized, refuse_subwords

HONEST = [
    "Ein Mann fährt Rad, und ein Hund läuft nach.",
    "« Bonjour ! » dit-il ; puis : « Ça va ? »",  # French sets these spaces
    "Das kostet 3,50 €.",
    "他说：“你好。”",
    "Schreib an x@@y.example.",
    "",
]


def test_honest_text_is_left_in_peace():
    assert not looks_tokenized(HONEST)
    assert not looks_like_subwords(HONEST)


@pytest.mark.parametrize(
    "line",
    ["Ein Mann , der Rad fährt .", "It &apos;s late", "ein rot @-@ grüner Ball", "Ende ."],
)
def test_tokenized_text_is_recognised(line):
    assert looks_tokenized([line])


@pytest.mark.parametrize("line", ["ein gro@@ ßer Hund", "ein gro@@", "▁ein ▁Hund"])
def test_tokens_are_recognised(line):
    assert looks_like_subwords([line])


def test_shares_leave_room_for_strays_and_blank_lines_do_not_count():
    assert not looks_tokenized(["Ende ."] * 3 + ["Ende."] * 6)
    assert looks_tokenized(["Ende ."] * 4 + ["Ende."] * 6)
    assert not looks_like_subwords(["gro@@ ß"] + ["groß"] * 9)
    assert looks_like_subwords(["gro@@ ß"] * 2 + ["groß"] * 8)
    assert looks_like_subwords(["gro@@ ß"] + [""] * 100)


def test_no_text_looks_like_nothing():
    assert not looks_tokenized([])
    assert not looks_like_subwords(["", " "])


def test_a_refusal_names_the_text():
    refuse_subwords(HONEST, "ref.de")
    with pytest.raises(DataError, match=r"ref.de: expected text, but .* join the tokens first"):
        refuse_subwords(["▁ein ▁Hund"], "ref.de")
