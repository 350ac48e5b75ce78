"""Every pair as often as its weight says: for any corpora, weights, shards, processes and stops."""

from collections import Counter
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mt.data import epochs as module
from mt.data import processes as processes_module
from mt.data import store as store_module
from mt.data.corpora import Pair
from mt.data.epochs import Epochs, pairs_per_epoch
from mt.data.filters import Selection
from mt.data.mixture import prepare
from mt.data.permutation import permute
from mt.text.tokenizer import END, PAD
from mt.training.order import Position, TrainingOrder

sizes = st.lists(st.integers(0, 40), min_size=1, max_size=4).filter(any)
weights = st.sampled_from([0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0])
seeds = st.integers(0, 2**63 - 1)
shards = st.integers(1, 50)
few = settings(max_examples=30, deadline=None)


@few
@given(st.integers(1, 3000), seeds, st.integers(0, 5))
def test_a_permutation_holds_every_number_once_however_it_is_cut(size, seed, key):
    whole = permute(np.arange(size), size, [seed, key])
    assert sorted(whole) == list(range(size))
    some = np.random.default_rng(key).integers(0, size, 20)
    assert np.array_equal(permute(some, size, [seed, key]), whole[some])


def test_permutations_are_random():
    """Each order of three is as likely as another, and so is each number in each place."""
    orders = Counter(tuple(permute(np.arange(3), 3, [key]).tolist()) for key in range(1800))
    assert all(abs(orders[order] - 300) < 5 * 16 for order in orders)  # binomial deviation 15.8
    assert len(orders) == 6
    size, cells = 1 << 18, 16
    order = permute(np.arange(size), size, [1])
    table, *_ = np.histogram2d(np.arange(size), order, bins=cells)
    expected = size / cells**2
    assert np.square(table - expected).sum() / expected < 400  # chi-square of 225: 225 ± 21


@st.composite
def mixed(draw):
    """Draw corpora of some sizes with some weights."""
    found = draw(sizes)
    return found, [draw(weights) for _ in found]


def listed_passes(epochs, corpus, count):
    """List the first draws from a corpus, pass after pass."""
    size = epochs.sizes[corpus]
    begin = sum(epochs.sizes[:corpus])
    whole = epochs.drawn[corpus] % size == 0
    draws = []
    for number in range(count // max(1, size) + 1):
        order = np.arange(size) if whole else permute(
            np.arange(size), size, [epochs.seed, 1, corpus, number]
        )  # fmt: skip
        draws += [begin + int(pair) for pair in order]
    return draws[:count]


@few
@given(mixed(), seeds, shards, st.integers(1, 6))
def test_epochs_hold_what_lists_of_passes_give(corpora, seed, shard, count):
    sizes, weights = corpora
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SHARD", shard)
        epochs = Epochs(tuple(sizes), pairs_per_epoch(sizes, weights), seed)
        parts = [
            [epochs.shard(epoch, number).tolist() for number in range(epochs.shards(epoch))]
            for epoch in range(count)
        ]
    found = [sorted(pair for part in epoch for pair in part) for epoch in parts]
    ends = [[int(e * size * Fraction(str(weight))) for e in range(count + 1)]
            for size, weight in zip(sizes, weights, strict=True)]  # fmt: skip
    passes = [
        listed_passes(epochs, corpus, ends[corpus][-1]) if size else []
        for corpus, size in enumerate(sizes)
    ]
    for epoch in range(count):
        slices = [one[end[epoch] : end[epoch + 1]] for one, end in zip(passes, ends, strict=True)]
        assert found[epoch] == sorted(pair for part in slices for pair in part)
        assert epochs.size(epoch) == len(found[epoch])
        lengths = [len(part) for part in parts[epoch]]
        assert not lengths or (max(lengths) <= shard and max(lengths) - min(lengths) <= 1)


@few
@given(mixed(), seeds, st.integers(1, 8))
def test_no_pair_is_ahead_of_another_of_its_corpus(corpora, seed, count):
    sizes, weights = corpora
    epochs = Epochs(tuple(sizes), pairs_per_epoch(sizes, weights), seed)
    drawn = Counter(
        pair
        for epoch in range(count)
        for number in range(epochs.shards(epoch))
        for pair in epochs.shard(epoch, number).tolist()
    )
    begin = 0
    for size, weight in zip(sizes, weights, strict=True):
        often = [drawn[pair] for pair in range(begin, begin + size)]
        exact = count * Fraction(str(weight))
        assert all(int(exact) <= each <= int(exact) + (exact % 1 > 0) for each in often)
        begin += size


def test_half_of_a_corpus_is_another_random_half_in_the_next_epoch():
    epochs = Epochs((1000,), pairs_per_epoch([1000], [0.5]), seed=1)
    first, second, third = (set(epochs.shard(epoch, 0).tolist()) for epoch in range(3))
    assert first | second == set(range(1000))
    assert len(first) == len(second) == 500
    assert 150 < len(first & third) < 350  # halves drawn independently share 250 ± 11


def test_a_shard_of_however_many_pairs_is_told_by_itself():
    size = 10**12
    epochs = Epochs((size,), pairs_per_epoch([size], [1.0]), seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SHARD", 1000)
        pairs = epochs.shard(3, 123_456)
    assert len(set(pairs.tolist())) == 1000
    assert 0 <= pairs.min() < size / 10 < size * 9 / 10 < pairs.max() < size


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5).filter(any), st.floats(1.01, 100))
def test_a_temperature_shares_as_many_pairs_by_size(sizes, temperature):
    drawn = pairs_per_epoch(sizes, [1.0] * len(sizes), temperature)
    assert sum(drawn) == sum(sizes)
    powers = [size ** (1 / temperature) if size else 0 for size in sizes]
    for share, power in zip(drawn, powers, strict=True):
        assert share.denominator == 1
        assert abs(share - sum(sizes) * power / sum(powers)) < 1 + 1e-3


