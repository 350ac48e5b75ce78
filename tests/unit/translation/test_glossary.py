"""Terms are found in sentences, and translations hold them."""

import itertools
import random

import pytest
import torch

from mt.errors import DataError
from mt.text.tokenizer import END, START
from mt.translation.config import BeamConfig
from mt.translation.contract import NEVER
from mt.translation.glossary import Glossary, holds_term
from mt.translation.search import Limits, Suppress, constrained_search
from mt.translation.search.constrained import Coverage
from tests.unit.translation.test_search import (
    CPU,
    SIZE,
    WORDS,
    Table,
    log_probability,
)

EVERY = torch.ones(SIZE, dtype=torch.bool)


def search(name, phrases, length, beam=200, after=EVERY):
    table, processors = Table(), [Suppress(NEVER)]
    state = table.start(name, beam)
    score = BeamConfig().score
    return constrained_search(
        table, state, Limits(START, END, (length,)), phrases, beam, CPU, processors, score, after
    )


def holds(tokens, phrases):
    """Say whether all phrases stand somewhere in a sequence, none over another."""
    if not phrases:
        return True
    first, *others = phrases
    return any(
        tuple(tokens[place : place + len(first)]) == tuple(first)
        and holds((*tokens[:place], None, *tokens[place + len(first) :]), others)
        for place in range(len(tokens) - len(first) + 1)
    )


@pytest.mark.parametrize("name", "abcdef")
@pytest.mark.parametrize("phrases", [[[4]], [[4, 5]], [[6, 6], [5]], [[4, 5], [5, 4]], [[4], [4]]])
def test_a_wide_beam_finds_the_most_probable_that_holds_all(name, phrases):
    found = search(name, phrases, length=6)
    assert all(holds(each.tokens, phrases) for each in found)
    possible = [
        (log_probability(name, tokens), tokens)
        for words in range(6)
        for tokens in itertools.product(WORDS, repeat=words)
        if holds(tokens, phrases)
    ]
    best, tokens = max(possible)
    assert found[0].log_probability == pytest.approx(best, abs=1e-4)
    assert found[0].tokens == tokens
    assert found[0].score == pytest.approx(best / (len(tokens) + 1), abs=1e-4)


@pytest.mark.parametrize("beam", [1, 2, 5])
def test_a_narrow_beam_and_little_room_still_hold_all(beam):
    draw = random.Random(1)
    for _ in range(30):
        phrases = [draw.choices(WORDS, k=draw.randint(1, 3)) for _ in range(draw.randint(1, 3))]
        length = draw.randint(1, 12)
        for each in search("a", phrases, length, beam):
            assert holds(each.tokens, phrases)
            assert len(each.tokens) < max(length, sum(map(len, phrases)) + 1)


def test_nothing_but_what_may_follow_stands_behind_a_phrase():
    after = EVERY.clone()
    after[5] = False
    going_on = 0
    for each in search("a", [[4, 6]], 7, beam=30, after=after):
        places = [
            place
            for place in range(len(each.tokens) - 2)
            if each.tokens[place : place + 2] == (4, 6)
        ]
        # The first is the one that was asked for; the beam is wide enough for several to go on.
        assert all(each.tokens[place + 2] != 5 for place in places[:1])
        going_on += bool(places)
    assert going_on


def test_a_phrase_that_is_broken_off_is_unmet_again():
    begun = Coverage(((4, 5, 6), (7,))).after(4)
    assert (begun.begun, begun.left) == ((5, 6), 3)
    assert begun.after(9).left == 4
    assert begun.after(7) == Coverage(((4, 5, 6),), complete=True)
    done = begun.after(5).after(6)
    assert (done.left, done.complete) == (1, True)
    assert done.after(7).left == 0


GLOSSARY = Glossary({"dog": "Köter", "guide dog": "Blindenhund", "NATO": "Nato", "狗": "Hund"})


@pytest.mark.parametrize(
    ("sentence", "terms"),
    [
        ("The dog and the Dog bark.", ["Köter"]),
        ("A guide dog is a DOG.", ["Blindenhund", "Köter"]),
        ("Dogs, hotdog, dogma.", []),
        ("nato or NATO?", ["Nato"]),
        ("nato", []),
    ],
)
def test_terms_are_whole_words(sentence, terms):
    assert GLOSSARY.asked(sentence) == terms


def test_terms_of_languages_without_spaces():
    assert GLOSSARY.asked("我的狗很大。", spaced=False) == ["Hund"]
    assert Glossary({}).asked("anything") == []


def test_a_term_is_held_as_a_whole_word():
    assert holds_term("Der Köter, sagt er.", "Köter")
    assert not holds_term("Die Köters.", "Köter")
    assert holds_term("这是狗。", "狗", spaced=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dog", "expected a source term, a tab and its translation, but found 'dog'"),
        ("dog\t", "expected a source term, a tab and its translation"),
        ("a\tb\tc", "expected a source term, a tab and its translation"),
        ("cat\tKater", "expected one translation of 'cat', but found 'Katze' and 'Kater'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    (tmp_path / "terms").write_text(f"cat\tKatze\n\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"terms line 3: {message}"):
        Glossary.read(tmp_path / "terms")
