"""Encoded pairs on disk, read without loading them: memory use does not grow with the text.

A store is an Arrow file with a list of token ids for each side, beside a manifest that tells what
it was made of. It is named after that, so that a second run with the same corpora and tokenizer
finds it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int32, Int64, Integer

from mt.data.batches import Batch
from mt.data.corpora import CorpusConfig
from mt.data.pairs import Pair, PairCounts, read_pairs
from mt.errors import DataError
from mt.files import atomic_directory
from mt.text.tokenizer import END, PAD, Tokenizers

_VERSION = 1
"""Of the files; another one makes stores be prepared anew."""

_CHUNK = 8192
"""Pairs encoded and written at a time."""

_PAIRS = "pairs.arrow"
_MANIFEST = "manifest.json"
_SCHEMA = pa.schema([(side, pa.list_(pa.int32())) for side in ("source", "target")])


def prepare(
    corpora: Sequence[CorpusConfig],
    tokenizers: Tokenizers,
    directory: Path,
    max_tokens: int,
    progress: Callable[[PairCounts], object] | None = None,
) -> "PairStore":
    """Encode every pair once, or find that an earlier run has done so.

    Several processes may prepare the same pairs at once: each gets a complete store.

    Args:
        corpora: What to read; pairs with a blank side are dropped.
        tokenizers: Encode the sides; each gets an ``END``.
        directory: Where stores are kept, each under its fingerprint.
        max_tokens: Most tokens of a side, ``END`` included; longer pairs are dropped.
        progress: Told what has been read so far, every few thousand pairs.

    Returns:
        The opened store; :attr:`PairStore.reused` tells which way it came.

    Raises:
        DataError: If a corpus cannot be read, no pair is left, or the store cannot be written.
    """
    made_of = {
        "version": _VERSION,
        "corpora": [corpus.fingerprint() for corpus in corpora],
        "tokenizers": tokenizers.fingerprint,
        "max_tokens": max_tokens,
    }
    fingerprint = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    path = directory / fingerprint[:16]
    if path.exists():
        return PairStore.open(path, reused=True)
    counts = PairCounts()
    try:
        with atomic_directory(path, replace=False) as scratch:
            with pa.ipc.new_file(scratch / _PAIRS, _SCHEMA) as file:
                for rows in _encode(read_pairs(corpora, counts), tokenizers, max_tokens, counts):
                    file.write_batch(rows)
                    if progress:
                        progress(counts)
            if not counts.kept:
                raise DataError(
                    f"data.max_tokens: expected pairs of at most {max_tokens} tokens, but found "
                    f"none ({counts}); raise it"
                )
            manifest = made_of | {"fingerprint": fingerprint, "counts": asdict(counts)}
            (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{path}: expected to keep encoded pairs here, but it cannot be written "
            f"({error.strerror or error}); choose another data.store"
        ) from None
    return PairStore.open(path)


@dataclass(frozen=True)
class _Side:
    """Where the tokens of one side lie, counted in 32-bit words from the start of the file."""

    offsets: Int64[np.ndarray, " chunks"]
    """Where each chunk tells which of its tokens belong to which row."""
    tokens: Int64[np.ndarray, " chunks"]
    """Where each chunk holds its tokens."""
    lengths: Int32[np.ndarray, " pairs"]


class PairStore:
    """Encoded pairs, numbered from 0, in the order of their corpora."""

    def __init__(self, path: Path, counts: PairCounts, reused: bool) -> None:
        self.path = path
        self.counts = counts
        """What became of the pairs that were read."""
        self.reused = reused
        """Whether :func:`prepare` found it ready."""
        # The whole file as one array of words: Arrow aligns its buffers, so every token of every
        # chunk has an index in it, and a batch is gathered from all chunks at once.
        file = pa.memory_map(str(path / _PAIRS)).read_buffer()
        self._words = np.frombuffer(file, dtype=np.int32, count=file.size // 4)
        table = pa.ipc.open_file(file).read_all()
        rows = [len(chunk) for chunk in table["source"].chunks]
        self._first_rows = np.cumsum([0, *rows[:-1]], dtype=np.int64)
        self._source = _locate(table["source"], file.address)
        self._target = _locate(table["target"], file.address)

    @classmethod
    def open(cls, path: Path, reused: bool = False) -> "PairStore":
        """Open what :func:`prepare` wrote.

        Raises:
            DataError: If it is missing or damaged.
        """
        try:
            manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
            store = cls(path, PairCounts(**manifest["counts"]), reused)
            intact = manifest["version"] == _VERSION and len(store) == store.counts.kept
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            intact = False
        if not intact:
            raise DataError(
                f"{path}: expected prepared pairs, but they are missing or damaged; "
                "delete the directory, and they are prepared again"
            )
        return store

    def __len__(self) -> int:
        return len(self._source.lengths)

    @property
    def source_lengths(self) -> Int32[np.ndarray, " pairs"]:
        """Tokens of each source, ``END`` included."""
        return self._source.lengths

    @property
    def target_lengths(self) -> Int32[np.ndarray, " pairs"]:
        """Tokens of each target, ``END`` included."""
        return self._target.lengths

    def batch(self, indices: Integer[np.ndarray, " rows"]) -> Batch:
        """Gather pairs, in the order of ``indices``.

        Raises:
            IndexError: If there is no such pair.
        """
        if indices.min() < 0:
            raise IndexError(f"pair {indices.min()} is out of bounds")
        return Batch.of(self._gather(self._source, indices), self._gather(self._target, indices))

    def _gather(
        self, side: _Side, indices: Integer[np.ndarray, " rows"]
    ) -> Int64[torch.Tensor, "rows longest"]:
        lengths = side.lengths[indices]
        chunks = np.searchsorted(self._first_rows, indices, side="right") - 1
        offsets = self._words[side.offsets[chunks] + (indices - self._first_rows[chunks])]
        columns = np.arange(lengths.max())
        words = (side.tokens[chunks] + offsets)[:, None] + columns
        # Padding cells read past their row, at worst past the file.
        rows = self._words.take(words, mode="clip").astype(np.int64)
        rows[columns >= lengths[:, None]] = PAD
        return torch.from_numpy(rows)


def _locate(column: pa.ChunkedArray, origin: int) -> _Side:
    buffers = [chunk.buffers() for chunk in column.chunks]
    offsets = [
        np.frombuffer(buffer[1], np.int32)[: len(chunk) + 1]
        for chunk, buffer in zip(column.chunks, buffers, strict=True)
    ]
    return _Side(
        offsets=np.array([(buffer[1].address - origin) // 4 for buffer in buffers], np.int64),
        tokens=np.array([(buffer[3].address - origin) // 4 for buffer in buffers], np.int64),
        lengths=np.concatenate([np.diff(part) for part in offsets]),
    )


def _encode(
    pairs: Iterator[Pair], tokenizers: Tokenizers, max_tokens: int, counts: PairCounts
) -> Iterator[pa.RecordBatch]:
    while chunk := list(islice(pairs, _CHUNK)):
        sources = tokenizers.source.encode([pair.source for pair in chunk])
        targets = tokenizers.target.encode([pair.target for pair in chunk])
        kept = []
        for source, target in zip(sources, targets, strict=True):
            if not source or not target:  # invisible characters alone leave no token
                counts.blank += 1
            elif max(len(source), len(target)) >= max_tokens:
                counts.too_long += 1
            else:
                kept.append((source, target))
        if kept:
            columns = [_column(side) for side in zip(*kept, strict=True)]
            yield pa.record_batch(columns, schema=_SCHEMA)


def _column(rows: Sequence[list[int]]) -> pa.ListArray:
    ends = np.cumsum([len(row) + 1 for row in rows], dtype=np.int32)
    tokens = np.fromiter(chain.from_iterable([*row, END] for row in rows), np.int32, ends[-1])
    return pa.ListArray.from_arrays(np.append(np.int32(0), ends), pa.array(tokens))
