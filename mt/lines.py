"""Text read line by line as the world writes it.

The one place that knows about compression, byte-order marks, encodings and line ends.
"""

import bz2
import codecs
import contextlib
import io
import logging
import lzma
import os
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from mt.errors import DataError

log = logging.getLogger(__name__)

_BLOCK = 1 << 16
"""Bytes read at a time."""
_NAMED = 10
"""Line numbers that a message names."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_COMPRESSIONS: dict[bytes, tuple[str, Callable[[], _Decompressor]]] = {
    b"\x1f\x8b\x08": ("gzip", partial(zlib.decompressobj, 31)),
    b"\xfd7zXZ\0": ("xz", lzma.LZMADecompressor),
    **{b"BZh%d1AY&SY" % level: ("bzip2", bz2.BZ2Decompressor) for level in range(1, 10)},
}
"""By the bytes that begin a file."""
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Byte-order marks and the codecs that read them; one that begins as another does comes first."""
_WIDE = "UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE"


@dataclass
class LineNumbers:
    """Lines that something is said about: the first few numbers, and how many there are."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Count a line; numbers begin at 1."""
        self.count += 1
        if self.count <= _NAMED:
            self.first.append(number)

    def __str__(self) -> str:
        """Write as in ``3 lines (4, 7, 12)``; of many the first, and an ellipsis."""
        numbers = ", ".join(map(str, self.first))
        more = ", …" if self.count > len(self.first) else ""
        return f"{self.count:,} line{'s' if self.count != 1 else ''} ({numbers}{more})"


def read_lines(path: Path, replace: bool = False) -> Iterator[str]:
    r"""Read a text file as a stream of lines.

    A file that is compressed by gzip, bzip2 or xz is decompressed. It is UTF-8, or what its
    byte-order mark says. Only ``\n`` ends a line (a ``\r`` before it is dropped, as is a byte-order
    mark at the start): characters such as U+2028 or a form feed inside a sentence must never shift
    a parallel corpus.

    Args:
        path: The file.
        replace: Put U+FFFD in place of what is not UTF-8, and warn at the end of how many lines
            held such bytes, instead of refusing the first.

    Raises:
        DataError: If it cannot be read or is damaged, or at the first line that is not UTF-8.
    """
    return _decode(_file_blocks(path), str(path), replace)


def read_stdin(replace: bool = False) -> Iterator[str]:
    """Read stdin as a stream of lines, each as soon as it comes; see :func:`read_lines`.

    Python's buffered reader is left alone: a thread that waits in it would hold its lock when the
    process ends, which Python answers with a fatal error.

    Raises:
        DataError: As :func:`read_lines` does, and if stdin is closed.
    """
    if sys.stdin is None:
        raise DataError("stdin: expected text, but it is closed; give a file")
    read = sys.stdin.buffer.read
    with contextlib.suppress(io.UnsupportedOperation):  # of what stands in for it in a notebook
        read = partial(os.read, sys.stdin.fileno())
    return _decode(_as_utf8(iter(partial(read, _BLOCK), b""), "stdin"), "stdin", replace)


def count_lines(path: Path) -> int:
    r"""Count the lines that :func:`read_lines` gives, several times as fast.

    Raises:
        DataError: As :func:`read_lines` does, and if lines end with ``\r`` alone, as on old Macs.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    feeds, returns, last = 0, False, b""
    try:
        for block in _file_blocks(path):
            decoder.decode(block)
            feeds += block.count(b"\n")
            returns = returns or b"\r" in block
            last = block
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        number = feeds + error.object[: error.start].count(b"\n") + 1
        raise _no_utf8(str(path), number, error) from None
    if returns and not feeds:
        raise DataError(
            f"{path}: expected lines that end with a line feed, but found carriage returns alone, "
            r"as on old Macs; convert the file, for example with tr '\r' '\n'"
        )
    return feeds + (last != b"" and not last.endswith(b"\n"))


def _file_blocks(path: Path) -> Iterator[bytes]:
    """Read a file in blocks, decompressed and as UTF-8."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise DataError(
            f"{path}: expected a text file, but it cannot be read ({error.strerror}); "
            "check the path"
        ) from None
    with file:
        yield from _as_utf8(iter(partial(file.read, _BLOCK), b""), str(path))


