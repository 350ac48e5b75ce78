"""The encoded pairs of several corpora as one sequence, from which batches are gathered."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer

from mt.data.batches import Batch
from mt.data.corpora import Corpus, Pair
from mt.data.epochs import Epochs, pairs_per_epoch
from mt.data.filters import Selection
from mt.data.pairs import PairCounts
from mt.data.permutation import permute
from mt.data.store import Lengths, Store, Tokens, prepare_store
from mt.errors import DataError
from mt.text.tags import put_tag
from mt.text.tokenizer import PAD, Tokenizers

_READ = 256
"""Pairs read at a time; those of a corpus lie side by side among them."""


def prepare(
    corpora: Sequence[Corpus],
    tokenizers: Tokenizers,
    directory: Path,
    selections: Sequence[Selection],
    progress: Callable[[PairCounts], object] | None = None,
    *,
    temperature: float = 1.0,
) -> "Mixture":
    """Encode the pairs of every corpus that has no store yet, and open the stores of all.

    Args:
        corpora: What to read, in this order.
        tokenizers: Encode the sides; each gets an ``END``.
        directory: Where stores are kept, one for each corpus.
        selections: Say for each corpus which of its pairs are used.
        progress: Called with what has been read so far, every few thousand pairs.
        temperature: Shares epochs among the corpora; 1: their weights do.

    Raises:
        DataError: If a corpus cannot be read, no pair is left, or a store cannot be written.
    """
    stores: list[Store] = []
    counts = PairCounts()
    for corpus, selection in zip(corpora, selections, strict=True):
        before = counts

        def report(part: PairCounts, before: PairCounts = before) -> None:
            if progress:
                progress(before + part)

        stores.append(prepare_store(corpus, tokenizers, directory, selection, progress=report))
        counts += stores[-1].counts
    return mix(corpora, stores, temperature)


def mix(corpora: Sequence[Corpus], stores: Sequence[Store], temperature: float = 1.0) -> "Mixture":
    """Put the stores of corpora together.

    Args:
        corpora: What was encoded.
        stores: The store of each.
        temperature: Shares epochs among the corpora; 1: their weights do.

    Raises:
        DataError: If no pair is left.
    """
    counts = sum((store.counts for store in stores), PairCounts())
    if not counts.kept:
        names = "; ".join(corpus.where for corpus in corpora) or "data"
        raise DataError(
            f"{names}: expected sentence pairs, but found none to keep ({counts}); "
            "check the files and data.filters, or raise data.max_tokens"
        )
    sizes = [len(store) for store in stores]
    weights = [corpus.weight for corpus in corpora]
    return Mixture(stores, pairs_per_epoch(sizes, weights, temperature))


class PairOrigin(NamedTuple):
    """Where a pair comes from."""

    corpus: str
    """How messages call its corpus."""
    row: int
    """Its number in the corpus, from 0."""


class Mixture:
    """Pairs of several stores, numbered from 0 through all of them in their order.

    Attributes:
        stores: Where the pairs lie.
        drawn: How many pairs of each store an epoch holds, on average.
    """

    def __init__(self, stores: Sequence[Store], drawn: Sequence[Fraction]) -> None:
        self.stores = tuple(stores)
        self.drawn = tuple(drawn)
        sizes = [len(store) for store in stores]
        self._ends = np.cumsum(sizes)
        self._begins = self._ends - sizes

    def __len__(self) -> int:
        return int(self._ends[-1])

    def of(self, places: Sequence[int]) -> "Mixture":
        """Return the pairs of some of the stores.

        Raises:
            DataError: If they hold no pair.
        """
        chosen = Mixture([self.stores[i] for i in places], [self.drawn[i] for i in places])
        if not len(chosen):
            names = "; ".join(store.where for store in chosen.stores)
            raise DataError(
                f"{names}: expected sentence pairs, but found none to keep ({chosen.counts}); "
                "check the files, or raise data.max_tokens"
            )
        return chosen

    @property
    def counts(self) -> PairCounts:
        """What became of the pairs that were read."""
        return sum((store.counts for store in self.stores), PairCounts())

    @property
    def fingerprint(self) -> str:
        """Changes with the pairs and with their order."""
        parts = [store.fingerprint for store in self.stores]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    @property
    def reused(self) -> bool:
        """Whether all stores were found ready."""
        return all(store.reused for store in self.stores)

    @property
    def longest(self) -> int:
        """Tokens of the longest side of a pair."""
        return max(store.longest for store in self.stores)

    @property
    def longer_tokens(self) -> Fraction:
        """Tokens of the longer side of each pair of an epoch, added up; the mean over epochs."""
        return sum(
            (
                drawn * Fraction(store.longer_tokens, max(1, len(store)))
                for store, drawn in zip(self.stores, self.drawn, strict=True)
            ),
            Fraction(0),
        )

    def epochs(self, seed: int) -> Epochs:
        """Order the pairs for training."""
        return Epochs(tuple(len(store) for store in self.stores), self.drawn, seed)

    def origin(self, pair: int) -> PairOrigin:
        """Tell where a pair comes from.

        Raises:
            IndexError: If there is no such pair.
        """
        number, row = self._locate(np.array([pair]))
        store = self.stores[number.item()]
        return PairOrigin(store.where, store.row(row.item()))

    def texts(self, corpora: Sequence[Corpus]) -> Iterator[Pair]:
        """Read the text of all pairs, each source with the tag of its corpus.

        Args:
            corpora: What was encoded into each of the stores.
        """
        for corpus, store in zip(corpora, self.stores, strict=True):
            kept = set(store.rows(np.arange(len(store))).tolist())
            for row, pair in enumerate(corpus.pairs()):
                if row in kept:
                    yield Pair(put_tag(corpus.tag, pair.source), pair.target)

    def longest_origin(self) -> PairOrigin:
        """Tell where a pair with the longest side comes from."""
        store = max(self.stores, key=lambda store: store.longest)
        return PairOrigin(store.where, store.row(store.longest_pair))

    def lengths(self, indices: Integer[np.ndarray, " pairs"]) -> Lengths:
        """Count the tokens of pairs, every ``END`` included.

        Raises:
            IndexError: If there is no such pair.
        """
        numbers, rows = self._locate(indices)
        found = Lengths(*(np.empty(len(indices), np.uint16) for _ in Lengths._fields))
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            found.source[mine], found.target[mine] = self.stores[number].lengths(rows[mine])
        return found

    def in_random_order(self, seed: int) -> Iterator[Tokens]:
        """Read every pair once, one after the other, as the token ids of its sides."""
        for start in range(0, len(self), _READ):
            places = np.arange(start, min(start + _READ, len(self)))
            numbers, rows = self._locate(permute(places, len(self), [seed]))
            for number in np.unique(numbers).tolist():
                yield from self.stores[number].pairs(rows[numbers == number])

    def batch(self, indices: Integer[np.ndarray, " rows"]) -> Batch:
        """Gather pairs, in the order of ``indices``.

        Raises:
            IndexError: If there is no such pair.
        """
        numbers, rows = self._locate(indices)
        lengths = self.lengths(indices)
        sides = [_Rectangle(side) for side in lengths]
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            for side, tokens in zip(sides, self.stores[number].tokens(rows[mine]), strict=True):
                side.fill(mine, tokens)
        source, target = (torch.from_numpy(side.cells) for side in sides)
        return Batch(source, target, *(int(side.sum(dtype=np.int64)) for side in lengths))

    def _locate(
        self, indices: Integer[np.ndarray, " rows"]
    ) -> tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " rows"]]:
        """Return the number of each pair's store, and that of the pair in it."""
        if len(indices) and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"pairs {indices} are out of bounds: there are {len(self)}")
        numbers = np.searchsorted(self._ends, indices, side="right")
        return numbers, indices - self._begins[numbers]


class _Rectangle:
    """Rows of token ids, filled up with ``PAD`` at their ends."""

    def __init__(self, lengths: Integer[np.ndarray, " rows"]) -> None:
        self._real = np.arange(lengths.max()) < lengths[:, None]
        self.cells = np.full(self._real.shape, PAD, np.int64)

    def fill(self, rows: Bool[np.ndarray, " rows"], tokens: Integer[np.ndarray, " tokens"]) -> None:
        """Put tokens into some rows, one after the other."""
        self.cells[self._real & rows[:, None]] = tokens
