"""Rectangles of token ids: how they are padded, counted, moved and shared."""

import pytest
import torch

from mt.data.batches import Batch, pad_sequences
from mt.text.tokenizer import END, PAD

SOURCE = pad_sequences([[5, 6, END], [7, END], [END], [8, 9, 10, END], [11, END]])
TARGET = pad_sequences([[5, END], [END], [6, 7, 8, END], [9, END], [10, 11, END]])


def test_rows_are_filled_up_at_their_ends():
    assert SOURCE.tolist()[:3] == [[5, 6, END, PAD], [7, END, PAD, PAD], [END, PAD, PAD, PAD]]
    assert SOURCE.dtype == torch.int64
    assert pad_sequences([[5], [6, 7]], "meta").shape == (2, 2)


def test_tokens_are_counted_without_padding_and_carried_along():
    batch = Batch.of(SOURCE, TARGET)
    assert (batch.source_tokens, batch.target_tokens) == (3 + 2 + 1 + 4 + 2, 2 + 1 + 4 + 2 + 3)
    moved = batch.to("meta")  # holds no values: counting there would fail
    assert moved.source.device.type == moved.target.device.type == "meta"
    assert (moved.source_tokens, moved.target_tokens) == (12, 12)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_processes_share_the_rows_of_a_batch(size):
    batch = Batch.of(SOURCE, TARGET)
    shards = [batch.shard(rank, size) for rank in range(size)]
    for row in range(5):
        shard, place = shards[row % size], row // size
        assert torch.equal(shard.source[place], SOURCE[row])
        assert torch.equal(shard.target[place], TARGET[row])
    assert sum(len(shard.source) for shard in shards) == 5
    for shard in shards:
        assert shard.source_tokens == (shard.source != PAD).sum()
        assert shard.target_tokens == (shard.target != PAD).sum()
