"""The tokens of a word, and the words of tokens."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mt.text.blanks import BLANKS
from mt.text.words import join_tokens, split_words, tokenize_line

KINDS = ["spaces", "marks"]
LINES = [
    "abc hgfe dcba",
    "  abc,  (hgfe) – d'cba!\t",
    "ab-cd's e.f 3,14 …",
    "cäfe. ﬁ½ e\u0301x",
    "a\u00a0b\u3000c \u200b d\u200be",
    "東京、大阪。",
    "👩‍👩‍👧! ?",
    "▁ ▁a .",
    "",
    " \u200b ",
    "a\x00b \x07 c\x1f\u2029d",
]


def test_words_by_hand():
    assert split_words(" Anna's  twenty-three dogs.", "spaces") == [
        "Anna's", "twenty-three", "dogs.",
    ]  # fmt: skip
    assert split_words("Anna's twenty-three (dogs).", "marks") == [
        "Anna's", "twenty-three", "(", "dogs", ")", ".",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_a_blank_for_the_tokenizer_separates_words(tokenizers, kind):
    for blank in BLANKS:
        line = f"abc{blank}hgfe{blank} dcba{blank}"
        assert split_words(line, kind) == ["abc", "hgfe", "dcba"]
        expected = tokenize_line("abc hgfe dcba", tokenizers.source, kind)
        assert tokenize_line(line, tokenizers.source, kind) == expected


def test_joiners_are_inside_words():
    assert split_words("می\u200cخواهم، क्\u200dष", "marks")[:2] == ["می\u200cخواهم", "،"]


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_the_line_and_words_are_counted(tokenizers, kind):
    found = [tokenize_line(line, tokenizers.source, kind) for line in LINES]
    assert [each.tokens for each in found] == tokenizers.source.encode(LINES)
    assert [len(each.words) for each in found] == [len(split_words(line, kind)) for line in LINES]


@given(st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_token_belongs_to_a_word(tokenizers, line):
    for kind in KINDS:
        found = tokenize_line(line, tokenizers.source, kind)
        assert len(found.words) == len(split_words(line, kind))
        covered = {token for word in found.words for token in word}
        assert covered <= set(range(len(found.tokens)))
        if kind == "spaces":
            joined = [token for word in found.words for token in word]
            assert joined == list(range(len(found.tokens)))


@given(st.lists(st.text("abcdefgh,.!?äß", min_size=1, max_size=8), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_word_is_spelt_by_its_tokens(tokenizers, chunks):
    tokenizer, line = tokenizers.source, " ".join(chunks)
    for kind in KINDS:
        found = tokenize_line(line, tokenizer, kind)
        assert [found.tokens] == tokenizer.encode([line])
        for word, own in zip(split_words(line, kind), found.words, strict=True):
            spelt = tokenizer.decode([found.tokens[own.start : own.stop]])[0]
            # A token that reaches over a mark spells its neighbour too.
            assert word in spelt
            if kind == "spaces":
                assert word == spelt


def test_a_token_over_two_words_belongs_to_both():
    class Whole:
        def encode(self, texts):
            known = {"a.": [1], "a": [2], ".": [3], "b,": [4, 5], "b": [4], ",": [5]}
            return [known[text] for text in texts]

        def tokens(self, ids):
            names = {1: "▁a.", 2: "▁a", 3: "▁.", 4: "▁b", 5: ","}
            return [names[token] for token in ids]

    found = tokenize_line("a. b,", Whole(), "marks")
    assert found.tokens == [1, 4, 5]
    assert found.words == [range(1), range(1), range(1, 2), range(2, 3)]


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["▁ein", "▁Hun", "d", "</s>"], [("ein", 1), ("Hund", 2), ("</s>", 1)]),
        (["Hun", "d"], [("Hund", 2)]),
        (["▁", "<0xC3>", "<0xA4>", "h", "▁x"], [("äh", 4), ("x", 1)]),
        (["▁", "▁x"], [("▁", 1), ("x", 1)]),
        (["▁a", "<0xC3>"], [("a\ufffd", 2)]),
        (["▁a", "<0x1B>"], [("a\ufffd", 2)]),
        (["</s>"], [("</s>", 1)]),
        (["<s>", "<0xC3>", "<0xA4>", "▁x"], [("<s>", 1), ("ä", 2), ("x", 1)]),
    ],
)
def test_tokens_become_words(tokens, words):
    assert join_tokens(tokens) == words
