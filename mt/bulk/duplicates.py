"""Pairs that a corpus holds several times, found in all its shards by the blocks of datatrove.

Equal pairs are found by hashes that are sorted and merged. Nearly equal ones are found by MinHash
(Broder 1997) in bands (Leskovec et al., Mining of Massive Datasets, section 3.4): a pair is a
set of shingles on each side, and of two pairs a band agrees with the probability that sources
*and* targets agree in their minima, so that none is a duplicate by one side alone.
"""

import io
import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.data import Document
from datatrove.io import DataFolder
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup.exact_dedup import (
    ExactDedupConfig,
    ExactDedupFilter,
    ExactDedupSignature,
    ExactFindDedups,
)
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.utils.hashing import HashConfig
from datatrove.utils.stats import Stats
from datatrove.utils.typeshelper import StatHints
from datatrove.utils.word_tokenizers import WhitespaceTokenizer
from jaxtyping import UInt64

from mt.bulk.job import OURS, Stage, found_by
from mt.bulk.rejects import WriteRejects
from mt.data.filters import Reason
from mt.text.digests import bare, digest

_FINDERS = 8
"""Tasks among which the search for equal pairs is divided, by their hashes."""
_BANDS, _ROWS = 14, 5
"""Bands of a signature, and minima of each side in a band. Two pairs whose sources share *s* of
their shingles, and whose targets share *t*, are found with the probability 1 - (1 - (s·t)⁵)¹⁴."""
_SHINGLE = 5
"""Letters of a shingle."""
_PRIME = (1 << 61) - 1
"""Signatures are below it, as datatrove expects them."""
_SIGNATURE, _HASH = 12, 14
"""Bytes of a signature in a band, and of a hash, each with the shard and number of its pair."""
_BUFFERS = 1 << 26
"""Bytes that are read ahead of all files that are merged."""
_APPENDED = 1 << 12
"""Bytes that wait for each file that is written."""


def equal_stages(folder: DataFolder, read: Sequence[PipelineStep], shards: int) -> list[Stage]:
    """Return the stages that find equal pairs, of which :class:`DropDuplicates` then drops some.

    Args:
        folder: Of the output of the job.
        read: Steps that give the documents of a shard; their texts are compared.
        shards: How many there are.
    """
    hashes, found = (_found(folder, name) for name in ("signatures", "duplicates"))
    merge = ExactFindDedups(
        FewOpenFiles(hashes), FewOpenFiles(found), _BY_TEXT, lines_to_buffer=_lines(shards, _HASH)
    )
    return [
        Stage("signatures", [*read, ExactDedupSignature(hashes, _BY_TEXT, _FINDERS)], shards, True),
        Stage("duplicates", [merge], _FINDERS),
    ]


def near_stages(folder: DataFolder, read: Sequence[PipelineStep], shards: int) -> list[Stage]:
    """Return the stages that find nearly equal pairs; see :func:`equal_stages`."""
    signatures, matches, clusters = (
        _found(folder, f"near-{name}") for name in ("signatures", "matches", "duplicates")
    )
    match = MinhashDedupBuckets(
        FewOpenFiles(signatures), matches, config=_IN_BANDS,
        lines_to_buffer=_lines(shards, _SIGNATURE),
    )  # fmt: skip
    cluster = MinhashDedupCluster(
        matches, FewOpenFiles(clusters), _IN_BANDS, lines_to_buffer=_BUFFERS // _SIGNATURE
    )
    return [
        Stage("near-signatures", [*read, SignPairs(signatures)], shards, True),
        Stage("near-matches", [match], _BANDS, True),
        Stage("near-duplicates", [cluster], 1),
    ]


def _found(folder: DataFolder, stage: str) -> str:
    path: str = folder.resolve_paths(found_by(stage))
    return path


