"""Several corpora as one sequence of pairs: as if they were a list."""

import numpy as np
import pytest
import torch

from mt.data import store as module
from mt.data.corpora import Pair
from mt.data.filters import Selection
from mt.data.mixture import PairOrigin, prepare
from mt.data.pairs import PairCounts
from mt.data.planning import plan_batches
from mt.errors import DataError
from mt.text.tokenizer import END, PAD

LIMIT = 40


class Listed:
    """A corpus of a few lines: all that a corpus must be."""

    def __init__(self, name, pairs, weight=1.0, tag=None):
        self.where, self.weight, self.tag = name, weight, tag
        self._pairs = pairs

    def pairs(self):
        return iter([Pair(*pair) for pair in self._pairs])

    def fingerprint(self):
        return str(self._pairs)


def bounds(corpora, max_tokens=LIMIT):
    return [Selection(max_tokens=max_tokens)] * len(corpora)


@pytest.fixture
def corpora(write, lines):
    """Corpora of any kind: two files, two lists, one of which nothing is kept of, and one twice."""
    files = write("\n".join(lines[:25]), "\n".join(lines[25:50]))
    gaps = [*zip(lines[30:40], lines[:10], strict=True)]
    gaps[3:3] = [("", "x"), ("x", " "), ("abcd " * 30, "x"), ("x", "abcd " * 30)]
    return [files, Listed("gaps", gaps), Listed("nothing", [("", ""), ("", "x")]), files]


@pytest.fixture
def mixture(corpora, tokenizers, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 7)
    return prepare(corpora, tokenizers, tmp_path / "store", bounds(corpora))


@pytest.fixture
def listed(corpora, tokenizers):
    """List the pairs to learn from, encoded and with where they come from, one at a time."""
    pairs = []
    for corpus in corpora:
        for row, pair in enumerate(corpus.pairs()):
            [source] = tokenizers.source.encode([pair.source])
            [target] = tokenizers.target.encode([pair.target])
            kept = pair.source.strip() and pair.target.strip()
            if kept and len(source) < LIMIT and len(target) < LIMIT:
                pairs.append(([*source, END], [*target, END], PairOrigin(corpus.where, row)))
    return pairs


def padded(rows):
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def test_pairs_are_numbered_as_in_a_list(mixture, listed):
    assert len(mixture) == len(listed) == 25 + 10 + 25
    source, target = mixture.lengths(np.arange(60))
    assert source.tolist() == [len(source) for source, _, _ in listed]
    assert target.tolist() == [len(target) for _, target, _ in listed]
    longest = max(max(len(source), len(target)) for source, target, _ in listed)
    origin = mixture.longest_origin()
    found = next(pair for pair in listed if pair[2] == origin)
    assert mixture.longest == longest == max(map(len, found[:2]))
    assert mixture.longer_tokens == sum(max(len(one), len(other)) for one, other, _ in listed)
    assert [mixture.origin(pair) for pair in range(60)] == [origin for *_, origin in listed]


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_batches_of_an_epoch_are_those_of_a_list(mixture, listed, epoch):
    lengths = (np.array([len(pair[side]) for pair in listed]) for side in (0, 1))
    expected = plan_batches(*lengths, 300, [1, epoch])
    plan = plan_batches(*mixture.lengths(np.arange(60)), 300, [1, epoch])
    assert len(plan) == len(expected) > 5
    for indices, rows in zip(plan, expected, strict=True):
        batch = mixture.batch(indices)
        sources, targets = ([listed[row][side] for row in rows] for side in (0, 1))
        assert batch.source.dtype == batch.target.dtype == torch.int64
        assert torch.equal(batch.source, padded(sources))
        assert torch.equal(batch.target, padded(targets))
        assert batch.source_tokens == sum(map(len, sources))
        assert batch.target_tokens == sum(map(len, targets))


@pytest.mark.parametrize("indices", [[0], [59], [24, 25], [3, 3, 3], [59, 0, 34, 35, 1]])
def test_any_pairs_make_a_batch(mixture, listed, indices):
    batch = mixture.batch(np.array(indices, np.int32))
    assert torch.equal(batch.source, padded([listed[index][0] for index in indices]))
    assert torch.equal(batch.target, padded([listed[index][1] for index in indices]))


@pytest.mark.parametrize("indices", [[60], [-1], [0, 99]])
def test_no_such_pair(mixture, indices):
    with pytest.raises(IndexError, match=r"out of bounds"):
        mixture.batch(np.array(indices))
    with pytest.raises(IndexError, match=r"out of bounds"):
        mixture.origin(indices[-1])


def test_a_tag_is_before_every_source(lines, tokenizers, tmp_path):
    pairs = [*zip(lines[:5], lines[5:10], strict=True), ("\u200b", "x")]
    tagged = Listed("a", pairs, tag="<t>")
    mixture = prepare([tagged], tokenizers, tmp_path, [Selection(max_tokens=LIMIT)])
    assert mixture.counts.dropped == {"blank": 1}
    found = list(mixture.stores[0].pairs(np.arange(5)))
    expected = tokenizers.source.encode([f"<t> {source}" for source, _ in pairs[:5]])
    assert [source.tolist() for source, _ in found] == [[*ids, END] for ids in expected]
    assert [target.tolist()[:-1] for _, target in found] == tokenizers.target.encode(lines[5:10])


def test_weights_change_no_store_and_tags_do(lines, tokenizers, tmp_path):
    pairs = [*zip(lines[:10], lines[10:20], strict=True)]

    def mix(**values):
        return prepare([Listed("a", pairs, **values)], tokenizers, tmp_path, [Selection()])

    paths = [mix(**values).stores[0].path for values in ({}, {"weight": 2.5}, {"tag": "<t>"})]
    assert paths[0] == paths[1] != paths[2]
    assert mix(weight=2.5).longer_tokens == mix().longer_tokens * 5 / 2


def test_counts_are_added_up_and_progress_is_reported_over_all(corpora, tokenizers, tmp_path):
    seen = []

    def mix(*corpora):
        selections, report = bounds(corpora), lambda part: seen.append(part.read)
        return prepare(corpora, tokenizers, tmp_path, selections, report)

    mixture = mix(*corpora)
    assert mixture.counts == PairCounts(25 + 14 + 2 + 25, {"blank": 4, "too long": 2})
    assert seen == [25, 39, 41], "the fourth is the first again"
    assert [store.reused for store in mixture.stores] == [False, False, False, True]
    assert (mixture.reused, mix(*corpora).reused) == (False, True)


def test_a_fingerprint_follows_the_corpora_and_their_order(corpora, tokenizers, tmp_path):
    def fingerprint(*corpora):
        return prepare(corpora, tokenizers, tmp_path, bounds(corpora)).fingerprint

    first, second, *_ = corpora
    mixtures = [(first,), (second,), (first, second), (second, first), (first, second, second)]
    assert len({fingerprint(*each) for each in mixtures}) == len(mixtures)
    assert fingerprint(first, second) == fingerprint(first, second)


def test_nothing_kept_is_an_error_that_says_why(tokenizers, tmp_path):
    corpora = [Listed("first", [("", "x")]), Listed("second", [("x y z", "x")])]
    expected = (
        r"^first; second: .* none to keep \(2 read, 1 blank and 1 too long dropped, 0 kept\);"
        r".* raise data\.max_tokens$"
    )
    with pytest.raises(DataError, match=expected):
        prepare(corpora, tokenizers, tmp_path, bounds(corpora, 2))
