"""Count what occurs several times, in bounded memory."""

import numpy as np
from jaxtyping import UInt64

from mt.data.filters.duplicates import HashSet

MOST = 1 << 25
"""Numbers that are remembered at most: 256 MiB of them."""


class Repeats:
    """Counts numbers that were there before.

    While they are few, all are remembered and the count is exact. When they become too many, every
    second is forgotten, by a bit of the number itself: what remains is a sample in which all
    occurrences of a number are there or none, and the count is scaled up (Gibbons 2001).
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen = HashSet()
        self._level = 0
        self._repeated = 0.0

    def add(self, numbers: UInt64[np.ndarray, " numbers"]) -> None:
        """Take in numbers whose bits look random, such as digests."""
        chosen = self._sample(numbers)
        self._repeated += float(np.count_nonzero(~self._seen.add(chosen))) * 2**self._level
        while len(self._seen) > self._most:
            self._forget()

    def merge(self, other: "Repeats") -> None:
        """Take in what another one counted."""
        level, repeated = other.state
        while self._level < level:
            self._forget()
        self.add(other.numbers())
        self._repeated += repeated

    @property
    def state(self) -> tuple[int, float]:
        """How often half of the numbers was forgotten, and how many were there before."""
        return self._level, self._repeated

    @classmethod
    def resume(cls, state: tuple[int, float], numbers: UInt64[np.ndarray, " numbers"]) -> "Repeats":
        """Go on from what :attr:`state` and :meth:`numbers` were."""
        repeats = cls()
        repeats._level, repeats._repeated = state
        repeats._seen.add(numbers)
        return repeats

    def numbers(self) -> UInt64[np.ndarray, " numbers"]:
        """Return the numbers that are remembered, each once."""
        return self._seen.numbers()

    def count(self) -> int:
        """Return how many numbers were there before."""
        return round(self._repeated)

    def _forget(self) -> None:
        """Forget every second number."""
        self._level += 1
        kept = self._sample(self._seen.numbers())
        self._seen = HashSet()
        self._seen.add(kept)

    def _sample(self, numbers: UInt64[np.ndarray, " numbers"]) -> UInt64[np.ndarray, " chosen"]:
        mask = np.uint64((1 << self._level) - 1)
        return np.asarray(numbers[(numbers & mask) == 0])


def combine(
    source: UInt64[np.ndarray, " pairs"], target: UInt64[np.ndarray, " pairs"]
) -> UInt64[np.ndarray, " pairs"]:
    """Make one number of those of two sides, as random as they are."""
    with np.errstate(over="ignore"):
        mixed = source * np.uint64(0x9E3779B97F4A7C15) + (target ^ (target >> np.uint64(29)))
        mixed ^= mixed >> np.uint64(32)
        return np.asarray(mixed * np.uint64(0xD6E8FEB86659FD93))
