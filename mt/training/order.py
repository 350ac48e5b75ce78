"""The order in which a run trains on its pairs, and its position in that order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mt.data.batches import Batch
from mt.data.mixture import Mixture
from mt.data.planning import plan_batches


@dataclass(frozen=True)
class Position:
    """The next batch of a run: what has to be remembered to go on exactly."""

    epoch: int = 0
    shard: int = 0
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
    """

    def __init__(self, store: Mixture, batch_tokens: int, seed: int) -> None:
        self.store = store
        self.batch_tokens = batch_tokens
        self.seed = seed

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
        epoch, shard, first = start.epoch, start.shard, start.batch
        while True:
            for number in range(shard, epochs.shards(epoch)):
                pairs = epochs.shard(epoch, number)
                plan = plan_batches(
                    *self.store.lengths(pairs), self.batch_tokens, [self.seed, epoch, number]
                )
                for batch in range(first, len(plan)):
                    yield self.store.batch(pairs[plan[batch]]), Position(epoch, number, batch + 1)
                first = 0
            epoch, shard = epoch + 1, 0
