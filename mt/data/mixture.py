"""The encoded pairs of several corpora as one sequence, from which batches are gathered."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int32, Int64, Integer
from torch import Tensor

from mt.data.batches import Batch
from mt.data.corpora import Corpus
from mt.data.filters import Selection
from mt.data.pairs import PairCounts
from mt.data.store import Side, Store, prepare_store
from mt.errors import DataError
from mt.text.tokenizer import PAD, Tokenizers


def prepare(
    corpora: Sequence[Corpus],
    tokenizers: Tokenizers,
    directory: Path,
    selections: Sequence[Selection],
    progress: Callable[[PairCounts], object] | None = None,
) -> "Mixture":
    """Encode the pairs of every corpus that has no store yet, and open the stores of all.

    Args:
        corpora: What to read, in this order.
        tokenizers: Encode the sides; each gets an ``END``.
        directory: Where stores are kept, one for each corpus.
        selections: Say for each corpus which of its pairs are used.
        progress: Called with what has been read so far, every few thousand pairs.

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

        stores.append(prepare_store(corpus, tokenizers, directory, selection, report))
        counts += stores[-1].counts
    if not counts.kept:
        names = "; ".join(corpus.where for corpus in corpora) or "data"
        raise DataError(
            f"{names}: expected sentence pairs, but found none to keep ({counts}); "
            "check the files and data.filters, or raise data.max_tokens"
        )
    return Mixture(stores)


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
        source_lengths: Tokens of each source, ``END`` included.
        target_lengths: Tokens of each target, likewise.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores = tuple(stores)
        self._sources = [store.source for store in stores]
        self._targets = [store.target for store in stores]
        self.source_lengths = np.concatenate([side.lengths() for side in self._sources])
        self.target_lengths = np.concatenate([side.lengths() for side in self._targets])
        sizes = [len(store) for store in stores]
        self._ends = np.cumsum(sizes)
        self._begins = self._ends - sizes

    def __len__(self) -> int:
        return len(self.source_lengths)

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

    def origin(self, pair: int) -> PairOrigin:
        """Tell where a pair comes from.

        Raises:
            IndexError: If there is no such pair.
        """
        number, row = self._locate(np.array([pair]))
        store = self.stores[number.item()]
        return PairOrigin(store.where, store.rows[row.item()].item())

    def tokens(
        self, indices: Integer[np.ndarray, " rows"]
    ) -> Iterator[tuple[Int32[np.ndarray, " source_len"], Int32[np.ndarray, " target_len"]]]:
        """Read pairs one by one as token ids, ``END`` included.

        Raises:
            IndexError: If there is no such pair.
        """
        for number, row in zip(*self._locate(indices), strict=True):
            rows = np.array([row])
            yield self._sources[number].tokens(rows), self._targets[number].tokens(rows)

    def batch(self, indices: Integer[np.ndarray, " rows"]) -> Batch:
        """Gather pairs, in the order of ``indices``.

        Raises:
            IndexError: If there is no such pair.
        """
        numbers, rows = self._locate(indices)
        sources, targets = self.source_lengths[indices], self.target_lengths[indices]
        return Batch(
            _rectangle(self._sources, sources, numbers, rows),
            _rectangle(self._targets, targets, numbers, rows),
            int(sources.sum()),
            int(targets.sum()),
        )

    def _locate(
        self, indices: Integer[np.ndarray, " rows"]
    ) -> tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " rows"]]:
        """Return the number of each pair's store, and that of the pair in it."""
        if indices.min() < 0 or indices.max() >= len(self):
            raise IndexError(f"pairs {indices} are out of bounds: there are {len(self)}")
        numbers = np.searchsorted(self._ends, indices, side="right")
        return numbers, indices - self._begins[numbers]


def _rectangle(
    sides: Sequence[Side],
    lengths: Int32[np.ndarray, " rows"],
    numbers: Int64[np.ndarray, " rows"],
    rows: Int64[np.ndarray, " rows"],
) -> Int64[Tensor, "rows longest"]:
    """Gather rows of one side from its stores."""
    real = np.arange(lengths.max()) < lengths[:, None]
    rectangle = np.full(real.shape, PAD, np.int64)
    for number in np.unique(numbers):
        mine = numbers == number
        rectangle[real & mine[:, None]] = sides[number].tokens(rows[mine])
    return torch.from_numpy(rectangle)
