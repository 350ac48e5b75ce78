"""Encoded pairs of one corpus on disk, read without loading them.

A store is a directory of plain arrays beside a manifest of what they were made of:

    source.tokens    token ids of all sources, one after the other, each ended by END (int32)
    source.offsets   where each source begins among them, and where the last one ends (int64)
    target.tokens, target.offsets    the same of the targets
    rows             the number of each pair in its corpus, dropped ones counted, from 0 (int64)
    manifest.json    version, fingerprints, and what became of the pairs that were read
    SHA256SUMS       the checksums of all of them

It is named after what it was made of, so that a second run with the same corpus, filters and
tokenizers finds it. The files are compared with their checksums when they are opened, which takes
about a second for 1.5 GB, and mapped: the memory that reading takes does not grow with them.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int32, Integer, Shaped

from mt.data.corpora import Corpus
from mt.data.filters import Reason, Selection
from mt.data.pairs import EncodedPair, PairCounts
from mt.errors import DataError
from mt.files import atomic_directory, damaged_file, remove_directory, write_sums
from mt.text.tokenizer import END, Tokenizers

log = logging.getLogger(__name__)

_VERSION = 4
"""Of the files and of encoding; another one makes stores be prepared anew."""

_CHUNK = 8192
"""Pairs encoded and written at a time."""

_MANIFEST, _ROWS = "manifest.json", "rows"
_SIDES = ("source", "target")
_FILES = (
    _MANIFEST,
    _ROWS,
    *(f"{side}.{part}" for side in _SIDES for part in ("tokens", "offsets")),
)
_TOKEN, _OFFSET = np.dtype("<i4"), np.dtype("<i8")


def prepare_store(
    corpus: Corpus,
    tokenizers: Tokenizers,
    directory: Path,
    selection: Selection,
    progress: Callable[[PairCounts], object] | None = None,
) -> "Store":
    """Encode every pair of a corpus once, or find that an earlier run has done so.

    Several processes may prepare the same pairs at once: each gets a complete store. A damaged
    store is prepared again, with a warning.

    Args:
        corpus: What to read.
        tokenizers: Encode the sides; each gets an ``END``.
        directory: Where stores are kept, each under its fingerprint.
        selection: Says which pairs are used.
        progress: Called with what has been read so far, every few thousand pairs.

    Returns:
        The opened store; :attr:`Store.reused` says whether it was there.

    Raises:
        DataError: If the corpus cannot be read, or the store cannot be written.
    """
    made_of = {
        "version": _VERSION,
        "corpus": corpus.fingerprint(),
        "tokenizers": tokenizers.fingerprint,
        "filters": selection.fingerprint(),
    }
    fingerprint = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    path = directory / fingerprint[:16]
    try:
        if path.exists():
            damaged = damaged_file(path, _FILES)
            if damaged is None:
                return Store(path, corpus.where, reused=True)
            log.warning(
                "%s: expected encoded pairs, but the file is missing or damaged; they are encoded "
                "again",
                path / damaged,
            )  # fmt: skip
            remove_directory(path)
        with atomic_directory(path, replace=False) as scratch:
            counts = _write(scratch, corpus, tokenizers, selection, progress)
            manifest = made_of | {"fingerprint": fingerprint, "counts": asdict(counts)}
            (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
            write_sums(scratch)
    except OSError as error:
        raise DataError(
            f"{path}: expected to keep encoded pairs here, but it cannot be written "
            f"({error.strerror or error}); choose another data.store"
        ) from None
    return Store(path, corpus.where, reused=False)


class Side:
    """The sources or the targets of a store, as token ids."""

    def __init__(self, directory: Path, name: str) -> None:
        self._tokens = _map(directory / f"{name}.tokens", _TOKEN)
        self._offsets = _map(directory / f"{name}.offsets", _OFFSET)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def lengths(self) -> Int32[np.ndarray, " pairs"]:
        """Count the tokens of each row, ``END`` included."""
        lengths = np.empty(len(self), np.int32)
        np.subtract(self._offsets[1:], self._offsets[:-1], out=lengths, casting="unsafe")
        return lengths

    def tokens(self, rows: Integer[np.ndarray, " rows"]) -> Int32[np.ndarray, " tokens"]:
        """Gather rows, one after the other."""
        begins = self._offsets[rows]
        ends = np.cumsum(self._offsets[rows + 1] - begins)
        shifts = begins - np.concatenate([[0], ends[:-1]])
        cells = np.repeat(shifts, np.diff(ends, prepend=0)) + np.arange(ends[-1])
        return self._tokens.take(cells)


class Store:
    """Encoded pairs of one corpus, numbered from 0 in its order.

    Attributes:
        source: The sources.
        target: The targets.
        rows: The number of each pair in its corpus, from 0.
        where: How messages call the corpus.
        counts: What became of the pairs that were read.
        fingerprint: Changes with the pairs.
        reused: Whether :func:`prepare_store` found it ready.
    """

    def __init__(self, path: Path, where: str, reused: bool) -> None:
        manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        self.path = path
        self.source, self.target = (Side(path, side) for side in _SIDES)
        self.rows = _map(path / _ROWS, _OFFSET)
        self.where = where
        self.counts = PairCounts(**manifest["counts"])
        self.fingerprint: str = manifest["fingerprint"]
        self.reused = reused

    def __len__(self) -> int:
        return len(self.rows)


def _map(path: Path, dtype: np.dtype[np.generic]) -> Shaped[np.ndarray, " values"]:
    """Map a file of numbers into memory; an empty one cannot be, and needs not."""
    if not path.stat().st_size:
        return np.empty(0, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r"))


def _write(
    directory: Path,
    corpus: Corpus,
    tokenizers: Tokenizers,
    selection: Selection,
    progress: Callable[[PairCounts], object] | None,
) -> PairCounts:
    """Write all files but the manifest, a chunk at a time."""
    counts = PairCounts()
    pairs = corpus.pairs()
    with ExitStack() as stack:

        def create(name: str) -> BinaryIO:
            return stack.enter_context((directory / name).open("wb"))

        source, target = (
            _SideWriter(create(f"{side}.tokens"), create(f"{side}.offsets")) for side in _SIDES
        )
        rows = create(_ROWS)
        filters = selection.start()
        while read := list(islice(pairs, _CHUNK)):
            reasons = list(filters.reasons(read))
            chunk = [pair for pair, reason in zip(read, reasons, strict=True) if reason is None]
            sources = tokenizers.source.encode([pair.source for pair in chunk])
            targets = tokenizers.target.encode([pair.target for pair in chunk])
            encoded = map(EncodedPair, sources, targets)
            kept = list(_keep(reasons, encoded, selection, counts))
            rows.write(np.array([row for row, _ in kept], _OFFSET).tobytes())
            source.write([pair.source for _, pair in kept])
            target.write([pair.target for _, pair in kept])
            if progress:
                progress(counts)
    return counts


def _keep(
    by_text: Sequence[Reason | None],
    encoded: Iterator[EncodedPair],
    selection: Selection,
    counts: PairCounts,
) -> Iterator[tuple[int, EncodedPair]]:
    """Yield the pairs that are used, with their numbers in the corpus, and count the others.

    Args:
        by_text: For each pair that was read, why its text is not used.
        encoded: The pairs whose text is.
        selection: Bounds their tokens.
        counts: What was read before, to be added to.
    """
    for reason in by_text:
        counts.read += 1
        if reason is not None:
            counts.drop(reason.name)
            continue
        pair = next(encoded)
        too_long = selection.reason_of_tokens(pair.source, pair.target)
        if too_long is not None:
            counts.drop(too_long.name)
        else:
            yield counts.read - 1, pair


class _SideWriter:
    """Writes the tokens of one side, and where each row begins and ends among them."""

    def __init__(self, tokens: BinaryIO, offsets: BinaryIO) -> None:
        self._tokens, self._offsets = tokens, offsets
        self._end = 0
        offsets.write(np.zeros(1, _OFFSET).tobytes())

    def write(self, rows: Sequence[Sequence[int]]) -> None:
        ends = self._end + np.cumsum([len(row) + 1 for row in rows], dtype=_OFFSET)
        tokens = np.fromiter(chain.from_iterable([*row, END] for row in rows), _TOKEN)
        self._tokens.write(tokens.tobytes())
        self._offsets.write(ends.tobytes())
        self._end += len(tokens)
