"""An even sample of the pairs of a corpus."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt64

from mt.data.filters.contract import Sides

MOST = 20_000
"""Pairs that are drawn, to learn vocabularies from."""


class Sample:
    """The pairs with the least numbers, which are drawn for them by a hash of their text.

    Of several parts of a corpus the samples give that of the whole, whoever read which part
    (bottom-k, Cohen and Kaplan 2007).
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.numbers: UInt64[np.ndarray, " pairs"] = np.empty(0, np.uint64)
        """In their order, which has nothing to do with that of the corpus."""
        self.pairs: list[Sides] = []

    def add(self, numbers: UInt64[np.ndarray, " pairs"], pairs: Sequence[Sides]) -> None:
        """Take in pairs, whose numbers look random."""
        rows = np.arange(len(numbers))
        if len(self.pairs) == self._most:
            rows = rows[numbers < self.numbers[-1]]
        if not len(rows):
            return
        both = np.concatenate([self.numbers, numbers[rows]])
        order = np.argsort(both, kind="stable")[: self._most]
        known = [*self.pairs, *(pairs[row] for row in rows.tolist())]
        self.numbers, self.pairs = both[order], [known[place] for place in order.tolist()]
