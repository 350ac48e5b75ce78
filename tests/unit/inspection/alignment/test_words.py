"""Which tokens a word has."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mt.inspection.alignment.words import cut_line, split_words

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
]


def test_words_by_hand():
    assert split_words(" Anna's  twenty-three dogs.", "spaces") == [
        "Anna's", "twenty-three", "dogs.",
    ]  # fmt: skip
    assert split_words("Anna's twenty-three (dogs).", "marks") == [
        "Anna's", "twenty-three", "(", "dogs", ")", ".",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line", LINES)
def test_tokens_are_those_of_the_line_and_words_are_counted(tokenizers, line, kind):
    cut = cut_line(line, tokenizers.source, kind)
    assert [cut.tokens] == tokenizers.source.encode([line])
    assert len(cut.words) == len(split_words(line, kind))


@given(st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_token_belongs_to_a_word(tokenizers, line):
    for kind in KINDS:
        cut = cut_line(line, tokenizers.source, kind)
        assert len(cut.words) == len(split_words(line, kind))
        covered = {place for places in cut.words for place in places}
        assert covered <= set(range(len(cut.tokens)))
        if kind == "spaces":
            joined = [place for places in cut.words for place in places]
            assert joined == list(range(len(cut.tokens)))


@given(st.lists(st.text("abcdefgh,.!?äß", min_size=1, max_size=8), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_word_is_spelt_by_its_tokens(tokenizers, chunks):
    tokenizer, line = tokenizers.source, " ".join(chunks)
    for kind in KINDS:
        cut = cut_line(line, tokenizer, kind)
        assert [cut.tokens] == tokenizer.encode([line])
        for word, places in zip(split_words(line, kind), cut.words, strict=True):
            spelt = tokenizer.decode([cut.tokens[places.start : places.stop]])[0]
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

    cut = cut_line("a. b,", Whole(), "marks")
    assert cut.tokens == [1, 4, 5]
    assert cut.words == [range(1), range(1), range(1, 2), range(2, 3)]
