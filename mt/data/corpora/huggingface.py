"""Corpora that the ``datasets`` library can load: from the hub, or JSON, CSV and Parquet files."""

import csv
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mt.config import StrictConfig
from mt.data.corpora.contract import Pair
from mt.errors import DataError, did_you_mean
from mt.files import sha256

if TYPE_CHECKING:
    from datasets.arrow_dataset import Dataset
    from datasets.builder import DatasetBuilder

_ROWS = 1000
"""Rows read at a time."""

_TEXT = {"string", "large_string", "string_view"}
_WHOLE_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
"""Kinds of columns that are read as text: of these numbers the spelling is known."""


class HuggingFaceConfig(StrictConfig):
    """One split of a dataset, with a column for each side."""

    kind: Literal["huggingface"] = "huggingface"
    """Chooses this kind."""
    path: str
    """A name on the hub, such as ``bentrevett/multi30k``, or a format: json, csv, parquet."""
    name: str | None = None
    """The configuration, such as ``de-en``, where a dataset has several."""
    split: str
    """The split, such as ``train``, or a part of it, such as ``train[:1000]``."""
    data_files: str | tuple[str, ...] | None = None
    """Files of a format; the split is then ``train``."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """What separates the columns of csv files; null: a comma, or a tab in files named ``.tsv``.
    Where tabs separate, quotes are part of the text. The first line names the columns."""
    source: str
    """The column of source sentences; dotted inside a nested one, as in ``translation.en``."""
    target: str
    """The column of target sentences."""

    @model_validator(mode="after")
    def _csv_has_separators(self) -> Self:
        if self.separator is not None and self.path != "csv":
            raise ValueError(
                f"separator: expected none with path {self.path}, but found {self.separator!r}; "
                "leave it out, or set path to csv"
            )
        return self

    @property
    def where(self) -> str:
        """How messages call this corpus."""
        name = f", {self.name}" if self.name else ""
        files = f", {self.data_files}" if self.data_files else ""
        return f"{self.path}{name}{files}, split {self.split}"

    def check(self) -> None:
        """Load the dataset, which is then at hand, and look for the columns.

        Raises:
            DataError: As :meth:`pairs` does.
        """
        dataset = self._load().flatten()
        for name in (self.source, self.target):
            self._check_column(dataset, name)

    def pairs(self) -> Iterator[Pair]:
        """Read the pairs; a line break inside a sentence becomes a space, null becomes blank.

        Raises:
            DataError: If the hub or a file cannot be reached, or there is no such dataset, split or
                column of text.
        """
        for source, target in self.rows():
            yield Pair(_unbroken(source), _unbroken(target))

    def rows(self) -> Iterator[tuple[str, str]]:
        """Read the two columns as they are stored, line breaks included.

        Raises:
            DataError: As :meth:`pairs` does.
        """
        dataset = self._load().flatten()
        columns = [self.source, self.target]
        for name in columns:
            self._check_column(dataset, name)
        for rows in dataset.select_columns(sorted(set(columns))).iter(batch_size=_ROWS):
            for source, target in zip(*(rows[column] for column in columns), strict=True):
                yield _text(source), _text(target)

    def fingerprint(self) -> str:
        """Name the content: that of the files, or of a dataset of the hub its version there.

        Raises:
            DataError: As :meth:`pairs` does.
        """
        builder = self._builder()
        paths = [Path(name) for name in _files(builder)]
        if paths and all(path.is_file() for path in paths):
            content = [sha256(path) for path in paths]
        else:
            content = [self._dataset(builder)._fingerprint]  # noqa: SLF001
        read_as = [self.path, self.split, self.source, self.target, self._separator]
        return hashlib.sha256("\n".join(map(str, [*read_as, *content])).encode()).hexdigest()

    def _load(self) -> "Dataset":
        return self._dataset(self._builder())

    def _builder(self) -> "DatasetBuilder":
        """Find the files, without reading them."""
        # Importing it takes seconds, which only those who use it should wait for.
        from datasets.load import load_dataset_builder  # noqa: PLC0415

        files = list(self.data_files) if isinstance(self.data_files, tuple) else self.data_files
        options: dict[str, Any] = {}
        if self.path == "csv":
            options = {
                "sep": self._separator,
                "quoting": csv.QUOTE_NONE if self._separator == "\t" else csv.QUOTE_MINIMAL,
                "keep_default_na": False,  # None, NA and null are words
                "converters": {self.source: str, self.target: str},  # 007 stays as it is
            }
        with self._explained():
            builder = load_dataset_builder(self.path, self.name, data_files=files, **options)
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
            given = "separator" if self.path == "csv" else "name"
            advice = did_you_mean(self.split, known) or f"check path, split, data_files and {given}"
            raise DataError(
                f"{self.where}: expected to load this dataset, but {reason}; {advice}"
            ) from None

    @property
    def _separator(self) -> str | None:
        if self.path != "csv" or self.separator is not None:
            return self.separator
        names = [self.data_files] if isinstance(self.data_files, str) else self.data_files or ()
        return "\t" if names and all(".tsv" in Path(name).suffixes for name in names) else ","

    def _check_column(self, dataset: "Dataset", name: str) -> None:
        if name not in dataset.features:
            known = list(dataset.features)
            advice = did_you_mean(name, known) or f"known are {', '.join(known)}"
            if self.path == "csv" and len(known) == 1:
                advice = f"the only one is `{known[0]}`; set separator to what separates columns"
            elif self.path == "csv":
                advice += "; the first line must name the columns"
            raise DataError(
                f"{self.where}: expected a column `{name}`, but there is none; {advice}"
            )
        kind = getattr(dataset.features[name], "dtype", None) or "values of several kinds"
        if kind not in _TEXT | _WHOLE_NUMBERS:
            raise DataError(
                f"{self.where}: expected column `{name}` to hold text, but it holds {kind}; "
                "choose another column, or write its values as text"
            )


def _files(builder: "DatasetBuilder") -> list[str]:
    """List the files of all splits: paths, or addresses."""
    return [name for names in (builder.config.data_files or {}).values() for name in names]


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _unbroken(text: str) -> str:
    return re.sub(r"\r\n?|\n", " ", text)
