"""What must begin a translation, and what must not be in it, however it is cut into tokens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.text.tokenizer import END, START
from mt.translation.config import BeamConfig
from mt.translation.constraints import (
    ConstrainedLine,
    Forbidden,
    TokenConstraints,
    spellings,
    wanted_terms,
)
from mt.translation.glossary import Glossary
from mt.translation.search import BeginWith, Forbid, Limits, Suppress, beam_search
from tests.unit.translation.test_search import CPU, NEVER, WORDS, Table, brute_force

MARKS = ["<pad>", "<unk>", "<s>", "</s>"]


@pytest.mark.parametrize(
    ("term", "held", "free"),
    [
        ("Hund", "Der Hund bellt.", "Die Hunde, hund und Schweinehund."),
        ("hund", "Der Hund! HUND", "Hunde"),
        ("guter  Hund", "ein guter Hund.", "ein guter, Hund"),
        ("!", "Halt!!", "Halt?"),
        ("C++", "in C++17", "in C+"),
        ("d'accord", "d'accord", "d'accords"),
    ],
)
def test_words_are_whole_and_signs_are_anywhere(term, held, free):
    assert Forbidden([term]).within(held)
    assert not Forbidden([term]).within(free)
    assert Forbidden(["狗"], spaced=False).within("我的狗很大。")
    assert not Forbidden([" ", ""]).terms


PARTS = ["▁a", "▁b", "a", "b", "▁", ".", "a.", "▁a▁b", "é", "<0xC3>", "<0xA9>", "<0x62>", "A"]
TERMS = ["a", "b", "ab", "a b", "a.", ".", "é", "aé", "A", "b a a"]


def text_of(tokens, written):
    return b"".join(written[token] for token in tokens).decode(errors="replace")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), min_size=3, max_size=3, unique=True),
    st.lists(st.sampled_from(TERMS), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from("abcd"),
)
def test_a_wide_beam_finds_all_that_hold_nothing_forbidden(parts, terms, spaced, name):
    forbidden, length = Forbidden(terms, spaced), 4
    written = spellings([*MARKS, *parts], len(MARKS))
    found = search(name, length, Forbid(forbidden, written, length, CPU))
    possible = {
        each.tokens: each.score
        for each in brute_force(name, length, 1.0)
        if not forbidden.within(text_of(each.tokens, written))
    }
    held = [each for each in found if each.tokens not in possible]
    assert not held
    if not any(part.startswith("<0x") for part in parts):  # half a letter is forbidden early
        assert {each.tokens: each.score for each in found} == pytest.approx(possible, abs=1e-5)


def search(name, length, processor):
    width = sum(len(WORDS) ** words for words in range(length))  # every sequence there is
    table, limits = Table(), Limits(START, END, (length,))
    state, processors = table.start([name], width), [Suppress(NEVER), processor]
    [found] = beam_search(
        table, state, limits, CPU, width, processors, BeamConfig(length_penalty=1.0).score
    )
    return found


@pytest.mark.parametrize(
    ("parts", "forced", "rest", "texts"),
    [
        (["▁ab", "c", "▁d"], [], " a", " ab"),
        (["▁ab", "c", "▁d"], [4], " d", " ab d"),
        (["▁ab", "c", "▁d"], [4], " ", " ab "),
        (["▁ab", "▁a", "b"], [], " ab", " ab"),
        (["<0xC3>", "<0xA9>", "é"], [], "é", "é"),
        (["▁ab", "c", "▁d"], [6, 5], "", " dc"),
    ],
)
@pytest.mark.parametrize("name", "abc")
def test_a_wide_beam_finds_all_that_begin_so(parts, forced, rest, texts, name):
    written, length = spellings([*MARKS, *parts], len(MARKS)), 5
    constraints = TokenConstraints(written, [], Forbidden([]), forced, rest.encode())
    found = search(name, length, BeginWith(constraints))
    possible = {
        each.tokens: each.score
        for each in brute_force(name, length, 1.0)
        if text_of(each.tokens, written).startswith(texts)
        and list(each.tokens[: len(forced)]) == forced
    }
    assert possible
    assert {each.tokens: each.score for each in found} == pytest.approx(possible, abs=1e-5)


def test_terms_of_a_line_count_before_those_of_the_glossary():
    glossary = Glossary({"dog": "Köter", "cat": "Katze"})
    line = ConstrainedLine("", terms={"dog": "Hund", "cow": "Kuh"})
    found = wanted_terms(line, ["A dog.", "A Cat and a cow."], glossary, spaced=True)
    assert found == ([["Hund"], ["Katze", "Kuh"]], True)
    assert wanted_terms(line, ["A dog."], glossary, spaced=True) == ([["Hund"]], False)
    assert wanted_terms(ConstrainedLine(""), [], glossary, spaced=True) == ([], True)
