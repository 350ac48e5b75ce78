"""Training pairs changed on the fly: what each change does, how often, and the same every time."""

import random
import re
from collections import Counter
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mt.data.augmentation.config import (
    AugmentationConfig,
    BpeDropoutConfig,
    UnigramSamplingConfig,
)
from mt.data.augmentation.noise import (
    Noise,
    misspell,
    pair_generator,
    recased,
    without_end_mark,
)
from mt.data.corpora import Pair
from mt.data.filters import Selection
from mt.data.mixture import prepare
from mt.data.planning import plan_batches
from mt.text.tokenizer import END, PAD, UNKNOWN, TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers

BUDGET = 400
NOISY = {"upper_case": 0.2, "title_case": 0.2, "end_marks": 0.3, "typos": 0.3}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("A man.", "一人の男。"), ("A man", "一人の男")),
        (("Who?", "من؟"), ("Who", "من")),
        (("So ... ", "So ... "), None),
        (("Well...", "Na ja ."), ("Well", "Na ja")),
        (("No!", "Nein."), None),
        (("No.", "Nein"), None),
        (("A man,", "Ein Mann,"), None),
        (("...", "Nein."), None),
    ],
)
def test_end_marks_go_from_both_sides_or_none(before, after):
    assert without_end_mark(Pair(*before)) == (after or before)


def test_a_source_without_case_keeps_its_target():
    capitals = Noise(AugmentationConfig(upper_case=1), ("ja", "en"))
    for source, target in [("男の人", "a man"), ("2 x", "a man")]:
        changed = capitals(Pair(source, target), random.Random(1))
        assert changed == ((source, target) if source == "男の人" else ("2 X", "A MAN"))


texts = st.text(st.sampled_from("abc def ΐ й نم दु 日本 0123 .,"), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(0, 10**6))
def test_typos_are_few_and_spare_digits(text, seed):
    typo = misspell(text, random.Random(seed))
    assert re.sub(r"\D", "", typo) == re.sub(r"\D", "", text)
    assert set(typo) <= set(text)
    assert abs(len(typo) - len(text)) <= 1 + text.count(" ") // 10
    assert typo.strip() or not text.strip()
    assert typo == misspell(text, random.Random(seed))


def test_every_kind_of_slip_occurs():
    slips = Counter(misspell("ab cd", random.Random(seed)) for seed in range(500))
    assert {"ba cd", "b cd", "aab cd", "cb cd", "abcd"} <= slips.keys()


def test_each_change_comes_as_often_as_it_should():
    pairs = [Pair("abc def ghi.", "jkl mno.")] * 4000
    noise = Noise(AugmentationConfig(upper_case=0.07, title_case=0.05, typos=0.1), ("en", "de"))
    generators = [pair_generator(1, 0, number) for number in range(len(pairs))]
    found = [noise(*each) for each in zip(pairs, generators, strict=True)]
    counts = {
        0.07: sum(pair.target == "JKL MNO." for pair in found),
        0.05: sum(pair.target == "Jkl Mno." for pair in found),
        0.1: sum(pair.source.lower() != pairs[0].source for pair in found) / 0.95,
    }  # a slip in twenty changes nothing, as where a letter takes its own place
    for rate, count in counts.items():
        assert abs(count - rate * 4000) < 4 * sqrt(4000 * rate * (1 - rate)), rate
    end_marks = Noise(AugmentationConfig(end_marks=0.2), ("en", "de"))
    lost = sum(end_marks(*each) != each[0] for each in zip(pairs, generators, strict=True))
    assert abs(lost - 800) < 4 * sqrt(4000 * 0.2 * 0.8)


