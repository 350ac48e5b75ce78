"""Encoded pairs of one corpus on disk, read without loading them.

A store is a directory of plain arrays beside a manifest of what they were made of:

    tokens           token ids of all pairs: a source and END, its target and END (uint16, or int32
                     where a vocabulary has more than 65,536 tokens)
    offsets          where each pair begins among them (int64)
    source.lengths, target.lengths    tokens of each side, END included (uint16)
    rows             the number of each pair in its corpus, dropped ones counted, from 0 (int64)
    manifest.json    version, fingerprints, totals, and what became of the pairs that were read
    SHA256SUMS       the checksums of all of them

It is named after what it was made of, so that a second run with the same corpus, filters and
tokenizers finds it. The files are compared with their checksums when they are opened, which takes
about a second for 1.5 GB, and mapped: what was read from them is let go at once, so that the
memory of a process does not grow with them.
"""

import hashlib
import json
import logging
import mmap
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, Integer

from mt.data.corpora import Corpus
from mt.data.filters import Reason, Selection
from mt.data.filters.contract import Sides
from mt.data.filters.selection import ask
from mt.data.pairs import PairCounts
from mt.data.processes import map_blocks
from mt.errors import DataError
from mt.files import atomic_directory, damaged_file, remove_directory, write_sums
from mt.text.tokenizer import END, Tokenizers

log = logging.getLogger(__name__)

_VERSION = 6
"""Of the files and of encoding; another one makes stores be prepared anew."""

_CHUNK = 8192
"""Pairs encoded and written at a time."""

_MANIFEST, _TOKENS, _OFFSETS, _ROWS = "manifest.json", "tokens", "offsets", "rows"
_LENGTHS = "source.lengths", "target.lengths"
_FILES = (_MANIFEST, _TOKENS, _OFFSETS, *_LENGTHS, _ROWS)
_LENGTH, _NUMBER = np.dtype("<u2"), np.dtype("<i8")


