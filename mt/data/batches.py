"""Which pairs learn together, and the tensors they become."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from mt.errors import DataError
from mt.text.tokenizer import PAD


@dataclass(frozen=True, eq=False)
class Batch:
    """Pairs as rectangles of token ids, each row ended by ``END`` and padded by ``PAD``."""

    source: Int64[Tensor, "batch source_len"]
    target: Int64[Tensor, "batch target_len"]
    source_tokens: int
    """Source tokens, end marks included, padding not."""
    target_tokens: int
    """Target tokens, end marks included, padding not."""

    @classmethod
    def of(
        cls, source: Int64[Tensor, "batch source_len"], target: Int64[Tensor, "batch target_len"]
    ) -> "Batch":
        """Make a batch of two rectangles, and count their tokens."""
        return cls(source, target, *(int((side != PAD).sum()) for side in (source, target)))

    def to(self, device: torch.device | str) -> "Batch":
        """Copy to a device; the counts go along, as counting there would make us wait."""
        return replace(
            self,
            source=self.source.to(device, non_blocking=True),
            target=self.target.to(device, non_blocking=True),
        )

    def shard(self, rank: int, size: int) -> "Batch":
        """Return the rows of one process of several: every ``size``-th row from ``rank`` on.

        The shards of all processes hold every row once; where there are more processes than rows,
        some hold none. Rows stay as long as they are, so that a row is computed on alike in each.

        Args:
            rank: The number of the process, from 0.
            size: Processes that share the batch.
        """
        if size == 1:
            return self
        return Batch.of(self.source[rank::size], self.target[rank::size])


def pad_sequences(
    rows: Sequence[Sequence[int]], device: torch.device | str = "cpu"
) -> Int64[Tensor, "rows longest"]:
    """Make a rectangle of rows of token ids, filled up with ``PAD`` at their ends."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows], device=device)


def plan_epoch(
    source_lengths: Integer[np.ndarray, " pairs"],
    target_lengths: Integer[np.ndarray, " pairs"],
    budget: int,
    seed: int,
    epoch: int,
) -> list[Int64[np.ndarray, " rows"]]:
    """Group the pairs of one epoch into batches with little padding, in random order.

    The whole corpus is sorted by length and cut into batches, whose order is then shuffled. Pairs
    of the same lengths are shuffled before, so that batches differ between epochs. Depends on the
    arguments alone.

    Args:
        source_lengths: Tokens of each source, end mark included.
        target_lengths: Tokens of each target, likewise.
        budget: Most tokens of a batch on its longer side, padding included: rows times the longest
            sentence.
        seed: Chooses the order.
        epoch: Chooses the order too, from 0.

    Returns:
        Indices of the pairs of each batch; every pair occurs exactly once.

    Raises:
        DataError: If a pair alone exceeds the budget.

    Cost: O(pairs log pairs); half a second for a million pairs.
    """
    source, target = source_lengths.astype(np.int64), target_lengths.astype(np.int64)
    longer = np.maximum(source, target)
    if longer.size and longer.max() > budget:
        raise DataError(
            f"training.batch_tokens: expected at least {longer.max()}, the tokens of the longest "
            f"pair (number {longer.argmax() + 1:,} of those kept), but found {budget}; raise it, "
            "or lower data.max_tokens"
        )
    generator = np.random.default_rng([seed, epoch])
    order = _sort(source, target, generator)
    ends = list(_cut(source[order], target[order], budget))
    batches = np.split(order, ends[:-1]) if ends else []
    return [batches[index] for index in generator.permutation(len(batches))]


def _sort(
    source: Int64[np.ndarray, " pairs"],
    target: Int64[np.ndarray, " pairs"],
    generator: np.random.Generator,
) -> Int64[np.ndarray, " pairs"]:
    """Order pairs so that neighbours have similar lengths on both sides.

    By the longer side, which the budget counts, and within that by how much longer it is than the
    other: up and down in turn, so that neighbours across a border are alike too.
    """
    shuffled = generator.permutation(len(source))
    source, target = source[shuffled], target[shuffled]
    longer = np.maximum(source, target)
    _, rank = np.unique(longer, return_inverse=True)
    upwards = (rank + generator.integers(2)) % 2 == 0
    return shuffled[np.lexsort((np.where(upwards, source - target, target - source), longer))]


def _cut(
    source: Int64[np.ndarray, " pairs"], target: Int64[np.ndarray, " pairs"], budget: int
) -> Iterator[int]:
    """Yield the end of each batch of sorted pairs.

    A batch ends where the share of real tokens is best, if every batch is taken to cost a tenth of
    the budget besides its own tokens: without that batches would shrink to pairs of equal lengths,
    and with cuts at the budget alone those that straddle two lengths would be padded more.
    """
    start = 0
    while start < len(source):
        most = budget // max(int(source[start]), int(target[start]))
        window = slice(start, start + most)
        rows = np.arange(1, len(source[window]) + 1)
        longest_source = np.maximum.accumulate(source[window])
        longest_target = np.maximum.accumulate(target[window])
        allowed = rows * np.maximum(longest_source, longest_target) <= budget
        real = np.cumsum(source[window] + target[window])
        padded = rows * (longest_source + longest_target)
        start += 1 + int(np.argmax(np.where(allowed, real / (padded + budget / 10), 0)))
        yield start