def _decode(blocks: Iterator[bytes], name: str, replace: bool) -> Iterator[str]:
    replaced = LineNumbers()
    try:
        for number, raw in enumerate(_split(blocks), start=1):
            codec = "utf-8-sig" if number == 1 else "utf-8"
            try:
                line = raw.decode(codec)
            except UnicodeDecodeError as error:
                if not replace:
                    raise _no_utf8(name, number, error) from None
                replaced.add(number)
                line = raw.decode(codec, errors="replace")
            yield line.removesuffix("\r")
    finally:
        if replaced.count:
            log.warning("%s: bytes that are not UTF-8 became U+FFFD in %s", name, replaced)


def _split(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Split at line feeds, giving each line as soon as it is there, without its line feed."""
    rest: list[bytes] = []
    for block in blocks:
        first, *more = block.split(b"\n")
        rest.append(first)
        for part in more:
            yield b"".join(rest)
            rest = [part]
    if line := b"".join(rest):
        yield line


def _no_utf8(name: str, number: int, error: UnicodeDecodeError) -> DataError:
    return DataError(
        f"{name}: expected UTF-8, but line {number} holds byte "
        f"0x{error.object[error.start]:02x} that is not; convert the file, for example with iconv"
    )


def _as_utf8(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Decompress what is compressed, and make UTF-8 of what has a mark of UTF-16 or UTF-32.

    Raises:
        DataError: If the file is damaged, or UTF-16 or UTF-32 without a mark, whose bytes may be
            UTF-8 full of zeros.
    """
    head = next(blocks, b"")
    while any(sign.startswith(head) and head != sign for sign in (*_COMPRESSIONS, *_MARKS)):
        block = next(blocks, b"")
        if not block:
            break
        head += block
    for sign, (kind, decompressor) in _COMPRESSIONS.items():
        if head.startswith(sign):
            yield from _as_utf8(_decompress(head, blocks, decompressor, f"{name} ({kind})"), name)
            return
    for mark, codec in _MARKS.items():
        if head.startswith(mark):
            yield from _transcode(head, blocks, codec, name)
            return
    if found := _wide_encoding(head):
        raise DataError(
            f"{name}: expected UTF-8, but it looks like {found} without a byte-order mark; convert "
            f"it with `iconv -f {found} -t UTF-8`"
        )
    if head:
        yield head
    yield from blocks


def _decompress(
    head: bytes, blocks: Iterator[bytes], begin: Callable[[], _Decompressor], name: str
) -> Iterator[bytes]:
    """Decompress a file, which may have several members, one behind the other."""
    member, block, harm = begin(), head, ""
    while block and not harm:
        try:
            text = member.decompress(block)
        except (zlib.error, lzma.LZMAError, OSError) as error:
            text, harm = b"", str(error)
        if text:
            yield text
        block = (member.unused_data if member.eof else b"") or next(blocks, b"")
        if member.eof and block:
            member = begin()
    if harm or not member.eof:
        raise DataError(
            f"{name}: expected a compressed file, as its first bytes say, but it is damaged "
            f"({harm or 'it ends too early'}); compress or copy it again"
        )


def _transcode(head: bytes, blocks: Iterator[bytes], codec: str, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        yield decoder.decode(head).encode()
        for block in blocks:
            yield decoder.decode(block).encode()
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else "a lone surrogate"
        raise DataError(
            f"{name}: expected {codec}, as its byte-order mark says, but some bytes are not "
            f"({reason}); convert the file to UTF-8, for example with iconv"
        ) from None


def _wide_encoding(head: bytes) -> str | None:
    """Recognise UTF-16 or UTF-32 of whatever script by its spaces and line ends, with their zeros.

    What begins a text, read so, holds nothing but characters of text; named as ``iconv`` does.
    """
    if head.count(0) < 2:
        return None
    for name in _WIDE:
        try:
            text = codecs.getincrementaldecoder(name)().decode(head)
        except UnicodeDecodeError:
            continue
        if any(blank in text for blank in " \n") and not any(map(_is_no_text, text)):
            return name
    return None


def _is_no_text(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cn", "Co"} and character not in "\t\r\n"
