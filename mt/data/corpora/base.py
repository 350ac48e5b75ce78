"""What every kind of corpus shares: the policy for pairs that cannot be read, names of content."""

import hashlib
import json
import logging
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from mt.config import StrictConfig
from mt.data.corpora.contract import Pair
from mt.data.filters import Filters
from mt.errors import DataError
from mt.lines import Location, read_bytes
from mt.patterns import matching_files
from mt.text.tags import Tag

log = logging.getLogger(__name__)

_LISTED = 5
"""Errors that are listed, of those that were skipped."""
_BREAK = re.compile(r"\r?\n")


def _file(value: Any) -> Location:
    """Tell a path from an address, whose slashes a path would not keep."""
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"expected the path of a file, but found {value!r}; write it as text")
    return value if isinstance(value, str) and "://" in value else Path(value)


FileName = Annotated[
    Location,
    PlainValidator(_file),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "path"}),
]
"""A path, or an address such as ``https://…`` or ``s3://…``."""


ValidationSetName = Annotated[str, Field(pattern=r"^[^/\s]+$", max_length=64)]
"""A word without a slash."""


class BaseCorpusConfig(StrictConfig, ABC):
    """What may be said of a corpus of any kind."""

    on_error: Literal["fail", "skip"] = "fail"
    """A pair that cannot be read stops the reading, or is left out, counted and reported."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """How often an epoch holds each pair, on average: 2 doubles them, 0.5 takes a random half and
    in the next epoch the other half."""
    tag: Tag | None = None
    """A word put before every source, such as <2de> or <bt>; it is one token of the model, and
    `mt translate --tag` puts it there too."""
    reverse: bool = False
    """Exchanges the sides: what is read as the source becomes the target, as for a model of both
    directions. Filters judge each side by its own language; a tag is put before what has become the
    source."""
    set: ValidationSetName | None = None
    """Of validation pairs: those of one set are also measured by themselves. All corpora for
    validation have a set, or none."""
    filters: Filters | None = None
    """What drops pairs of this corpus, as ``data.filters``; null: those of all training corpora."""

    @property
    @abstractmethod
    def where(self) -> str:
        """How messages call this corpus."""

    @abstractmethod
    def files(self) -> Sequence[Location]:
        """List the files whose content is read."""

    @abstractmethod
    def records(self) -> Iterator[Pair | DataError]:
        """Read the pairs in their order, with an error in place of each that cannot be read.

        Raises:
            DataError: If nothing behind it can be read either.
        """

    def reads_as(self) -> Sequence[object]:
        """List what determines the pairs beside the content of the files."""
        return ()

    def in_languages(self, source: str, target: str) -> Self:
        """Name the sides by their languages where the recipe says nothing else.

        Args:
            source: The tag of the language translated from, such as ``de``.
            target: The tag of the language translated into.
        """
        tags = {"source": source, "target": target}
        missing = [side for side in tags if getattr(self, side, "") is None]
        return self.model_copy(update={side: tags[side] for side in missing})

    def pairs(self) -> Iterator[Pair]:
        """Read all pairs as a stream; what is skipped is reported at the end, once in a process.

        Raises:
            DataError: If a file cannot be read or, unless such pairs are skipped, a pair of it.
        """
        count = 0
        for record in self.records():
            if isinstance(record, Pair):
                yield Pair(record.target, record.source) if self.reverse else record
            elif self.on_error == "fail":
                raise record
            else:
                count += 1
                if count <= _LISTED:
                    warn_once(str(record))
        if count:
            listed = f"the first {_LISTED} are" if count > _LISTED else "listed"
            warn_once(f"{self.where}: {count:,} left out, as they cannot be read; {listed} above")

    def check(self) -> None:
        """Read everything.

        Raises:
            DataError: If a file is missing, is read once only, as a pipe is, or holds no pair, or
                as :meth:`pairs` does.
        """
        for path in self.files():
            refuse_pipe(path)
        if not sum(1 for _ in self.pairs()):
            raise DataError(
                f"{self.where}: expected sentence pairs, but found none; check the file"
            )

    def fingerprint(self) -> str:
        """Name the content, whatever the files are called.

        Raises:
            DataError: If a file cannot be read, or can be read once only.
        """
        digests = []
        for path in self.files():
            refuse_pipe(path)
            digest = hashlib.sha256()
            for block in read_bytes(path):
                digest.update(block)
            digests.append(digest.hexdigest())
        kind = type(self).__name__
        content = [kind, self.on_error, *map(str, self.reads_as()), *digests]
        content += ["reversed"] * self.reverse
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@lru_cache(maxsize=1024)
def warn_once(message: str) -> None:
    """Log a warning, but not again when the same corpus is read again."""
    log.warning("%s", message)


def refuse_pipe(path: Location) -> None:
    """Refuse what cannot be read several times.

    Raises:
        DataError: If it is a pipe or a device.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return  # opening it complains in our words
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(
            f"{path}: expected a file, but found a pipe or a device, which can be read once only, "
            "while this text is read several times; write it to a file first"
        )


def one_line(text: str) -> str:
    """Put a space in place of each line feed, which would end a line where pairs are written."""
    return _BREAK.sub(" ", text) if "\n" in text else text


class FileCorpusConfig(BaseCorpusConfig):
    """A corpus that is one file, or one folder."""

    path: FileName
    """The file."""

    @property
    def where(self) -> str:
        """How messages call this corpus."""
        return str(self.path)

    def files(self) -> Sequence[Location]:
        """List the file."""
        return (self.path,)


class FilesCorpusConfig(FileCorpusConfig):
    """A corpus that is one file, or several that are read one after the other."""

    path: FileName
    """The file; or by a pattern with ``*``, as in ``clean/*.jsonl``, all that fit, in the order of
    the alphabet."""

    def files(self) -> Sequence[Location]:
        """List the files.

        Raises:
            DataError: If none fits the pattern.
        """
        return matching_files(self.path)

    def records(self) -> Iterator[Pair | DataError]:
        """Read the pairs of all files.

        Raises:
            DataError: If a file cannot be read.
        """
        for file in self.files():
            yield from self.records_of(file)

    @abstractmethod
    def records_of(self, file: Location) -> Iterator[Pair | DataError]:
        """Read the pairs of a file in their order; see :meth:`records`."""
