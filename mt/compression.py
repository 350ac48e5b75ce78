"""Compressed files: gzip, bzip2, xz and zstd, read by their first bytes, written by their names."""

import bz2
import contextlib
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, BinaryIO, Protocol

from mt.errors import DataError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE = 1 << 20
"""Most bytes that are decompressed at a time: a block of zeros may stand for gigabytes."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipDecompressor:
    """Decompresses gzip by the interface of Python's other decompressors."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        text = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = len(text) < max_length
        return text


_COMPRESSIONS: dict[bytes, tuple[str, Callable[[], _Decompressor]]] = {
    b"\x1f\x8b\x08": ("gzip", _GzipDecompressor),
    b"\x28\xb5\x2f\xfd": ("zstd", zstd.ZstdDecompressor),
    b"\xfd7zXZ\0": ("xz", lzma.LZMADecompressor),
    **{
        b"BZh%d%b" % (level, block): ("bzip2", bz2.BZ2Decompressor)
        for level in range(1, 10)
        for block in (b"1AY&SY", b"\x17rE8P\x90")  # the latter where there is no text
    },
}
"""By the bytes that begin a file."""


def is_compressed(head: bytes) -> bool:
    """Say by its first bytes whether a file is compressed."""
    return any(map(head.startswith, _COMPRESSIONS))


def decompressed(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Decompress what is compressed, as its first bytes say, and pass on what is not.

    Args:
        blocks: The content of a file.
        name: What messages call it.

    Raises:
        DataError: If it is damaged.
    """
    head = beginning(blocks, _COMPRESSIONS)
    blocks = chain([head] if head else [], blocks)
    for sign, (kind, decompressor) in _COMPRESSIONS.items():
        if head.startswith(sign):
            name = f"{name} ({kind})"
            yield from decompressed(_decompress(blocks, decompressor, name), name)
            return
    yield from blocks


def _decompress(
    blocks: Iterator[bytes], begin: Callable[[], _Decompressor], name: str
) -> Iterator[bytes]:
    """Decompress a file, which may have several members, one behind the other."""
    member, block, harm = begin(), next(blocks), ""
    while not harm:
        text = b""
        try:
            text = member.decompress(block, _PIECE)
        except (zlib.error, zstd.ZstdError, lzma.LZMAError, OSError, MemoryError) as error:
            harm = str(error) or "it asks for too much memory"
        if text:
            yield text
        block = member.unused_data if member.eof else b""
        if member.eof or member.needs_input:
            block = block or next(blocks, b"")
            if not block:
                break
        if member.eof:
            member = begin()
    if harm or not member.eof:
        raise DataError(
            f"{name}: expected a compressed file, as its first bytes say, but it is damaged "
            f"({harm or 'it ends too early'}); compress or copy it again"
        )


def beginning(blocks: Iterator[bytes], signs: Iterable[bytes]) -> bytes:
    """Take blocks until it is plain which of some signs the content begins with, if any."""
    head = next(blocks, b"")
    while any(sign.startswith(head) and head != sign for sign in signs):
        block = next(blocks, b"")
        if not block:
            break
        head += block
    return head


def compression_of(name: str) -> str:
    """Return the ending of a name that says how a file is compressed; empty: it is not."""
    return next((ending for ending in _COMPRESSORS if name.lower().endswith(ending)), "")


@contextlib.contextmanager
def compressing(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Compress what is written to a file, if its name says so; the same bytes at whatever time."""
    compress = _COMPRESSORS.get(compression_of(name))
    if compress is None:
        yield file
    else:
        with compress(file) as compressed:
            yield compressed


_COMPRESSORS: dict[str, Callable[[BinaryIO], AbstractContextManager[Any]]] = {
    ".gz": lambda file: gzip.GzipFile("", "wb", fileobj=file, mtime=0),
    ".bz2": lambda file: bz2.open(file, "wb"),  # noqa: SIM115 - they are entered
    ".xz": lambda file: lzma.open(file, "wb"),  # noqa: SIM115
    ".zst": lambda file: zstd.open(file, "wb"),
}
"""By the ending of names."""
