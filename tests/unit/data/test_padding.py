"""How little padding real corpora need."""

import time

import numpy as np
import pytest

from mt.data.batches import plan_epoch
from mt.data.pairs import read_pairs
from mt.data.store import prepare
from mt.text.tokenizer import TokenizerConfig, train_tokenizers


def share_of_real_tokens(source, target, plan) -> float:
    padded = sum(len(rows) * int(side[rows].max()) for rows in plan for side in (source, target))
    return float(source.sum() + target.sum()) / padded


@pytest.mark.slow
def test_batches_of_multi30k_are_full(multi30k, tmp_path, record_property):
    sources, targets = zip(*read_pairs([multi30k]), strict=True)
    tokenizers = train_tokenizers(TokenizerConfig(size=8000), sources, targets, 1, tmp_path / "t")
    store = prepare([multi30k], tokenizers, tmp_path / "store", max_tokens=256)
    # Measured 98.3, 97.2 and 95.8 percent: the larger a batch, the more lengths it has to span.
    for budget, floor in ((2048, 0.98), (4096, 0.97), (8192, 0.95)):
        for epoch in range(4):
            plan = plan_epoch(store.source_lengths, store.target_lengths, budget, 1, epoch)
            share = share_of_real_tokens(store.source_lengths, store.target_lengths, plan)
            assert share >= floor, f"{share:.2%} at {budget}"


def test_a_million_pairs_are_planned_in_moments():
    generator = np.random.default_rng(1)
    target = generator.integers(2, 60, 1_000_000).astype(np.int32)
    source = np.maximum(2, target + generator.integers(-5, 6, 1_000_000)).astype(np.int32)
    started = time.perf_counter()
    plan = plan_epoch(source, target, 4096, 1, 0)
    # Measured 0.6 s on two cores; the margin is for a busy machine.
    assert time.perf_counter() - started < 6
    assert share_of_real_tokens(source, target, plan) > 0.99
