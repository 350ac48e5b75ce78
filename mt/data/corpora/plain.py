"""Two text files, whose lines N belong together."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import Literal

from mt.data.corpora.base import BaseCorpusConfig, FileName, refuse_pipe
from mt.data.corpora.contract import Pair
from mt.errors import DataError, run_checks, unequal_lines
from mt.lines import LineError, Location, count_lines, each_line, read_bytes


class PlainTextConfig(BaseCorpusConfig):
    """Two text files with one sentence a line; gzip, bzip2, xz and zstd are decompressed."""

    kind: Literal["plain"] = "plain"
    """What a corpus is when nothing is said."""
    source: FileName
    """The file of source sentences."""
    target: FileName
    """The file of their translations, with as many lines."""

    @property
    def where(self) -> str:
        """How messages call this corpus."""
        return f"{self.source} and {self.target}"

    def files(self) -> Sequence[Location]:
        """List both files."""
        return self.source, self.target

    def check(self) -> None:
        """Count the lines of both files, and read them if lines are skipped.

        Raises:
            DataError: With a line for each file that is missing, empty, read once only, as a pipe
                is, or not UTF-8; or if one is longer than the other.
        """
        if self.on_error == "skip":
            super().check()
            return
        counts: dict[Location, int] = {}

        def count(path: Location) -> None:
            refuse_pipe(path)
            counts[path] = count_lines(path)
            if not counts[path]:
                raise DataError(f"{path}: expected sentences, but the file is empty; check it")

        run_checks(partial(count, path) for path in (self.source, self.target))
        if counts[self.source] != counts[self.target]:
            raise unequal_lines(self.target, counts[self.target], self.source, counts[self.source])

    def records(self) -> Iterator[Pair | DataError]:
        """Read both files in lock-step, as streams.

        Raises:
            DataError: If a file cannot be read, or one is longer than the other, which is known
                when the shorter one ends.
        """
        names = str(self.source), str(self.target)
        sources, targets = (each_line(read_bytes(name), name) for name in names)
        yield from aligned(sources, targets, names)


def aligned(
    sources: Iterator[str | LineError], targets: Iterator[str | LineError], names: tuple[str, str]
) -> Iterator[Pair | DataError]:
    """Pair the lines of two texts, or give the first error of a pair.

    Args:
        sources: Lines, with an error for each that cannot be read.
        targets: As many of the other side.
        names: What messages call both.

    Raises:
        DataError: If one text is longer than the other.
    """
    for number, (source, target) in enumerate(zip_longest(sources, targets)):
        if source is None or target is None:
            more = 1 + sum(1 for _ in (targets if source is None else sources))
            counts = (number, number + more) if source is None else (number + more, number)
            raise unequal_lines(names[1], counts[1], names[0], counts[0])
        if isinstance(source, LineError):
            yield source
        elif isinstance(target, LineError):
            yield target
        else:
            yield Pair(source, target)
