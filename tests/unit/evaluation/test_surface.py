"""What is no text is refused, doubtful text is noticed, honest text is left in peace."""

import unicodedata

import pytest

from mt.errors import DataError
from mt.evaluation import doubts, doubts_between, refuse_unless_text, suited_tokenizer

HONEST = [
    "Ein Mann fährt Rad, und ein Hund läuft nach.",
    "« Bonjour ! » dit-il ; puis : « Ça va ? »",  # French sets these spaces
    "Das kostet 3,50 €.",
    "他说：“你好。”",
    "Schreib an x@@y.example.",
    "<b>Speichern</b> <p>oder</p> <doch> nicht",
    '{0} Dateien, "a": 1',
    "Zahl:\t3,5",
    "",
]
SGML = ['<refset setid="t">', '<seg id="1">Eine Katze.</seg>', '<seg id="2">Ja.</seg>', "</refset>"]


def test_honest_text_is_left_in_peace():
    refuse_unless_text(HONEST, "ref.de")
    assert list(doubts(HONEST)) == []
    assert list(doubts_between(HONEST, [HONEST])) == []


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["ein gro@@ ßer Hund"], "subword tokens .* join the tokens first"),
        (["ein gro@@"], "subword tokens"),
        (["▁ein ▁Hund", *[""] * 100], "subword tokens"),
        (SGML, "SGML or XML; take the text out"),
        (["", '<?xml version="1.0"?>', *HONEST], "SGML or XML"),
        (["<!DOCTYPE html>", *HONEST], "SGML or XML"),
        (["  <tu>", "    <tuv><seg>Ja</seg></tuv>", "  </tu>"], "SGML or XML"),
        (['{"text": "Eine Katze."}'], "JSON; name a field"),
    ],
)
def test_what_is_no_text_is_refused_by_name(lines, found):
    with pytest.raises(DataError, match=f"^ref.de: expected text, .* but it is .*{found}"):
        refuse_unless_text(lines, "ref.de")


def test_strays_are_no_reason_to_refuse():
    refuse_unless_text(["gro@@ ß"] + ["groß"] * 9, "ref.de")
    with pytest.raises(DataError):
        refuse_unless_text(["gro@@ ß"] * 2 + ["groß"] * 8, "ref.de")
    refuse_unless_text(["<doc> heißt das Element."] + ["groß"] * 9, "ref.de")
    refuse_unless_text(["", " "], "ref.de")


@pytest.mark.parametrize(
    "line",
    ["Ein Mann , der Rad fährt .", "It &apos;s late", "ein rot @-@ grüner Ball", "Ende ."],
)
def test_tokenized_text_is_noticed(line):
    (doubt,) = doubts([line])
    assert "looks tokenized" in doubt


def test_a_third_of_the_lines_is_no_stray():
    assert not [*doubts(["Ende ."] * 3 + ["Ende."] * 6)]
    assert [*doubts(["Ende ."] * 4 + ["Ende."] * 6)]
    assert not [*doubts([])]


def test_a_few_subword_tokens_are_noticed():
    (doubt,) = doubts(["gro@@ ß"] + ["groß"] * 19)
    assert "1 of 20 lines hold subword tokens" in doubt


def test_columns_are_noticed():
    (doubt,) = doubts(["Eine Katze.\tA cat.", "Ja.\tYes."])
    assert "tabs" in doubt


def test_lines_with_one_side_are_counted():
    one, other = doubts_between(["a", "b", " ", "d"], [["a", "", "c", ""], ["", "\t", "c", "d"]])
    assert "but 1 have a translation but no reference" in one
    assert "but 1 have a reference but no translation" in other
    assert not [*doubts_between(["", "b"], [[" ", "b"]])]


def test_normal_forms_that_differ_are_noticed():
    text = ["Der Käse fällt über Bord.", "Ja."]
    other = [unicodedata.normalize("NFD", line) for line in text]
    for sides in ((text, other), (other, text)):
        (doubt,) = doubts_between(sides[0], [sides[1]])
        assert "(NFC)" in doubt
    assert not [*doubts_between(other, [other])]


def test_text_in_lower_case_beside_text_with_capitals_is_noticed():
    (doubt,) = doubts_between(["der hund", "ja"], [["Der Hund", "Ja"]])
    assert "capital letters" in doubt
    assert not [*doubts_between(["der hund"], [["der hund"]])]
    assert not [*doubts_between(["今天"], [["BBC"]])]


@pytest.mark.parametrize(
    ("line", "suited"),
    [
        ("今天天气很好，我们去公园。", ("Chinese", "zh")),
        ("在Windows 10中打开Microsoft Store", ("Chinese", "zh")),
        ("猫がマットの上に座った。", ("Japanese", "ja-mecab")),
        ("오늘은 날씨가 좋네요.", ("Korean", "ko-mecab")),
        ("แมวนั่งบนเสื่อ", ("Thai", "char")),
        ("Der Autor 莫言 schreibt auf Chinesisch.", None),
        ("Кошка сидит на коврике.", None),
        ("القطة على السجادة", None),
        ("42 …", None),
        ("", None),
    ],
)
def test_scripts_that_need_another_tokenizer_are_told_apart(line, suited):
    assert suited_tokenizer([line]) == suited