class Numbers:
    """A corpus whose pair N is a number in letters, and the same of another case."""

    def __init__(self, name, size, weight):
        self.where, self.weight, self.tag = name, weight, None
        self.size = size

    def pairs(self):
        for row in range(self.size):
            letters = "abcdefghij"
            digits = "".join(letters[int(digit)] for digit in str(row))
            # Every third is dropped, so that numbers in the corpus and in the store differ.
            yield Pair("" if row % 3 == 2 else f"{self.where} {digits}", f"{digits} {self.where}")

    def fingerprint(self):
        return f"{self.where} {self.size}"


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mixed(), seeds, shards, st.integers(1, 20), st.integers(1, 3), st.data())
def test_processes_that_stop_and_go_on_see_every_pair_as_often_as_it_should(
    tokenizers, tmp_path_factory, corpora, seed, shard, chunk, processes, data
):
    listed = [Numbers(name, *each) for name, each in zip("abcd", zip(*corpora, strict=True),
              strict=False)]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SHARD", shard)
        patch.setattr(store_module, "_CHUNK", chunk)
        patch.setattr(processes_module, "available_cores", lambda: 1)
        mixture = prepare(
            listed, tokenizers, tmp_path_factory.mktemp("store"), [Selection()] * len(listed)
        )
        order = TrainingOrder(mixture, 100, seed)
        position, seen, epochs = Position(), Counter(), 2
        while position.epoch < epochs:
            groups = order.groups(position, size=1)  # as after a stop
            for group in islice(groups, data.draw(st.integers(1, 5))):
                position = group.following
                if position.epoch < epochs:
                    seen.update(
                        row
                        for batch in group.batches
                        for rank in range(processes)
                        for row in rows(batch.shard(rank, processes))
                    )
    expected = Counter()
    for corpus in listed:
        kept = [pair for pair in corpus.pairs() if pair.source]
        assert sum(seen[encoded(tokenizers, pair)] for pair in kept) == int(
            epochs * len(kept) * Fraction(str(corpus.weight))
        )
        exact = epochs * Fraction(str(corpus.weight))
        for pair in kept:
            often = seen.pop(encoded(tokenizers, pair), 0)
            assert int(exact) <= often <= int(exact) + (exact % 1 > 0)
    assert seen == expected, "pairs that no corpus has"


def encoded(tokenizers, pair):
    source, target = tokenizers.source.encode(list(pair))
    return (*source, END), (*target, END)


def rows(batch):
    for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        yield tuple(tuple(token for token in side if token != PAD) for side in (source, target))


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory) -> Path:
    from mt.text.tokenizer import TokenizerConfig
    from mt.text.tokenizer_training import train_tokenizers

    lines = ["a b c d e f g h i j", "ab cd ef gh ij", "bc de fg hi ja"]
    config = TokenizerConfig(size=280)
    pairs = zip(lines, lines, strict=True)
    return train_tokenizers(config, pairs, 1, tmp_path_factory.mktemp("tokenizers"))
