"""The order in which a run trains on its pairs, and its position in that order."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from mt.data.augmentation.augmenter import Augmenter
from mt.data.batches import Batch
from mt.data.mixture import Mixture
from mt.data.planning import plan_batches

_WINDOW = 64
"""Batches whose pairs are changed together, so that those of similar length meet again."""


@dataclass(frozen=True)
class Position:
    """The next batch of a run: what has to be remembered to go on exactly."""

    epoch: int = 0
    shard: int = 0
    window: int = 0
    batch: int = 0


class Group(NamedTuple):
    """The batches of one update."""

    batches: list[Batch]
    following: Position
    """The first batch of the next update."""


class TrainingOrder:
    """An endless, reproducible stream of batches.

    Each epoch holds every pair as often as the weight of its corpus says, in an order that depends
    on the seed and the epoch alone. It is planned shard by shard; groups of accumulated batches run
    across the border of shards and epochs, so that no batch is left over.

    Batches are planned for pairs as they are. Augmentation makes some longer; so it changes the
    pairs of a window of batches together, and plans them anew.
    """

    def __init__(
        self, store: Mixture, batch_tokens: int, seed: int, augmenter: Augmenter | None = None
    ) -> None:
        self.store = store
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.augmenter = augmenter

    def epochs(self, batches: int) -> float:
        """Return about how many epochs so many batches are, if they were filled to the brim."""
        return float(batches * self.batch_tokens / self.store.longer_tokens)

    def groups(self, start: Position, size: int) -> Iterator[Group]:
        """Yield groups of ``size`` batches from ``start`` on, without end."""
        batches: list[Batch] = []
        for batch, following in self._batches(start):
            batches.append(batch)
            if len(batches) == size:
                yield Group(batches, following)
                batches = []

    def _batches(self, start: Position) -> Iterator[tuple[Batch, Position]]:
        """Yield each batch with the position behind it."""
        epochs = self.store.epochs(self.seed)
        epoch, first_shard, first_window, done = astuple(start)
        while True:
            for shard in range(first_shard, epochs.shards(epoch)):
                pairs, key = epochs.shard(epoch, shard), [self.seed, epoch, shard]
                plan = plan_batches(*self.store.lengths(pairs), self.batch_tokens, key)
                for window in range(first_window, -(-len(plan) // _WINDOW)):
                    rows = plan[window * _WINDOW : (window + 1) * _WINDOW]
                    batches = self._gather([pairs[each] for each in rows], epoch, [*key, window])
                    for number, batch in islice(enumerate(batches, 1), done, None):
                        yield batch, Position(epoch, shard, window, number)
                    done = 0
                first_window = 0
            epoch, first_shard = epoch + 1, 0

    def _gather(
        self, window: Sequence[Integer[np.ndarray, " rows"]], epoch: int, key: Sequence[int]
    ) -> Iterator[Batch]:
        """Make the batches of a window, given the pairs that are planned for each."""
        batches = map(self.store.batch, window)
        if self.augmenter is None:
            return batches
        planned = zip(batches, window, strict=True)
        return self.augmenter.batches(planned, epoch, self.batch_tokens, key)