def _lines(shards: int, size: int) -> int:
    return max(64, _BUFFERS // (size * shards))


def _text(document: Document) -> bytes:
    text: bytes = document.text.encode(errors="surrogatepass")
    return text


_BY_TEXT = ExactDedupConfig(_text, hash_config=HashConfig(hash_fc="sha1"))
_IN_BANDS = MinhashConfig(
    num_buckets=_BANDS, hashes_per_bucket=1, hash_config=HashConfig(hash_fc="sha1")
)


class SignPairs(MinhashDedupSignature):
    """Writes the signature of each pair: a number for each band.

    The text of a document is a source and a target, a line each. What is compared are their
    letters: case, punctuation, digits and spaces do not count. So languages that put no spaces
    between words need no word tokenizer.
    """

    def __init__(self, folder: str) -> None:
        """Say where signatures are written."""
        super().__init__(folder, _IN_BANDS, WhitespaceTokenizer())  # which is not asked
        self.num_hashes = _BANDS * 2 * _ROWS  # of which those of a band become one number

    def get_shingles(self, text: str) -> UInt64[np.ndarray, "shingles 2"]:
        """Return the shingles of source and target, as numbers.

        The side that has fewer repeats them, which changes no minimum.
        """
        source, _, target = text.partition("\n")
        sides = [_shingles(bare(side)) for side in (source, target)]
        longest = max(map(len, sides))
        return np.stack([np.resize(side, longest) for side in sides], axis=1)

    def get_signature(self, shingles: UInt64[np.ndarray, "shingles 2"]) -> list[list[int]]:
        """Return the number of each band: that of its minima, which are of both sides in turn."""
        scale, shift = self.parameters
        hashes = (np.tile(shingles, _BANDS * _ROWS) * scale + shift) % np.uint64(_PRIME)
        bands = hashes.min(axis=0).reshape(_BANDS, -1)
        return [[_number(band.tobytes())] for band in bands]


def _shingles(text: str) -> UInt64[np.ndarray, " shingles"]:
    """Give each run of letters a number; a text that has fewer is one run."""
    data = text.ljust(_SHINGLE, "\0").encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(data, "<u4").astype(np.uint64)
    return np.convolve(codes, _FACTORS, "valid")  # modulo 2⁶⁴


_FACTORS = np.random.default_rng(1).integers(1 << 63, size=_SHINGLE, dtype=np.uint64) | 1


def _number(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") % _PRIME


class _Drop(PipelineStep):
    """Counts, and hands on, what a step of datatrove drops."""

    reason: str
    """Why."""
    rejects: WriteRejects | None

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Drop documents that others are like, and leave the metadata of others as they are."""
        self.stats = Stats(str(self))  # one process may run several tasks
        self.exclusion_writer = _Excluded(self)
        wrapped = (Document(each.text, each.id, metadata={"document": each}) for each in data)
        for each in super().run(wrapped, rank, world_size):
            yield each.metadata["document"]

    def measure(self, document: Document) -> str:
        """Say by what the reason is measured; blank, if by nothing that a pair alone has."""
        return ""

    def stat_update(self, *labels: str, value: int = 1, unit: str | None = None) -> None:
        """Count what is dropped."""
        if StatHints.dropped in labels:
            super().stat_update(f"dropped: {self.reason}", value=value, unit="shard")


class _Excluded:
    """Stands where datatrove wants a writer for what it drops."""

    def __init__(self, step: _Drop) -> None:
        self._step = step

    def __enter__(self) -> "_Excluded":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, document: Document, rank: int = 0) -> None:
        if self._step.rejects is not None:
            reason = Reason(self._step.reason, self._step.measure(document))
            self._step.rejects.add(document, reason)


class DropDuplicates(_Drop, ExactDedupFilter):
    """Drops all but one of equal pairs."""

    name, type, reason = OURS, "DUPLICATES", "duplicate"

    def __init__(self, folder: DataFolder, rejects: WriteRejects | None = None) -> None:
        """Say where :func:`equal_stages` were run, and what is told of each pair that goes."""
        super().__init__(_found(folder, "duplicates"), _BY_TEXT)
        self.rejects = rejects

    def measure(self, document: Document) -> str:
        """Return the digest of the pair, which equal ones have in common."""
        return f"{digest(document.text):016x}"


class DropNearDuplicates(_Drop, MinhashDedupFilter):
    """Drops all but one of pairs that are nearly equal, directly or through others."""

    name, type, reason = OURS, "NEAR DUPLICATES", "near duplicate"

    def __init__(self, folder: DataFolder, rejects: WriteRejects | None = None) -> None:
        """Say where :func:`near_stages` were run, and what is told of each pair that goes."""
        super().__init__(_found(folder, "near-duplicates"))
        self.rejects = rejects


class FewOpenFiles(DataFolder):
    """A folder whose files are open only while something is read of them, or written to them.

    datatrove merges as many files as there are shards, and opens them all at once. On another
    machine's file system a file that is open there costs this one nothing, and it stays so.
    """

    def open(self, path: str, mode: str = "rb", *arguments: Any, **named: Any) -> Any:
        """Open a file for reading, or for writing from its start."""
        if not self.is_local():
            return super().open(path, mode, *arguments, **named)
        file = _ClosedFile(Path(self.resolve_paths(path)), new=mode == "wb")
        return io.BufferedWriter(file, _APPENDED) if mode == "wb" else file


class _ClosedFile(io.RawIOBase):
    """A file that is opened for each time that it is read or written."""

    def __init__(self, path: Path, new: bool) -> None:
        self.path = path
        self._place = 0
        if new:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        with self.path.open("rb", buffering=0) as file:
            file.seek(self._place)
            count = file.readinto(buffer)
        self._place += count
        return count

    def write(self, data: Any, /) -> int:
        with self.path.open("ab", buffering=0) as file:
            return file.write(data)