def test_a_tokenizer_learns_from_as_many_capitals_and_no_typos():
    pairs = [Pair("abc def.", "jkl.")] * 2000
    config = AugmentationConfig(upper_case=0.1, typos=1.0, end_marks=1.0)
    counts = Counter(recased(pairs, config, ("en", "de"), (), seed=1))
    assert counts.keys() == {("ABC DEF.", "JKL."), pairs[0]}
    assert abs(counts["ABC DEF.", "JKL."] - 200) < 4 * sqrt(2000 * 0.1 * 0.9)
    tagged = [Pair(f"<bt> {source}", target) for source, target in pairs]
    again = Counter(recased(tagged, config, ("en", "de"), ["<bt>"], seed=1))
    assert again == {(f"<bt> {source}", target): n for (source, target), n in counts.items()}


@pytest.fixture
def mixture(write, lines, tokenizers, tmp_path):
    ends = [f"{line}." for line in lines]
    corpus = write("\n".join(ends), "\n".join(reversed(ends)))
    return prepare([corpus], tokenizers, tmp_path / "store", [Selection()])


def augmented(mixture, tokenizers, groups, epoch=0, most=200, budget=BUDGET, seed=1, **values):
    """Return all pairs, as lists of tokens without padding, and the batches."""
    augmenter = AugmentationConfig(**values).build(tokenizers, ("en", "de"), most, seed)
    planned = [(mixture.batch(rows), rows) for rows in groups]
    batches = list(augmenter.batches(planned, epoch, budget, [seed, epoch]))
    rows = [
        tuple([token for token in side.tolist() if token != PAD] for side in pair)
        for batch in batches
        for pair in zip(batch.source, batch.target, strict=True)
    ]
    return sorted(rows), batches


def plan(mixture, budget=BUDGET):
    return plan_batches(*lengths(mixture), budget, [1, 0])


def plain(mixture):
    return sorted(tuple(side.tolist() for side in pair) for pair in mixture.in_random_order(1))


def lengths(mixture):
    return mixture.lengths(np.arange(len(mixture)))


@pytest.mark.parametrize(
    "values",
    [
        NOISY,
        {"word_dropout": 0.2},
        {"subword_regularization": {"kind": "unigram_sampling"}},
        NOISY | {"word_dropout": 0.1, "subword_regularization": {"kind": "unigram_sampling"}},
    ],
    ids=["noise", "dropout", "sampling", "all"],
)
def test_a_pair_depends_on_seed_epoch_and_number_alone(mixture, tokenizers, values):
    one, _ = augmented(mixture, tokenizers, plan(mixture), **values)
    alone = [np.array([number]) for number in reversed(range(len(mixture)))]
    assert augmented(mixture, tokenizers, alone, **values)[0] == one != plain(mixture)
    for other in ({"epoch": 1}, {"seed": 2}):
        assert augmented(mixture, tokenizers, plan(mixture), **values, **other)[0] != one


def test_pairs_are_what_their_changed_text_encodes_to(mixture, tokenizers, lines):
    noise = Noise(AugmentationConfig(**NOISY), ("en", "de"))
    expected = []
    for number, sides in enumerate(zip(lines, reversed(lines), strict=True)):
        pair = Pair(*(f"{side}." for side in sides))
        changed = noise(pair, pair_generator(1, 3, number))
        expected.append(tuple([*tokenizers.source.encode([side])[0], END] for side in changed))
    found, _ = augmented(mixture, tokenizers, plan(mixture), epoch=3, **NOISY)
    assert found == sorted(expected)


def test_no_batch_exceeds_the_budget_and_none_is_padded_much(mixture, tokenizers):
    rows, batches = augmented(mixture, tokenizers, plan(mixture), upper_case=0.3)
    assert max(len(side) for pair in rows for side in pair) > mixture.longest
    cells = [max(batch.source.numel(), batch.target.numel()) for batch in batches]
    assert max(cells) <= BUDGET
    tokens = sum(batch.source_tokens + batch.target_tokens for batch in batches)
    assert tokens == sum(len(side) for pair in rows for side in pair)


