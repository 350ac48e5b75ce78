"""How little padding batches need, and what planning them takes."""

import time
import tracemalloc

import numpy as np
import pytest

from mt.data.filters import Selection
from mt.data.mixture import prepare
from mt.data.pairs import read_pairs
from mt.data.planning import plan_batches
from mt.text.tokenizer import TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers


def share_of_real_tokens(source, target, plan) -> float:
    padded = sum(len(rows) * int(side[rows].max()) for rows in plan for side in (source, target))
    return float(source.sum() + target.sum()) / padded


@pytest.mark.slow
def test_batches_of_multi30k_are_full(multi30k, tmp_path, record_property):
    pairs = read_pairs([multi30k])
    tokenizers = train_tokenizers(TokenizerConfig(size=8000), pairs, 1, tmp_path / "t")
    store = prepare([multi30k], tokenizers, tmp_path / "store", [Selection(max_tokens=256)])
    lengths = store.lengths(np.arange(len(store)))
    # Measured 98.3, 97.2 and 95.8 percent: the larger a batch, the more lengths it has to span.
    for budget, floor in ((2048, 0.98), (4096, 0.97), (8192, 0.95)):
        for epoch in range(4):
            plan = plan_batches(*lengths, budget, [1, epoch])
            share = share_of_real_tokens(*lengths, plan)
            assert share >= floor, f"{share:.2%} at {budget}"


@pytest.fixture
def million():
    generator = np.random.default_rng(1)
    target = generator.integers(2, 60, 1_000_000).astype(np.int32)
    source = np.maximum(2, target + generator.integers(-5, 6, 1_000_000)).astype(np.int32)
    return source, target


def test_a_million_pairs_are_planned_in_moments(million):
    started = time.perf_counter()
    plan = plan_batches(*million, 4096, [1, 0])
    # Measured 0.6 s on two cores; the margin is for a busy machine.
    assert time.perf_counter() - started < 6
    assert share_of_real_tokens(*million, plan) > 0.99


def test_planning_takes_little_memory(million):
    tracemalloc.start()
    plan = plan_batches(*million, 4096, [1, 0])
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, plan)) == 1_000_000
    # Measured: 4 bytes a pair for its index, and one array header a batch; while it is planned, a
    # key of 8 bytes and its index before and after sorting, 4 bytes each.
    assert kept < 6 * 1_000_000
    assert most < 20 * 1_000_000
