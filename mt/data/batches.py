"""Pairs as tensors: rectangles of token ids, padded to the same lengths."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int64
from torch import Tensor

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
