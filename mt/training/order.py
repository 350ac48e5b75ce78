"""The order in which a run trains on its pairs, and its position in that order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mt.data.batches import Batch
from mt.data.epochs import plan_epoch
from mt.data.mixture import Mixture


@dataclass(frozen=True)
class Position:
    """The next batch of a run: what has to be remembered to go on exactly."""

    epoch: int = 0
    batch: int = 0


class Group(NamedTuple):
    """The batches of one update."""

    batches: list[Batch]
    following: Position
    """The first batch of the next update."""


class TrainingOrder:
    """An endless, reproducible stream of batches.

    Each epoch holds every pair once, in an order that depends on the seed and the epoch alone;
    groups of accumulated batches run across the border of epochs, so that no batch is left over.
    """

    def __init__(self, store: Mixture, batch_tokens: int, seed: int) -> None:
        self.store = store
        self.batch_tokens = batch_tokens
        self.seed = seed

    def epochs(self, batches: int) -> float:
        """Return about how many epochs so many batches are, if they were filled to the brim."""
        longer = np.maximum(self.store.source_lengths, self.store.target_lengths)
        return batches * self.batch_tokens / int(longer.sum())

    def groups(self, start: Position, size: int) -> Iterator[Group]:
        """Yield groups of ``size`` batches from ``start`` on, without end."""
        batches: list[Batch] = []
        epoch, first = start.epoch, start.batch
        lengths = self.store.source_lengths, self.store.target_lengths
        while True:
            plan = plan_epoch(*lengths, self.batch_tokens, self.seed, epoch)
            for number in range(first, len(plan)):
                batches.append(self.store.batch(plan[number]))
                if len(batches) == size:
                    yield Group(batches, Position(epoch, number + 1))
                    batches = []
            epoch, first = epoch + 1, 0
