"""Every pair once an epoch, and after any stop the same rest."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.data import epochs as epochs_module
from mt.data.augmentation.config import AugmentationConfig
from mt.data.planning import plan_batches
from mt.training import order as module
from mt.training.order import Position, TrainingOrder

few = settings(max_examples=25, deadline=None)
seeds, sizes = st.integers(0, 1000), st.integers(1, 7)


def groups(store, seed, size, start=Position(), count=40):  # noqa: B008
    return list(islice(TrainingOrder(store, 150, seed).groups(start, size), count))


def epoch_length(store, seed, epoch):
    return len(plan_batches(*store.lengths(np.arange(len(store))), 150, [seed, epoch]))


def same(left, right):
    return len(left) == len(right) and all(
        torch.equal(a.source, b.source) and torch.equal(a.target, b.target)
        for a, b in zip(left, right, strict=True)
    )


@few
@given(seeds, sizes, st.integers(0, 30))
def test_the_rest_is_the_same_after_any_stop(store, seed, size, stop):
    whole = groups(store, seed, size)
    position = whole[stop].following
    rest = groups(store, seed, size, position, count=len(whole) - stop - 1)
    for mine, theirs in zip(rest, whole[stop + 1 :], strict=True):
        assert mine.following == theirs.following
        assert same(mine.batches, theirs.batches)


@pytest.mark.slow
@few
@given(seeds, sizes)
def test_an_epoch_shows_every_pair_once(store, seed, size):
    length = epoch_length(store, seed, 0)
    shown = [batch for group in groups(store, seed, size, count=length) for batch in group.batches]
    epochs = shown[:length], shown[length : length + epoch_length(store, seed, 1)]
    everything = [store.batch(torch.tensor([row]).numpy()) for row in range(len(store))]
    expected = sorted((row.source[0].tolist(), row.target[0].tolist()) for row in everything)
    for epoch in epochs[: 1 if size == 1 else 2]:
        seen = [
            (source[source != 0].tolist(), target[target != 0].tolist())
            for batch in epoch
            for source, target in zip(batch.source, batch.target, strict=True)
        ]
        assert sorted(seen) == expected


@few
@given(seeds, sizes)
def test_groups_run_across_the_border_of_epochs(store, seed, size):
    single = [batch for group in groups(store, seed, 1, count=120) for batch in group.batches]
    grouped = groups(store, seed, size, count=120 // size)
    assert all(len(group.batches) == size for group in grouped)
    joined = [batch for group in grouped for batch in group.batches]
    assert same(joined, single[: len(joined)])
    assert grouped[-1].following.epoch > 0


@pytest.mark.parametrize("noise", [{}, {"upper_case": 0.2, "typos": 0.2, "word_dropout": 0.1}])
def test_windows_and_shards_go_on_after_any_stop(store, tokenizers, noise, monkeypatch):
    monkeypatch.setattr(module, "_WINDOW", 2)
    monkeypatch.setattr(epochs_module, "_SHARD", len(store) // 3)
    augmenter = AugmentationConfig(**noise).build(tokenizers, ("xx", "yy"), 150, 1)

    def groups(start, count):
        return list(islice(TrainingOrder(store, 150, 1, augmenter).groups(start, 3), count))

    whole = groups(Position(), 16)
    for place in ("shard", "window", "batch"):
        assert len({getattr(group.following, place) for group in whole}) > 1
    for stop in range(15):
        rest = groups(whole[stop].following, 15 - stop)
        for mine, theirs in zip(rest, whole[stop + 1 :], strict=True):
            assert mine.following == theirs.following
            assert same(mine.batches, theirs.batches)