def test_a_pair_that_would_become_too_long_stays_as_it_is(mixture, tokenizers):
    most = mixture.longest
    rows, _ = augmented(mixture, tokenizers, plan(mixture), most=most, upper_case=1)
    assert max(len(side) for pair in rows for side in pair) <= most
    unchanged = [pair for pair in rows if pair in plain(mixture)]
    assert 0 < len(unchanged) < len(rows)


def test_words_are_dropped_from_sources_alone_and_never_the_end(mixture, tokenizers):
    rows, _ = augmented(mixture, tokenizers, plan(mixture), word_dropout=0.25)
    assert sorted(target for _, target in rows) == sorted(target for _, target in plain(mixture))
    assert all(source[-1] == END for source, _ in rows)
    assert sorted(map(len, (source for source, _ in rows))) == sorted(lengths(mixture).source)
    tokens = sum(len(source) - 1 for source, _ in rows)
    dropped = sum(source.count(UNKNOWN) for source, _ in rows)
    assert abs(dropped - 0.25 * tokens) < 4 * sqrt(tokens * 0.25 * 0.75)


def test_drawn_tokens_spell_the_same_text(mixture, tokenizers):
    config = UnigramSamplingConfig(alpha=0.1)
    rows, _ = augmented(mixture, tokenizers, plan(mixture), subword_regularization=config)
    before = plain(mixture)
    for side in (0, 1):
        spelt, expected = (
            sorted(tokenizers.source.decode([pair[side] for pair in pairs]))
            for pairs in (rows, before)
        )
        assert spelt == expected
    assert sum(len(source) for source, _ in rows) > sum(len(source) for source, _ in before)


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("unigram", "unigram_sampling"), ("bpe", "bpe_dropout")]
)
def test_a_tag_stays_in_front_and_changes_nothing_else(write, lines, tmp_path, algorithm, kind):
    pairs = list(zip(lines, lines, strict=True))
    config = TokenizerConfig(size=320, algorithm=algorithm)
    tokenizers = train_tokenizers(config, pairs, 1, tmp_path, ["<bt>", "<2de>"])
    [[tag]] = tokenizers.source.encode(["<bt>"])
    corpus = write("\n".join(lines), "\n".join(lines))
    untagged, tagged = (
        prepare([each], tokenizers, tmp_path / "store", [Selection()])
        for each in (corpus, corpus.model_copy(update={"tag": "<bt>"}))
    )
    for values in (
        NOISY | {"word_dropout": 0.5},
        NOISY | {"word_dropout": 0.5, "subword_regularization": {"kind": kind}},
    ):
        expected, _ = augmented(untagged, tokenizers, plan(untagged), **values)
        found, _ = augmented(tagged, tokenizers, plan(untagged), **values)
        assert found == sorted(([tag, *source], target) for source, target in expected)


def test_a_tag_counts_among_the_most_tokens(write, lines, tmp_path):
    pairs = list(zip(lines, lines, strict=True))
    tokenizers = train_tokenizers(TokenizerConfig(size=320), pairs, 1, tmp_path, ["<bt>"])
    corpus = write("\n".join(lines), "\n".join(lines)).model_copy(update={"tag": "<bt>"})
    mixture = prepare([corpus], tokenizers, tmp_path / "store", [Selection()])
    everything, _ = augmented(mixture, tokenizers, plan(mixture), upper_case=1)
    most = max(len(source) for source, _ in everything)
    assert augmented(mixture, tokenizers, plan(mixture), most=most, upper_case=1)[0] == everything
    rows, _ = augmented(mixture, tokenizers, plan(mixture), most=most - 1, upper_case=1)
    assert max(len(source) for source, _ in rows) < most


def test_nothing_is_built_where_nothing_changes(tokenizers):
    assert AugmentationConfig().build(tokenizers, ("en", "de"), 100, 1) is None


def test_impossible_shares_are_refused():
    with pytest.raises(ValidationError, match="at most 1 together, but found 1.2; lower one"):
        AugmentationConfig(upper_case=0.7, title_case=0.5)
    with pytest.raises(ValidationError):
        BpeDropoutConfig(dropout=1.5)
