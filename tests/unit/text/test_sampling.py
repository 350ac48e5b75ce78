"""Pieces drawn by chance: as likely as enumeration says, and alike in every process."""

import math
import random
import subprocess
import sys
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.text.sampling import BpeDropoutSampler, UnigramSampler
from mt.text.tokenizer import TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers
from mt.text.words import spelling
from tests.tiny import environment


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Tokenizers of a few pieces, which can be enumerated."""
    lines = ["abab ab ba", "aab abb bab", "abba baba ab"] * 40
    return {
        algorithm: train_tokenizers(
            TokenizerConfig(algorithm=algorithm, size=size),
            zip(lines, lines, strict=True),
            1,
            tmp_path_factory.mktemp(algorithm),
        ).source
        for algorithm, size in (("unigram", 270), ("bpe", 272))
    }


def drawn(sampler, text, draws=4000):
    generator = random.Random(1)
    counts = Counter(tuple(sampler(text, generator)) for _ in range(draws))
    return {pieces: count / draws for pieces, count in counts.items()}


def named(tokenizer, found):
    return {"|".join(tokenizer.tokens(pieces)): share for pieces, share in found.items()}


def assert_same_distribution(found, expected, draws=4000):
    assert found.keys() <= expected.keys()
    assert sum(expected.values()) == pytest.approx(1)
    for pieces, share in expected.items():
        assert abs(found.get(pieces, 0) - share) < 4.5 * math.sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0])
def test_unigram_sampling_draws_by_probability(tiny, alpha):
    tokenizer = tiny["unigram"]
    known = tokenizer.scores

    def ways(text):
        """Return every way to cut a text into pieces, with its log-probability."""
        if not text:
            return {"": 0.0}
        return {
            "|".join(filter(None, (text[:end], rest))): known[text[:end]] + score
            for end in range(1, len(text) + 1)
            if text[:end] in known
            for rest, score in ways(text[end:]).items()
        }

    weights = {way: math.exp(alpha * score) for way, score in ways("▁ababab").items()}
    assert len(weights) > 3
    total = sum(weights.values())
    assert_same_distribution(
        named(tokenizer, drawn(UnigramSampler(tokenizer, alpha), "ababab")),
        {way: weight / total for way, weight in weights.items()},
    )


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_bpe_dropout_leaves_out_merges(tiny, dropout):
    tokenizer = tiny["bpe"]
    known = tokenizer.scores
    expected = Counter()

    def step(symbols, share):
        """Follow every set of merges that a step may leave in."""
        places = [
            place
            for place in range(len(symbols) - 1)
            if symbols[place] + symbols[place + 1] in known
        ]
        for kept in product([False, True], repeat=len(places)):
            chance = math.prod(1 - dropout if each else dropout for each in kept)
            left = [place for place, each in zip(places, kept, strict=True) if each]
            if not left:
                expected["|".join(symbols)] += share * chance
                continue
            best = max(left, key=lambda at: (known[symbols[at] + symbols[at + 1]], -at))
            merged = [*symbols[:best], symbols[best] + symbols[best + 1], *symbols[best + 2 :]]
            step(merged, share * chance)

    step([*"▁abab"], 1.0)
    assert len(expected) > 3
    assert_same_distribution(
        named(tokenizer, drawn(BpeDropoutSampler(tokenizer, dropout), "abab")), expected
    )


LINES = ["abab ba", "bbaab a", "xé日 ab 👍", "", " ", "a" * 300, "▁ b"]


@pytest.mark.parametrize("text", LINES)
def test_the_extremes_are_the_plain_encoding_and_characters(tiny, text):
    for tokenizer, sampler in (
        (tiny["unigram"], UnigramSampler(tiny["unigram"], 1000)),
        (tiny["bpe"], BpeDropoutSampler(tiny["bpe"], 0.0)),
    ):
        [plain] = tokenizer.encode([text])
        assert sampler(text, random.Random(1)) == plain
    characters = BpeDropoutSampler(tiny["bpe"], 1.0)(text, random.Random(1))
    assert all(
        len(name) == 1 or len(spelling(name)) == 1 for name in tiny["bpe"].tokens(characters)
    )


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab xé日👍’") | st.characters(codec="utf-8"), max_size=40))
def test_drawn_pieces_spell_the_text(tiny, text):
    for tokenizer, sampler in (
        (tiny["unigram"], UnigramSampler(tiny["unigram"], 0.2)),
        (tiny["bpe"], BpeDropoutSampler(tiny["bpe"], 0.3)),
    ):
        drawn = sampler(text, random.Random(text))
        assert tokenizer.decode([drawn]) == tokenizer.decode(tokenizer.encode([text]))


def test_every_process_draws_alike(tiny, tmp_path):
    (tmp_path / "model").write_bytes(tiny["unigram"].model)
    program = (
        "import random, sys; from pathlib import Path; "
        "from mt.text.sampling import UnigramSampler; from mt.text.tokenizer import Tokenizer; "
        "sampler = UnigramSampler(Tokenizer.load(Path(sys.argv[1])), 0.2); "
        "print(*(sampler('abab ba aab', random.Random(seed)) for seed in range(50)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, tmp_path / "model"],
            capture_output=True, check=True, env=environment(),
        ).stdout
        for _ in range(2)
    }  # fmt: skip
    assert len(found) == 1
