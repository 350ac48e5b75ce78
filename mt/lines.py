"""Text read line by line as the world writes it.

The one place that knows about byte-order marks, encodings, line ends and addresses of other
machines; compression is that of :mod:`mt.compression`.
"""

import codecs
import contextlib
import glob
import io
import logging
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from mt.compression import beginning, decompressed, is_compressed
from mt.errors import DataError

log = logging.getLogger(__name__)

Location = Path | str
"""A file: its path, or an address such as ``s3://bucket/corpus.tsv``."""

_BLOCK = 1 << 16
"""Bytes read at a time."""
_LONGEST = 1 << 24
"""Most bytes of a line; what has more is no text."""
_NAMED = 10
"""Line numbers that a message names."""


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

    def extend(self, other: "LineNumbers", before: int) -> None:
        """Count the lines of a text that follows on ``before`` lines of this one."""
        self.count += other.count
        self.first += [before + number for number in other.first]
        del self.first[_NAMED:]

    def __str__(self) -> str:
        """Write as in ``3 lines (4, 7, 12)``; of many the first, and an ellipsis."""
        numbers = ", ".join(map(str, self.first))
        more = ", …" if self.count > len(self.first) else ""
        return f"{self.count:,} line{'s' if self.count != 1 else ''} ({numbers}{more})"


class LineError(DataError):
    """Why a line is no text.

    Attributes:
        raw: The line as it stands there, without its line feed; of one that is too long the
            beginning.
        found: What is wrong with it, in a word or two.
    """

    def __init__(self, message: str, raw: bytes, found: str) -> None:
        """Take the message of the error, and what it is about."""
        super().__init__(message)
        self.raw = raw
        self.found = found

    def __reduce__(self) -> tuple[type["LineError"], tuple[str, bytes, str]]:
        """Pickle all of it; by itself an exception is made again of its message alone."""
        return LineError, (str(self), self.raw, self.found)


def read_lines(path: Location, replace: bool = False) -> Iterator[str]:
    r"""Read a text file as a stream of lines.

    A file that is compressed by gzip, bzip2, xz or zstd is decompressed. It is UTF-8, or what its
    byte-order mark says. Only ``\n`` ends a line (a ``\r`` before it is dropped, as is a byte-order
    mark at the start): characters such as U+2028 or a form feed inside a sentence must never shift
    a parallel corpus.

    Args:
        path: The file.
        replace: Put U+FFFD in place of what is not UTF-8, and warn at the end of how many lines
            held such bytes, instead of refusing the first.

    Raises:
        DataError: If it cannot be read or is damaged, or at the first line that is not UTF-8 or has
            more than 16 MiB.
    """
    name = str(path)
    return _decode(as_utf8(read_bytes(path), name), name, replace)


def each_line(blocks: Iterator[bytes], name: str) -> Iterator[str | LineError]:
    """Read lines as :func:`read_lines` does, with an error in place of each that cannot be read.

    Args:
        blocks: The content of a file, decompressed.
        name: What messages call it.

    Raises:
        DataError: If no further line can be read.
    """
    for number, raw in enumerate(_split(as_utf8(blocks, name)), start=1):
        yield _line(raw, number, name)


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
    blocks = decompressed(iter(partial(read, _BLOCK), b""), "stdin")
    return _decode(as_utf8(blocks, "stdin"), "stdin", replace)


def count_lines(path: Location) -> int:
    r"""Count the lines that :func:`read_lines` gives, several times as fast.

    Raises:
        DataError: As :func:`read_lines` does, and if lines end with ``\r`` alone, as on old Macs.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    feeds, returns, last, length = 0, False, b"", 0
    try:
        for block in as_utf8(read_bytes(path), str(path)):
            decoder.decode(block)
            feeds += block.count(b"\n")
            returns = returns or b"\r" in block
            first, rest = block.find(b"\n"), block.rfind(b"\n") + 1
            length += first if rest else len(block)
            if length > _LONGEST:
                raise DataError(_too_long(str(path), feeds - block.count(b"\n") + 1))
            length = len(block) - rest if rest else length
            last = block
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        number = feeds + error.object[: error.start].count(b"\n") + 1
        raise DataError(_no_utf8(str(path), number, error)) from None
    if returns and not feeds:
        raise DataError(
            f"{path}: expected lines that end with a line feed, but found carriage returns alone, "
            r"as on old Macs; convert the file, for example with tr '\r' '\n'"
        )
    return feeds + (last != b"" and not last.endswith(b"\n"))


def read_bytes(path: Location) -> Iterator[bytes]:
    """Read a file in blocks of bytes, decompressed.

    Raises:
        DataError: If it cannot be read or is damaged.
    """
    try:
        with open_binary(path) as file:
            yield from decompressed(iter(partial(file.read, _BLOCK), b""), str(path))
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from None


def read_part(path: Location, start: int, end: int) -> bytes:
    """Read some lines of a file that :func:`is_splittable`.

    The parts from 0 to *a*, from *a* to *b*, and so on, hold every line once: a line that begins
    at byte ``end``, or before it, belongs to the part, and one that begins at ``start`` does not,
    unless that is 0.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        from fsspec.utils import read_block  # noqa: PLC0415 - it takes a moment

        with open_binary(path) as file:
            part: bytes = read_block(file, start, end - start, delimiter=b"\n")
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from None
    return part


