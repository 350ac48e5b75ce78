"""Corpora that the ``datasets`` library can load: from the hub, or Parquet and Arrow files."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import field_validator

from mt.data.corpora.base import BaseCorpusConfig, one_line
from mt.data.corpora.contract import Pair
from mt.data.corpora.jsonl import field_of
from mt.errors import DataError, did_you_mean
from mt.files import sha256
from mt.lines import Location

if TYPE_CHECKING:
    from datasets.arrow_dataset import Dataset
    from datasets.builder import DatasetBuilder
    from datasets.iterable_dataset import IterableDataset

_ROWS = 1000
"""Rows read at a time."""

_TEXT = {"string", "large_string", "string_view"}
_WHOLE_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
"""Kinds of columns that are read as text: of these numbers the spelling is known."""


class HuggingFaceConfig(BaseCorpusConfig):
    """One split of a dataset, with a column for each side."""

    kind: Literal["huggingface"] = "huggingface"
    """Chooses this kind."""
    path: str
    """A name on the hub, such as ``bentrevett/multi30k``, or a format: parquet or arrow."""
    name: str | None = None
    """The configuration, such as ``de-en``, where a dataset has several."""
    split: str
    """The split, such as ``train``, or a part of it, such as ``train[:1000]``."""
    data_files: str | tuple[str, ...] | None = None
    """Files of a format; the split is then ``train``."""
    streaming: bool = False
    """Read from where it lies, each time anew, instead of downloading and keeping all of it."""
    source: str | None = None
    """The column of source sentences, dotted inside a nested one, as in ``translation.en``; null:
    the language, as a column or inside ``translation``."""
    target: str | None = None
    """The column of target sentences."""

    @field_validator("path")
    @classmethod
    def _is_no_text(cls, path: str) -> str:
        if kind := {"csv": "csv or tsv", "json": "jsonl", "text": "plain"}.get(path):
            raise ValueError(
                f"expected a dataset, parquet or arrow, but found {path}; read such files with "
                f"kind: {kind}"
            )
        return path

    @property
    def where(self) -> str:
        """How messages call this corpus."""
        name = f", {self.name}" if self.name else ""
        files = f", {self.data_files}" if self.data_files else ""
        return f"{self.path}{name}{files}, split {self.split}"

    def files(self) -> Sequence[Location]:
        """List nothing: ``datasets`` finds the files."""
        return ()

    def check(self) -> None:
        """Load the dataset, which is then at hand, and look for the columns.

        Raises:
            DataError: As :meth:`records` does.
        """
        next(self.rows(), None)

    def records(self) -> Iterator[Pair | DataError]:
        """Read the pairs; a line break inside a sentence becomes a space, null becomes blank.

        Raises:
            DataError: If the hub or a file cannot be reached, or there is no such dataset, split or
                column of text.
        """
        for source, target in self.rows():
            yield Pair(one_line(source), one_line(target))

    def rows(self) -> Iterator[tuple[str, str]]:
        """Read the two columns as they are stored, line breaks included.

        Raises:
            DataError: As :meth:`records` does.
        """
        if self.streaming:
            yield from self._streamed_rows()
            return
        dataset = self._dataset(self._builder()).flatten()
        columns = [self._column(dataset, name or "") for name in (self.source, self.target)]
        for rows in dataset.select_columns(sorted(set(columns))).iter(batch_size=_ROWS):
            for source, target in zip(*(rows[column] for column in columns), strict=True):
                yield _text(source), _text(target)

    def fingerprint(self) -> str:
        """Name the content: that of the files, or of a dataset of the hub its version there.

        Raises:
            DataError: As :meth:`records` does.
        """
        builder = self._builder()
        paths = [Path(name) for name in _files(builder)]
        if paths and all(path.is_file() for path in paths):
            content = [sha256(path) for path in paths]
        elif self.streaming:
            content = [str(builder.hash), builder.config_id]
        else:
            content = [self._dataset(builder)._fingerprint]  # noqa: SLF001
        read_as = [self.path, self.split, self.source, self.target, *["reversed"] * self.reverse]
        return hashlib.sha256("\n".join(map(str, [*read_as, *content])).encode()).hexdigest()

    def _builder(self) -> "DatasetBuilder":
        """Find the files, without reading them."""
        # Importing it takes seconds, which only those who use it should wait for.
        from datasets.load import load_dataset_builder  # noqa: PLC0415

        files = list(self.data_files) if isinstance(self.data_files, tuple) else self.data_files
        with self._explained():
            builder = load_dataset_builder(self.path, self.name, data_files=files)
        found = _files(builder)
        if self.data_files and not found:
            raise DataError(f"{self.where}: expected files, but none has such a name; check it")
        for path in map(Path, found):
            if path.is_file() and not path.stat().st_size:
                raise DataError(f"{path}: expected rows, but the file is empty; check it")
        return builder

    def _dataset(self, builder: "DatasetBuilder") -> "Dataset":
        """Read the files, or open what an earlier call has made of them."""
        from datasets.arrow_dataset import Dataset  # noqa: PLC0415

        with self._explained():
            builder.download_and_prepare()
            loaded = builder.as_dataset(split=self.split)
        if not isinstance(loaded, Dataset):
            raise DataError(
                f"{self.where}: expected one split, but found several; set split to one of them"
            )
        return loaded

    def _streamed_rows(self) -> Iterator[tuple[str, str]]:
        for number, row in enumerate(self._stream(), start=1):
            sides = []
            for name in (self.source, self.target):
                try:
                    value = field_of(row, name or "")
                except LookupError:
                    raise self._no_column(name, list(row)) from None
                if not isinstance(value, str | int | None) or isinstance(value, bool):
                    raise DataError(
                        f"{self.where}: expected text in `{name}`, but row {number:,} holds "
                        f"a {type(value).__name__}; choose another column"
                    )
                sides.append(_text(value))
            yield sides[0], sides[1]

    def _stream(self) -> Iterator[dict[str, Any]]:
        """Read whole rows without keeping them."""
        builder = self._builder()
        with self._explained():
            yield from cast("IterableDataset", builder.as_streaming_dataset(split=self.split))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in our words what the library raises, which may be anything."""
        try:
            yield
        except ConnectionError:
            raise DataError(
                f"{self.where}: expected to load this dataset, but the hub cannot be reached; "
                "check the connection, or use files of your own (kind: plain)"
            ) from None
        except Exception as error:
            cause = error.__cause__ or error
            reason = " ".join(str(cause).split()) or type(cause).__name__
            known = re.findall(r"'([^']+)'", reason.partition("Should be one of")[2])
            advice = did_you_mean(self.split, known) or "check path, split, data_files and name"
            raise DataError(
                f"{self.where}: expected to load this dataset, but {reason}; {advice}"
            ) from None

    def _column(self, dataset: "Dataset", wanted: str) -> str:
        """Find a column of text."""
        names = [name for name in (wanted, f"translation.{wanted}") if name in dataset.features]
        if not names:
            raise self._no_column(wanted, list(dataset.features))
        name = names[0]
        kind = getattr(dataset.features[name], "dtype", None) or "values of several kinds"
        if kind not in _TEXT | _WHOLE_NUMBERS:
            raise DataError(
                f"{self.where}: expected column `{name}` to hold text, but it holds {kind}; "
                "choose another column, or write its values as text"
            )
        return name

    def _no_column(self, name: str | None, known: Sequence[str]) -> DataError:
        advice = did_you_mean(name, known) or f"known are {', '.join(known)}"
        return DataError(f"{self.where}: expected a column `{name}`, but there is none; {advice}")


def _files(builder: "DatasetBuilder") -> list[str]:
    """List the files of all splits: paths, or addresses."""
    return [name for names in (builder.config.data_files or {}).values() for name in names]


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)
