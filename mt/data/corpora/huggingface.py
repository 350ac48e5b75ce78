"""Corpora that the ``datasets`` library can load: from the hub, or JSON, CSV and Parquet files."""

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from mt.config import StrictConfig
from mt.data.corpora.contract import Pair
from mt.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from datasets.arrow_dataset import Dataset

_ROWS = 1000
"""Rows read at a time."""


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
    source: str
    """The column of source sentences; dotted inside a nested one, as in ``translation.en``."""
    target: str
    """The column of target sentences."""

    @property
    def where(self) -> str:
        """How messages call this corpus."""
        name = f", {self.name}" if self.name else ""
        files = f", {self.data_files}" if self.data_files else ""
        return f"{self.path}{name}{files}, split {self.split}"

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
        columns = [self._column(dataset, name) for name in (self.source, self.target)]
        for rows in dataset.select_columns(sorted(set(columns))).iter(batch_size=_ROWS):
            for source, target in zip(*(rows[column] for column in columns), strict=True):
                yield source or "", target or ""

    def fingerprint(self) -> str:
        """Name the content, by the library's own fingerprint and the columns.

        Raises:
            DataError: As :meth:`pairs` does.
        """
        parts = [self._load()._fingerprint, self.source, self.target]  # noqa: SLF001
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _load(self) -> "Dataset":
        # Importing these takes seconds, which only those who use them should wait for.
        from datasets.arrow_dataset import Dataset  # noqa: PLC0415
        from datasets.exceptions import DatasetsError  # noqa: PLC0415
        from datasets.load import load_dataset  # noqa: PLC0415

        files = list(self.data_files) if isinstance(self.data_files, tuple) else self.data_files
        try:
            loaded = load_dataset(self.path, self.name, split=self.split, data_files=files)
        except ConnectionError:
            raise DataError(
                f"{self.where}: expected to load this dataset, but the hub cannot be reached; "
                "check the connection, or use files of your own (kind: plain)"
            ) from None
        except (OSError, ValueError, DatasetsError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            known = re.findall(r"'([^']+)'", reason.partition("Should be one of")[2])
            advice = did_you_mean(self.split, known) or "check path, name, split and data_files"
            raise DataError(
                f"{self.where}: expected to load this dataset, but {reason}; {advice}"
            ) from None
        if not isinstance(loaded, Dataset):
            raise DataError(
                f"{self.where}: expected one split, but found several; set split to one of them"
            )
        return loaded

    def _column(self, dataset: "Dataset", name: str) -> str:
        if name not in dataset.features:
            known = list(dataset.features)
            advice = did_you_mean(name, known) or f"known are {', '.join(known)}"
            raise DataError(
                f"{self.where}: expected a column `{name}`, but there is none; {advice}"
            )
        kind = getattr(dataset.features[name], "dtype", "no text")
        if kind not in {"string", "large_string"}:
            raise DataError(
                f"{self.where}: expected column `{name}` to hold text, but it holds {kind}; "
                "choose another column"
            )
        return name


def _unbroken(text: str) -> str:
    return re.sub(r"\r\n?|\n", " ", text)
