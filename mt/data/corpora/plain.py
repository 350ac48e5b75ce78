"""Two text files, whose lines N belong together."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from mt.config import StrictConfig
from mt.data.corpora.contract import Pair
from mt.errors import DataError, unequal_lines
from mt.files import decode_lines, open_text, read_lines, sha256


class PlainTextConfig(StrictConfig):
    """Two text files with one sentence a line, in UTF-8, plain or compressed as ``.gz``."""

    kind: Literal["plain"] = "plain"
    """What a corpus is when nothing is said."""
    source: Path
    """The file of source sentences."""
    target: Path
    """The file of their translations, with as many lines."""

    @property
    def where(self) -> str:
        """How messages call this corpus."""
        return f"{self.source} and {self.target}"

    def pairs(self) -> Iterator[Pair]:
        """Read both files in lock-step, as streams.

        Raises:
            DataError: If a file cannot be read or is not UTF-8, or one is longer than the other;
                the latter is known, and raised, when the shorter one ends.
        """
        sources, targets = _lines(self.source), _lines(self.target)
        for number, (source, target) in enumerate(zip_longest(sources, targets)):
            if source is None or target is None:
                more = 1 + sum(1 for _ in (targets if source is None else sources))
                counts = (number, number + more) if source is None else (number + more, number)
                raise unequal_lines(self.target, counts[1], self.source, counts[0])
            yield Pair(source, target)

    def fingerprint(self) -> str:
        """Name the content, whatever the files are called.

        Raises:
            DataError: If a file cannot be read.
        """
        digests = []
        for path in (self.source, self.target):
            open_text(path).close()  # complains in our words
            digests.append(sha256(path))
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _lines(path: Path) -> Iterator[str]:
    if path.suffix != ".gz":
        yield from read_lines(path)
        return
    with open_text(path) as file, io.BufferedReader(gzip.GzipFile(fileobj=file)) as stream:
        try:
            yield from decode_lines(stream, str(path))
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{path}: expected a gzip file, but it is damaged or none ({error}); "
                "compress it again, or drop the suffix .gz"
            ) from None
