"""Tables of text: one pair a row, in columns that are named in the first line or numbered."""

import csv
import re
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from mt.data.corpora.base import FilesCorpusConfig, one_line
from mt.data.corpora.contract import Pair
from mt.errors import DataError, did_you_mean
from mt.lines import LineError, Location, each_line, read_bytes

Row = tuple[int, list[str]]
"""The number of the line where a row begins, from 1, and its cells."""

_NAMES = re.compile(r"(?i:source|target|src|trg|tgt)|[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
"""What columns of sentences are called: by their sides, or by tags of languages."""

Column = Annotated[int, Field(ge=1, strict=True)] | Annotated[str, Field(min_length=1)]


class TableConfig(FilesCorpusConfig):
    """What may be said of any table."""

    header: bool | None = None
    """Whether the first line names the columns; null: if they are chosen by name."""
    separator: str
    """What separates columns."""
    source: Column | None
    """The column of source sentences."""
    target: Column | None
    """The column of target sentences."""

    def reads_as(self) -> Sequence[object]:
        """List the choices that determine the pairs."""
        return self.source, self.target, self.header, self.separator

    @abstractmethod
    def rows(self, lines: Iterator[str | LineError], file: Location) -> Iterator[Row | DataError]:
        """Split lines into rows of cells."""

    def records_of(self, file: Location) -> Iterator[Pair | DataError]:
        """Read the two columns of each row.

        Raises:
            DataError: If the file cannot be read, or has no such columns.
        """
        rows = self.rows(each_line(read_bytes(file), str(file)), file)
        for first in rows:
            if not isinstance(first, DataError):
                break
            yield first
        else:
            if file == self.path:
                raise DataError(f"{file}: expected rows, but found none; check the file")
            return  # of several files some may be empty
        columns = [self._index(column, first, file) for column in (self.source, self.target)]
        if not self._has_header:
            self._refuse_names([first[1][index] for index in columns], file)
            yield _pair(first, columns, first, file)
        for row in rows:
            yield row if isinstance(row, DataError) else _pair(row, columns, first, file)

    @property
    def _has_header(self) -> bool:
        if self.header is not None:
            return self.header
        return isinstance(self.source, str) or isinstance(self.target, str)

    def _index(self, column: Column | None, first: Row, file: Location) -> int:
        """Find a column, counted from 0."""
        cells = first[1]
        if isinstance(column, int) and column <= len(cells):
            return column - 1
        if isinstance(column, str) and column in cells:
            return cells.index(column)
        if isinstance(column, int):
            found, advice = f"the first line has {len(cells)}", "numbers count from 1"
        else:
            shown = ", ".join(cells)[:200]
            found = f"the first line holds {shown}"
            advice = did_you_mean(column, cells) or "name columns as it does, or number them from 1"
        if len(cells) == 1:
            advice = f"set separator to what separates columns, if it is not {self.separator!r}"
        raise DataError(f"{file}: expected a column {column}, but {found}; {advice}")

    def _refuse_names(self, cells: Sequence[str], file: Location) -> None:
        """Refuse what looks like names of columns where pairs are expected."""
        if self.header is None and all(map(_NAMES.fullmatch, cells)):
            raise DataError(
                f"{file}: expected sentences in line 1, but {' and '.join(cells)} look like "
                "names of columns; set header to true if they are, or to false"
            )


def _pair(row: Row, columns: Sequence[int], first: Row, file: Location) -> Pair | DataError:
    number, cells = row
    if len(cells) != len(first[1]):
        return DataError(
            f"{file}: expected {len(first[1])} columns as in the first line, but line "
            f"{number} has {len(cells)}; check what separates them"
        )
    source, target = (one_line(cells[index]) for index in columns)
    return Pair(source, target)


class TsvConfig(TableConfig):
    """A table with a row a line and tabs between its columns; quotes are part of the text."""

    kind: Literal["tsv"] = "tsv"
    """Chooses this kind."""
    separator: Annotated[str, Field(min_length=1)] = "\t"
    """What separates columns, such as a tab or ``' ||| '``."""
    source: Column | None = 1
    """The column of source sentences: its number from 1, or its name in the first line."""
    target: Column | None = 2
    """The column of target sentences."""

    def rows(self, lines: Iterator[str | LineError], file: Location) -> Iterator[Row | DataError]:
        """Split each line."""
        for number, line in enumerate(lines, start=1):
            yield line if isinstance(line, LineError) else (number, line.split(self.separator))


class CsvConfig(TableConfig):
    """A table of spreadsheets: a cell in quotes may hold commas, quotes and line breaks."""

    kind: Literal["csv"] = "csv"
    """Chooses this kind."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What separates columns."""
    source: Column | None = None
    """The column of source sentences: its name in the first line, or its number from 1; null: named
    by the language."""
    target: Column | None = None
    """The column of target sentences."""

    def rows(self, lines: Iterator[str | LineError], file: Location) -> Iterator[Row | DataError]:
        """Parse rows; where one is broken, go on behind the line in which it begins."""
        taken = _Lines(lines)
        while not taken.ended:
            begin = taken.number
            try:
                for cells in csv.reader(taken, delimiter=self.separator, strict=True):
                    if cells:
                        yield begin, cells
                    taken.forget()
                    begin = taken.number
            except _UnreadableLine as unreadable:
                yield unreadable.error
                taken.forget()
            except csv.Error as error:
                yield DataError(
                    f"{file}: expected cells whose quotes are closed, but in the row that "
                    f"begins in line {begin} {error}; write quotes that are text twice"
                )
                taken.give_back()


class _UnreadableLine(Exception):  # noqa: N818 - it carries an error through the parser
    def __init__(self, error: LineError) -> None:
        super().__init__(error)
        self.error = error


class _Lines:
    """Lines for a parser of rows; those of a broken row but its first are read once more.

    Attributes:
        number: Of the next line, from 1.
        ended: Whether there is none.
    """

    def __init__(self, lines: Iterator[str | LineError]) -> None:
        self._lines = lines
        self._given_back: deque[str | LineError] = deque()
        self._taken: list[str | LineError] = []
        self.number = 1
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self._taken.append(line)
        self.number += 1
        if isinstance(line, LineError):
            raise _UnreadableLine(line)
        return line + "\n"

    def forget(self) -> None:
        """Begin a new row."""
        self._taken.clear()

    def give_back(self) -> None:
        """Go back to the line behind the one in which the row begins."""
        again = self._taken[1:]
        self._given_back.extendleft(reversed(again))
        self.number -= len(again)
        self.ended = False
        self.forget()
