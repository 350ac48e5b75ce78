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
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Int64, Integer

from mt.data.corpora import Corpus, Pair
from mt.data.filters import Reason, Selection
from mt.data.pairs import EncodedPair, PairCounts
from mt.errors import DataError
from mt.files import atomic_directory, damaged_file, remove_directory, write_sums
from mt.text.tokenizer import END, Tokenizers

log = logging.getLogger(__name__)

_VERSION = 6
"""Of the files and of encoding; another one makes stores be prepared anew."""

_CHUNK = 8192
"""Pairs encoded and written at a time."""
_AHEAD = 3
"""Chunks that are encoded while another one is written."""

_MANIFEST, _TOKENS, _OFFSETS, _ROWS = "manifest.json", "tokens", "offsets", "rows"
_LENGTHS = "source.lengths", "target.lengths"
_FILES = (_MANIFEST, _TOKENS, _OFFSETS, *_LENGTHS, _ROWS)
_LENGTH, _NUMBER = np.dtype("<u2"), np.dtype("<i8")
_MOST_TOKENS = np.iinfo(_LENGTH).max
"""Tokens of a side, whatever the filters allow."""


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
        tokenizers: Encode the sides, on all processors; each gets an ``END``.
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
        "tag": corpus.tag,
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
            written = _write(scratch, corpus, tokenizers, selection, progress)
            manifest = made_of | {"fingerprint": fingerprint} | asdict(written)
            (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
            write_sums(scratch)
    except OSError as error:
        raise DataError(
            f"{path}: expected to keep encoded pairs here, but it cannot be written "
            f"({error.strerror or error}); choose another data.store"
        ) from None
    return Store(path, corpus.where, reused=False)


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
        reused: Whether :func:`prepare_store` found it ready.
    """

    def __init__(self, path: Path, where: str, reused: bool) -> None:
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

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, pair: int) -> int:
        """Return the number of a pair in its corpus, from 0."""
        return int(self._rows.read(np.array([pair])).item())

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
    counts: PairCounts
    longest: int = 0
    longest_pair: int = 0
    longer_tokens: int = 0


def _write(
    directory: Path,
    corpus: Corpus,
    tokenizers: Tokenizers,
    selection: Selection,
    progress: Callable[[PairCounts], object] | None,
) -> _Written:
    """Write all files but the manifest, a chunk at a time."""
    counts = PairCounts()
    with ExitStack() as stack:

        def create(name: str) -> BinaryIO:
            return stack.enter_context((directory / name).open("wb"))

        widest = max(tokenizers.source.size, tokenizers.target.size)
        writer = _Writer(create, np.dtype("<u2" if widest <= 1 << 16 else "<i4"), counts)
        for chunk in stack.enter_context(closing(_encode_ahead(corpus, tokenizers, selection))):
            writer.write(list(_keep(chunk, selection, counts)))
            if progress:
                progress(counts)
    return writer.written


class _Chunk(NamedTuple):
    """Pairs that follow each other in a corpus."""

    by_text: Sequence[Reason | None]
    """For each that was read, why its text is not used."""
    encoded: Iterable[EncodedPair]
    """Those whose text is."""


def _encode_ahead(
    corpus: Corpus, tokenizers: Tokenizers, selection: Selection
) -> Generator[_Chunk, None, None]:
    """Encode chunks of a corpus in its order, some ahead of the one that is asked for.

    SentencePiece encodes a chunk on all processors. It lets Python go on meanwhile: to read and
    filter the chunks behind it, and to write those before it.
    """
    [tag] = tokenizers.source.encode([corpus.tag or ""])

    def encode(by_text: Sequence[Reason | None], pairs: Sequence[Pair]) -> _Chunk:
        sources = tokenizers.source.encode([pair.source for pair in pairs])
        targets = tokenizers.target.encode([pair.target for pair in pairs])
        if tag:
            sources = [[*tag, *source] if source else [] for source in sources]
        return _Chunk(by_text, map(EncodedPair, sources, targets))

    pairs, filters = corpus.pairs(), selection.start()
    with ThreadPoolExecutor(_AHEAD) as pool:
        encoding = deque[Future[_Chunk]]()
        while read := list(islice(pairs, _CHUNK)):
            by_text = filters.reasons(read)
            used = [pair for pair, reason in zip(read, by_text, strict=True) if reason is None]
            encoding.append(pool.submit(encode, by_text, used))
            if len(encoding) > _AHEAD:
                yield encoding.popleft().result()
        while encoding:
            yield encoding.popleft().result()


def _keep(
    chunk: _Chunk, selection: Selection, counts: PairCounts
) -> Iterator[tuple[int, EncodedPair]]:
    """Yield the pairs that are used, with their numbers in the corpus, and count the others.

    Args:
        chunk: Pairs, encoded.
        selection: Bounds their tokens.
        counts: What was read before, to be added to.
    """
    encoded = iter(chunk.encoded)
    for by_text in chunk.by_text:
        reason = by_text
        if reason is None:
            pair = next(encoded)
            reason = selection.reason_of_tokens(pair.source, pair.target)
            if reason is None and max(map(len, pair)) >= _MOST_TOKENS:
                reason = Reason("too long", f"more than {_MOST_TOKENS} tokens")
        counts.read += 1
        if reason is None:
            yield counts.read - 1, pair
        else:
            counts.drop(reason.name)


class _Writer:
    """Writes pairs to the files of a store, and adds up what its manifest tells."""

    def __init__(
        self, create: Callable[[str], BinaryIO], token: np.dtype[Any], counts: PairCounts
    ) -> None:
        self._tokens, self._offsets, self._rows = map(create, (_TOKENS, _OFFSETS, _ROWS))
        self._lengths = [create(name) for name in _LENGTHS]
        self._pairs = self._end = 0
        self.written = _Written(token.str, counts)

    def write(self, kept: Sequence[tuple[int, EncodedPair]]) -> None:
        if not kept:
            return
        end = (END,)
        sides = chain.from_iterable((pair.source, end, pair.target, end) for _, pair in kept)
        tokens = np.fromiter(chain.from_iterable(sides), np.dtype(self.written.token))
        lengths = [
            np.fromiter((len(pair[side]) + 1 for _, pair in kept), _LENGTH) for side in (0, 1)
        ]
        ends = self._end + np.cumsum(np.add(*lengths, dtype=_NUMBER))
        self._tokens.write(tokens.tobytes())
        self._offsets.write(np.concatenate([[self._end], ends[:-1]]).astype(_NUMBER).tobytes())
        for file, side in zip(self._lengths, lengths, strict=True):
            file.write(side.tobytes())
        self._rows.write(np.fromiter((row for row, _ in kept), _NUMBER).tobytes())
        self._add_up(np.maximum(*lengths))
        self._end = int(ends[-1])
        self._pairs += len(kept)

    def _add_up(self, longer: Integer[np.ndarray, " pairs"]) -> None:
        if longer.max() > self.written.longest:
            self.written.longest = int(longer.max())
            self.written.longest_pair = self._pairs + int(longer.argmax())
        self.written.longer_tokens += int(longer.sum(dtype=np.int64))
