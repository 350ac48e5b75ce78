"""The filter of pairs that a corpus holds several times."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, Shaped

from mt.data.filters.contract import Reason, Sides

_HASH = np.dtype("<u8")


class Duplicates:
    """Drops every pair that stood in the corpus before, and keeps its first.

    Both sides must be the same: another translation of the same sentence is worth learning. It
    remembers 8 bytes a pair (16 for a moment), so that among 100 million pairs the chance that any
    two are mistaken for the same is 0.0003.
    """

    def __init__(self) -> None:
        self._seen = HashSet()

    def reasons(self, pairs: Sequence[Sides]) -> Sequence[Reason | None]:
        """Tell which pairs came before, with the hash by which they are known."""
        digests = b"".join(_digest(*pair) for pair in pairs)
        hashes = np.frombuffer(digests, _HASH)
        return [
            None if new else Reason("duplicate", f"{number:016x}")
            for new, number in zip(self._seen.add(hashes).tolist(), hashes.tolist(), strict=True)
        ]


class HashSet:
    """A set of 64-bit numbers in sorted runs, each more than twice as long as the next.

    Adding a part sorts it and merges it with the runs that have become too short, as a
    log-structured merge tree does (O'Neil et al. 1996): whatever is added, there are few runs to
    look in, and each number is moved a few times.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, numbers: Shaped[np.ndarray, " numbers"]) -> Bool[np.ndarray, " numbers"]:
        """Add numbers.

        Returns:
            Which of them were not there before; of equal ones that is the first.
        """
        run, first = np.unique(numbers, return_index=True)
        unknown = np.ones(len(run), np.bool_)
        for known in self._runs:
            places = np.searchsorted(known, run)
            unknown &= known.take(places, mode="clip") != run
        new = np.zeros(len(numbers), np.bool_)
        new[first[unknown]] = True
        self._append(run[unknown])
        return new

    def numbers(self) -> Shaped[np.ndarray, " numbers"]:
        """Return what is in the set."""
        return np.concatenate([*self._runs, np.empty(0, _HASH)])

    def _append(self, run: Shaped[np.ndarray, " numbers"]) -> None:
        """Keep a sorted run of new numbers."""
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")  # which merges what is sorted already
        if len(run):
            self._runs.append(run)


def _digest(source: str, target: str) -> bytes:
    text = f"{source}\n{target}".encode(errors="surrogatepass")
    return blake2b(text, digest_size=_HASH.itemsize).digest()