def is_splittable(path: Location) -> bool:
    """Say whether lines can be read from the middle of a file: it is not compressed, and UTF-8.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        with open_binary(path) as file:
            head = file.read(_BLOCK)
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from None
    return not (is_compressed(head) or any(map(head.startswith, _MARKS)) or _wide_encoding(head))


def open_binary(path: Location) -> AbstractContextManager[BinaryIO]:
    """Open a file of this machine, or by its address one of another, for which fsspec is needed."""
    if isinstance(path, Path) or "://" not in path:
        return Path(path).open("rb", buffering=0)
    try:
        import fsspec  # noqa: PLC0415 - it takes a moment, which few should wait for

        remote: AbstractContextManager[BinaryIO] = fsspec.open(path, "rb")
    except (ImportError, ValueError) as error:
        advice = "install what it names" if isinstance(error, ImportError) else "check the address"
        raise unreadable(path, str(error), advice) from None
    return remote


def remote_names(folder: str, pattern: str) -> list[str]:
    """Name the files in a folder of another machine that fit a pattern of :mod:`glob`.

    Raises:
        DataError: If they cannot be listed.
    """
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - it takes a moment

        system, root = url_to_fs(folder)
        root = f"{root.rstrip('/')}/"
        found = system.glob(glob.escape(root) + pattern, detail=True)
    except (ImportError, ValueError, OSError) as error:
        raise unreadable(f"{folder}/{pattern}", str(error)) from None
    return [name.removeprefix(root) for name, each in found.items() if each["type"] == "file"]


def unreadable(path: Location, reason: str, advice: str = "check the path") -> DataError:
    """Make the error of a file that cannot be read; ``reason`` says why, ``advice`` what to do."""
    return DataError(f"{path}: expected a text file, but it cannot be read ({reason}); {advice}")


def _decode(blocks: Iterator[bytes], name: str, replace: bool) -> Iterator[str]:
    replaced = LineNumbers()
    try:
        for number, raw in enumerate(_split(blocks), start=1):
            line = _line(raw, number, name)
            if isinstance(line, LineError):
                if not replace or len(raw) > _LONGEST:
                    raise line
                replaced.add(number)
                line = raw.decode(_codec(number), errors="replace").removesuffix("\r")
            yield line
    finally:
        if replaced.count:
            log.warning("%s: bytes that are not UTF-8 became U+FFFD in %s", name, replaced)


def _line(raw: bytes, number: int, name: str) -> str | LineError:
    """Decode a line, or return why that is not possible."""
    if len(raw) > _LONGEST:
        return LineError(_too_long(name, number), raw, f"more than {_LONGEST:,} bytes")
    try:
        return raw.decode(_codec(number)).removesuffix("\r")
    except UnicodeDecodeError as error:
        return LineError(_no_utf8(name, number, error), raw, f"byte {_byte(error)}")


def _codec(number: int) -> str:
    return "utf-8-sig" if number == 1 else "utf-8"


def _split(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Split at line feeds, giving each line as soon as it is there, without its line feed.

    Of a line that is too long the end is left out, so that memory holds it.
    """
    rest: list[bytes] = []
    length = 0
    for block in blocks:
        first, *more = block.split(b"\n")
        if length <= _LONGEST:
            rest.append(first)
            length += len(first)
        for part in more:
            yield b"".join(rest)
            rest = [part]
        if more:
            length = len(more[-1])
    if line := b"".join(rest):
        yield line


def _too_long(name: str, number: int) -> str:
    return (
        f"{name}: expected lines of at most {_LONGEST:,} bytes, but line {number} has more; check "
        "that it is a text, and one with line feeds"
    )


def _no_utf8(name: str, number: int, error: UnicodeDecodeError) -> str:
    return (
        f"{name}: expected UTF-8, but line {number} holds byte {_byte(error)} that is not; convert "
        "the file, for example with iconv"
    )


def _byte(error: UnicodeDecodeError) -> str:
    return f"0x{error.object[error.start]:02x}"


def as_utf8(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Make UTF-8 of what has a mark of UTF-16 or UTF-32, and pass on what has none.

    Args:
        blocks: The content of a file, decompressed.
        name: What messages call it.

    Raises:
        DataError: If the content does not fit its mark, or looks like UTF-16 or UTF-32 without a
            mark, whose bytes may be UTF-8 full of zeros.
    """
    head = beginning(blocks, _MARKS)
    blocks = chain([head] if head else [], blocks)
    for mark, codec in _MARKS.items():
        if head.startswith(mark):
            yield from transcoded(blocks, codec, name)
            return
    if found := _wide_encoding(head):
        raise DataError(
            f"{name}: expected UTF-8, but it looks like {found} without a byte-order mark; convert "
            f"it with `iconv -f {found} -t UTF-8`"
        )
    yield from blocks


def transcoded(blocks: Iterator[bytes], codec: str, name: str) -> Iterator[bytes]:
    """Make UTF-8 of another encoding.

    Raises:
        DataError: If there is no such codec, or some bytes are not in it.
    """
    try:
        b"a".decode(codec, "ignore")  # refuses codecs such as hex, whose result is no text
        decoder = codecs.getincrementaldecoder(codec)()
        for block in blocks:
            yield decoder.decode(block).encode()
        decoder.decode(b"", final=True)
    except LookupError:
        raise DataError(
            f"{name}: expected the name of an encoding, but found {codec}; convert the file to "
            "UTF-8, for example with iconv"
        ) from None
    except UnicodeError as error:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else "a lone surrogate"
        raise DataError(
            f"{name}: expected {codec}, as its beginning says, but some bytes are not "
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