def prepare_store(
    corpus: Corpus,
    tokenizers: Tokenizers,
    directory: Path,
    selection: Selection,
    *,
    progress: Callable[[PairCounts], object] | None = None,
    processes: int | None = None,
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
        processes: How many encode; see :func:`map_blocks`.

    Returns:
        The opened store; :attr:`Store.reused` says whether it was there.

    Raises:
        DataError: If the corpus cannot be read, or the store cannot be written.
    """
    made_of = {
        "version": _VERSION,
        "corpus": corpus.fingerprint(),
        "tag": corpus.tag,
        "tokenizers": tokenizers.fingerprint,
        "filters": selection.fingerprint(),
    }
    fingerprint = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    path = directory / fingerprint[:16]
    damaged = None
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
            encoded = _encode(corpus, tokenizers, selection, processes)
            written = _write(scratch, _token_type(tokenizers), encoded, progress)
            manifest = made_of | {"fingerprint": fingerprint} | asdict(written)
            (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
            write_sums(scratch)
    except OSError as error:
        raise DataError(
            f"{path}: expected to keep encoded pairs here, but it cannot be written "
            f"({error.strerror or error}); choose another data.store"
        ) from None
    return Store(path, corpus.where, reused=False, damaged=damaged)


class _MappedFile:
    """A file of numbers that is read in places.

    What was read is no longer a part of this process: the system keeps it as long as there is room.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._map: mmap.mmap | None = None
        self._numbers = np.empty(0, dtype)
        if path.stat().st_size:  # an empty file cannot be mapped
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._numbers = np.frombuffer(self._map, dtype)

    def __len__(self) -> int:
        return len(self._numbers)

    def read(self, places: Integer[np.ndarray, " places"]) -> Integer[np.ndarray, " places"]:
        """Copy the numbers at some places.

        Raises:
            IndexError: If there is no such place.
        """
        numbers = self._numbers.take(places)
        if self._map is not None and hasattr(self._map, "madvise"):  # Windows has none
            self._map.madvise(mmap.MADV_DONTNEED)
        return numbers


class Tokens(NamedTuple):
    """Some pairs as token ids, each side one after the other, every ``END`` included."""

    source: Integer[np.ndarray, " source_tokens"]
    target: Integer[np.ndarray, " target_tokens"]


class Lengths(NamedTuple):
    """Tokens of both sides of some pairs, every ``END`` included."""

    source: Integer[np.ndarray, " pairs"]
    target: Integer[np.ndarray, " pairs"]


class Store:
    """Encoded pairs of one corpus, numbered from 0 in its order.

    Attributes:
        where: How messages call the corpus.
        counts: What became of the pairs that were read.
        longest: Tokens of the longest side.
        longest_pair: The number of the first pair that has such a side.
        longer_tokens: Tokens of the longer side of each pair, added up.
        fingerprint: Changes with the pairs.
        reused: Whether it was there before this run.
        damaged: The name of the file for which it was encoded again, if it was.
    """

    def __init__(self, path: Path, where: str, reused: bool, damaged: str | None = None) -> None:
        manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        self.path = path
        self._tokens = _MappedFile(path / _TOKENS, np.dtype(manifest["token"]))
        self._offsets = _MappedFile(path / _OFFSETS, _NUMBER)
        self._lengths = [_MappedFile(path / name, _LENGTH) for name in _LENGTHS]
        self._rows = _MappedFile(path / _ROWS, _NUMBER)
        self.where = where
        self.counts = PairCounts(**manifest["counts"])
        self.longest: int = manifest["longest"]
        self.longest_pair: int = manifest["longest_pair"]
        self.longer_tokens: int = manifest["longer_tokens"]
        self.fingerprint: str = manifest["fingerprint"]
        self.reused = reused
        self.damaged = damaged

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, pair: int) -> int:
        """Return the number of a pair in its corpus, from 0."""
        return int(self.rows(np.array([pair])).item())

    def rows(self, pairs: Integer[np.ndarray, " pairs"]) -> Integer[np.ndarray, " pairs"]:
        """Return the numbers of pairs in their corpus."""
        return self._rows.read(pairs)

    def lengths(self, pairs: Integer[np.ndarray, " pairs"]) -> Lengths:
        """Count the tokens of pairs."""
        return Lengths(*(each.read(pairs) for each in self._lengths))

    def tokens(self, pairs: Integer[np.ndarray, " pairs"]) -> Tokens:
        """Gather pairs, in the order given."""
        source, target = (side.astype(np.int64) for side in self.lengths(pairs))
        offsets = self._offsets.read(pairs)
        places = np.concatenate([_spans(offsets, source), _spans(offsets + source, target)])
        return Tokens(*np.split(self._tokens.read(places), [source.sum()]))

    def pairs(self, pairs: Integer[np.ndarray, " pairs"]) -> Iterator[Tokens]:
        """Gather pairs one by one."""
        ends = (np.cumsum(side, dtype=np.int64) for side in self.lengths(pairs))
        sides = map(np.split, self.tokens(pairs), (side[:-1] for side in ends))
        return map(Tokens, *sides)


def _spans(
    begins: Int64[np.ndarray, " spans"], lengths: Int64[np.ndarray, " spans"]
) -> Int64[np.ndarray, " places"]:
    """List the places of spans, one after the other."""
    ends = np.cumsum(lengths)
    return np.repeat(begins - (ends - lengths), lengths) + np.arange(lengths.sum())


@dataclass
class _Written:
    """What the manifest tells of the other files."""

    token: str
    counts: PairCounts = field(default_factory=PairCounts)
    longest: int = 0
    longest_pair: int = 0
    longer_tokens: int = 0


def _write(
    directory: Path,
    token: np.dtype[Any],
    chunks: Generator["_Chunk", None, None],
    progress: Callable[[PairCounts], object] | None,
) -> _Written:
    """Write all files but the manifest, a chunk at a time."""
    with ExitStack() as stack:

        def create(name: str) -> BinaryIO:
            return stack.enter_context((directory / name).open("wb"))

        writer = _Writer(create, token)
        for chunk in stack.enter_context(closing(chunks)):
            writer.write(chunk)
            if progress:
                progress(writer.written.counts)
    return writer.written


def _token_type(tokenizers: Tokenizers) -> np.dtype[Any]:
    widest = max(tokenizers.source.size, tokenizers.target.size)
    return np.dtype("<u2" if widest <= 1 << 16 else "<i4")


class _Encoded(NamedTuple):
    """Some pairs: what stands in the files of a store."""

    tokens: Integer[np.ndarray, " tokens"]
    lengths: tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]

    def only(self, wanted: Bool[np.ndarray, " pairs"]) -> "_Encoded":
        """Leave out the others."""
        if wanted.all():
            return self
        source, target = self.lengths
        tokens = self.tokens[np.repeat(wanted, source + target)]
        return _Encoded(tokens, (source[wanted], target[wanted]))


