"""Which pairs an epoch holds: each as often as its weight says, in random shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import floor

import numpy as np
from jaxtyping import Int64

from mt.data.permutation import permute

_SHARD = 1 << 21
"""Most pairs of a shard. Telling and planning one takes 50 bytes a pair; the more there are, the
more alike are the lengths of a batch."""
_EPOCH, _PASS = 0, 1
"""What the key of a permutation is for."""


def pairs_per_epoch(
    sizes: Sequence[int], weights: Sequence[float], temperature: float = 1.0
) -> tuple[Fraction, ...]:
    """Share an epoch among corpora, by their weights or by a temperature.

    Args:
        sizes: Pairs of each corpus.
        weights: How often an epoch holds each pair of a corpus, on average.
        temperature: Other than 1 it takes the place of the weights: of as many pairs as all corpora
            have, a corpus gets a share in proportion to its size to the power of 1 / temperature
            (Arivazhagan et al. 2019). Rounded, so that the sum is kept.
    """
    if temperature == 1:
        return tuple(
            size * Fraction(str(weight)) for size, weight in zip(sizes, weights, strict=True)
        )
    powers = [size ** (1 / temperature) if size else 0.0 for size in sizes]
    total = sum(sizes)
    wanted = [total * power / sum(powers) for power in powers]
    ends = [0, *map(round, accumulate(wanted[:-1])), total]
    return tuple(Fraction(end - start) for start, end in pairwise(ends))


@dataclass(frozen=True)
class Epochs:
    """The pairs of every epoch, in an order that depends on the seed and the epoch alone.

    The pairs of a corpus are drawn in passes, each of which holds all of them once: an epoch goes
    on where the one before ended. So a weight of 2 takes two passes each epoch, and one of 0.5
    takes a random half and in the next epoch the other half; however often, no pair is drawn more
    than once more than another of its corpus.

    Any shard can be told without the others: memory does not grow with the corpora.
    """

    sizes: tuple[int, ...]
    """Pairs of each corpus. All pairs are numbered from 0 through the corpora in their order."""
    drawn: tuple[Fraction, ...]
    """How many of them an epoch holds, on average over epochs."""
    seed: int

    def size(self, epoch: int) -> int:
        """Count the pairs of an epoch, those that it holds twice twice."""
        return sum(self._drawn_before(epoch + 1)) - sum(self._drawn_before(epoch))

    def shards(self, epoch: int) -> int:
        """Count the shards of an epoch."""
        return -(-self.size(epoch) // _SHARD)

    def shard(self, epoch: int, number: int) -> Int64[np.ndarray, " pairs"]:
        """Return the pairs of a shard: a random part of the epoch.

        Those of an epoch's only shard come in no random order; planning shuffles them.

        Args:
            epoch: From 0.
            number: From 0; less than :meth:`shards`.
        """
        size, shards = self.size(epoch), self.shards(epoch)
        slots = np.arange(number * size // shards, (number + 1) * size // shards)
        if shards > 1:
            slots = permute(slots, size, [self.seed, _EPOCH, epoch])
        return self._pairs(epoch, slots)

    def _drawn_before(self, epoch: int) -> list[int]:
        """Count the pairs of each corpus that earlier epochs hold."""
        return [floor(epoch * drawn) for drawn in self.drawn]

    def _pairs(self, epoch: int, slots: Int64[np.ndarray, " slots"]) -> Int64[np.ndarray, " slots"]:
        """Find the pairs in some of an epoch's slots; those of a corpus lie side by side."""
        before = self._drawn_before(epoch)
        counts = np.subtract(self._drawn_before(epoch + 1), before)
        ends = np.cumsum(counts)
        corpora = np.searchsorted(ends, slots, side="right")
        pairs = np.empty_like(slots)
        for corpus in np.unique(corpora).tolist():
            mine = corpora == corpus
            draws = slots[mine] - (ends[corpus] - counts[corpus]) + before[corpus]
            pairs[mine] = self._drawn_pairs(corpus, draws) + sum(self.sizes[:corpus])
        return pairs

    def _drawn_pairs(
        self, corpus: int, draws: Int64[np.ndarray, " draws"]
    ) -> Int64[np.ndarray, " draws"]:
        """Return which of its pairs some draws from a corpus give, numbered through all passes."""
        size = self.sizes[corpus]
        passes, pairs = np.divmod(draws, size)
        if self.drawn[corpus] % size == 0:  # an epoch holds whole passes
            return pairs
        for number in np.unique(passes).tolist():
            mine = passes == number
            pairs[mine] = permute(pairs[mine], size, [self.seed, _PASS, corpus, number])
        return pairs
