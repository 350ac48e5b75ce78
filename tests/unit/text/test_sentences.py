import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt.text.sentences import holds_words, puts_spaces, split_sentences

LINES = [
    ("en", "Peter is tired. |A dog runs in the park."),
    ("en", "Dr. Smith met Mr. Jones at 3 p.m. |He left."),
    ("de", "Er kam z. B. am 3. Oktober. |Danach ging er."),
    ("en-GB", "Pi is 3.14. |See www.x.org for more!"),
    ("en", "Wait... what? |No!"),
    ("de_AT", "„Nein“, sagte sie.  |„Geh!“"),
    ("zh", "你好。|我是学生。"),
    ("ja", "これはペンです。|あれは本です。"),
    ("hi", "यह एक किताब है। |वह एक कलम है।"),
    ("ar", "هل هذا كتاب؟ |نعم."),
    ("en", "A. B. Miller (U.S.) went home."),
    ("en", "A shirt that says FROG! hangs there. |It is green."),
    ("en", "all in lower case. |two sentences."),
    ("xx", "An unknown language. |Two sentences."),
]


@pytest.mark.parametrize(("language", "line"), LINES)
def test_sentences_of_many_languages(language, line):
    parts = line.split("|")
    assert ["".join(each) for each in split_sentences("".join(parts), language)] == parts


@given(st.one_of(st.text(st.sampled_from("aB .!?。\t\u3000\n\x0b…\"'1")), st.text()))
def test_nothing_is_lost(text):
    line = text.strip()
    found = split_sentences(line, "en")
    assert "".join(map("".join, found)) == line
    assert not any(each.gap.strip() for each in found)


@pytest.mark.parametrize("line", ["*" * 30_000, ". " * 30_000, f"A dog{'.' * 30_000}"])
def test_a_long_run_of_signs_takes_no_longer_than_other_lines(line):
    began = time.perf_counter()
    found = split_sentences(line.strip(), "en")
    assert time.perf_counter() - began < 3  # in the square of its length it took ten
    assert [each.text for each in found] == [line.strip()]


def test_most_lines_are_known_to_be_one_sentence_at_once(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sentencex", None)
    for line in ("A dog, (a cat) and - well - 3 birds run.", "Ist es wahr?", ""):
        assert [each.text for each in split_sentences(line, "en")] == [line]


@pytest.mark.parametrize(
    "text", ["42", "...", "🙂🙂", "https://a.b/c?d=e me@b.org www.a.org", "3.5 %", ""]
)
def test_what_holds_no_word(text):
    assert not holds_words(text)


@pytest.mark.parametrize("text", ["a", "See https://a.b", "5kg", "你好", "é", "www", "a@b"])
def test_what_holds_a_word(text):
    assert holds_words(text)


def test_languages_without_spaces():
    tags = ["zh", "zh-CN", "ja_JP", "TH", "en", "ko", "de", "xx"]
    assert [tag for tag in tags if not puts_spaces(tag)] == tags[:4]


def test_a_wide_space_behind_an_initial_is_a_space():
    line = "\"1。B\tB\u3000.'\u3000B'"
    sentences = split_sentences(line, "en")
    assert "".join(text + gap for text, gap in sentences) == line
