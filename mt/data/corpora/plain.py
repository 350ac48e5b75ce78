"""Two text files, whose lines N belong together."""

import hashlib
import stat
from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from mt.config import StrictConfig
from mt.data.corpora.contract import Pair
from mt.errors import DataError, run_checks, unequal_lines
from mt.files import sha256
from mt.lines import count_lines, read_lines


class PlainTextConfig(StrictConfig):
    """Two text files with one sentence a line, in UTF-8; gzip, bzip2 and xz are decompressed."""

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

    def check(self) -> None:
        """Count the lines of both files.

        Raises:
            DataError: With a line for each file that is missing, empty, read once only, as a pipe
                is, or not UTF-8; or if one is longer than the other.
        """
        counts: dict[Path, int] = {}

        def count(path: Path) -> None:
            _refuse_pipe(path)
            counts[path] = count_lines(path)
            if not counts[path]:
                raise DataError(f"{path}: expected sentences, but the file is empty; check it")

        run_checks(partial(count, path) for path in (self.source, self.target))
        if counts[self.source] != counts[self.target]:
            raise unequal_lines(self.target, counts[self.target], self.source, counts[self.source])

    def pairs(self) -> Iterator[Pair]:
        """Read both files in lock-step, as streams.

        Raises:
            DataError: If a file cannot be read or is not UTF-8, or one is longer than the other;
                the latter is known, and raised, when the shorter one ends.
        """
        sources, targets = read_lines(self.source), read_lines(self.target)
        for number, (source, target) in enumerate(zip_longest(sources, targets)):
            if source is None or target is None:
                more = 1 + sum(1 for _ in (targets if source is None else sources))
                counts = (number, number + more) if source is None else (number + more, number)
                raise unequal_lines(self.target, counts[1], self.source, counts[0])
            yield Pair(source, target)

    def fingerprint(self) -> str:
        """Name the content, whatever the files are called.

        Raises:
            DataError: If a file cannot be read, or can be read once only.
        """
        digests = []
        for path in (self.source, self.target):
            _refuse_pipe(path)
            next(read_lines(path), None)  # complains in our words
            digests.append(sha256(path))
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _refuse_pipe(path: Path) -> None:
    """Refuse what cannot be read several times, as training does."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # opening it complains in our words
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(
            f"{path}: expected a file, but found a pipe or a device, which can be read once only, "
            "while training reads text several times; write the text to a file first"
        )