class _Chunk(NamedTuple):
    """Pairs that were read one after the other."""

    encoded: _Encoded
    """Those that are used."""
    rows: Int64[np.ndarray, " pairs"]
    """Their places in the chunk."""
    counts: PairCounts
    """What became of all."""


_Block = Sequence[Sides]
_Result = tuple[Sequence[Reason | None], _Encoded]
"""For each pair of a block, why its text is not used; and those whose text is."""


def _encode(
    corpus: Corpus, tokenizers: Tokenizers, selection: Selection, processes: int | None
) -> Generator[_Chunk, None, None]:
    """Encode a corpus in its order.

    Other processes ask the filters that know one pair only, and encode what they keep; those that
    remember are asked here.
    """
    stateful, pairs = selection.stateful(), corpus.pairs()
    blocks = iter(lambda: [(source, target) for source, target in islice(pairs, _CHUNK)], [])
    arguments = tokenizers, selection, corpus.tag
    for block, (by_itself, encoded) in map_blocks(_start, arguments, blocks, processes):
        reasons = list(by_itself)
        places = np.array([row for row, reason in enumerate(reasons) if reason is None], np.int64)
        ask(stateful, block, reasons)
        for row, *lengths in zip(places.tolist(), *encoded.lengths, strict=True):
            reasons[row] = reasons[row] or selection.reason_of_lengths(*lengths)
        wanted = np.array([reason is None for reason in reasons], bool)
        dropped = Counter(reason.name for reason in reasons if reason is not None)
        counts = PairCounts(len(block), dict(dropped))
        yield _Chunk(encoded.only(wanted[places]), np.flatnonzero(wanted), counts)


def _start(
    tokenizers: Tokenizers, selection: Selection, tag: str | None
) -> Callable[[_Block], _Result]:
    """Return what encodes a block."""
    filters, token, end = selection.stateless(), _token_type(tokenizers), (END,)
    [before] = tokenizers.source.encode([tag or ""])

    def encode(block: _Block) -> _Result:
        reasons = filters.reasons(block)
        used = [pair for pair, reason in zip(block, reasons, strict=True) if reason is None]
        sources = tokenizers.source.encode([source for source, _ in used])
        targets = tokenizers.target.encode([target for _, target in used])
        if before:
            sources = [[*before, *source] if source else [] for source in sources]
        sides = chain.from_iterable(zip(sources, repeat(end), targets, repeat(end)))
        source, target = (np.fromiter(map(len, each), np.int64) + 1 for each in (sources, targets))
        return reasons, _Encoded(np.fromiter(chain.from_iterable(sides), token), (source, target))

    return encode


class _Writer:
    """Writes pairs to the files of a store, and adds up what its manifest tells."""

    def __init__(self, create: Callable[[str], BinaryIO], token: np.dtype[Any]) -> None:
        self._tokens, self._offsets, self._rows = map(create, (_TOKENS, _OFFSETS, _ROWS))
        self._lengths = [create(name) for name in _LENGTHS]
        self._pairs = self._end = 0
        self.written = _Written(token.str)

    def write(self, chunk: _Chunk) -> None:
        encoded, rows = chunk.encoded, self.written.counts.read + chunk.rows
        self.written.counts += chunk.counts
        if not len(rows):
            return
        ends = self._end + np.cumsum(np.add(*encoded.lengths))
        self._tokens.write(encoded.tokens.tobytes())
        self._offsets.write(np.concatenate([[self._end], ends[:-1]]).astype(_NUMBER).tobytes())
        for file, side in zip(self._lengths, encoded.lengths, strict=True):
            file.write(side.astype(_LENGTH).tobytes())
        self._rows.write(rows.astype(_NUMBER).tobytes())
        self._add_up(np.maximum(*encoded.lengths))
        self._end = int(ends[-1])
        self._pairs += len(rows)

    def _add_up(self, longer: Integer[np.ndarray, " pairs"]) -> None:
        if longer.max() > self.written.longest:
            self.written.longest = int(longer.max())
            self.written.longest_pair = self._pairs + int(longer.argmax())
        self.written.longer_tokens += int(longer.sum(dtype=np.int64))
