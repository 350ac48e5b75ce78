"""What is in a file of records: text, JSON Lines or Parquet; of each a reader and a writer."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from mt.bulk import parquet
from mt.bulk.shards import Shard
from mt.compression import compression_of
from mt.devices import RecordFormat
from mt.lines import LineError, Location, each_line, read_bytes, read_part

Fields = dict[str, Any]

SOURCE = "source"
"""The field that holds a line of plain text."""
_SHOWN = 10_000
"""Characters of a line that are shown where it holds no record."""
_UNREADABLE = "unreadable line"
"""The reason where a line is no text."""
_BY_ENDING: dict[str, RecordFormat] = {
    ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet",
}  # fmt: skip


class Problem(NamedTuple):
    """Why a record cannot be used as it should."""

    reason: str
    """A few words, under which it is counted."""
    message: str
    fields: Fields | None = None
    """What is written in its place; ``None``: nothing."""
    found: str = ""
    """Of a line that holds no record: what is wrong with it, in a few words."""
    raw: str = ""
    r"""Of such a line: its beginning, with bytes that are no UTF-8 as ``\xe4``."""


class Format(Protocol):
    """Reads and writes the records of a shard."""

    ending: str
    """Of the names of files, compression left out."""

    def read(self, file: Location, shard: Shard) -> Iterator[Fields | Problem]:
        """Read the records of a shard, each a mapping of fields.

        Raises:
            DataError: If the file cannot be read on.
        """
        ...

    def write(self, records: Iterable[Fields], file: BinaryIO, source: Location) -> None:
        """Write records to a file; ``source`` is the file that they were read from."""
        ...


class Text:
    """A line is a record; of its fields the last one is written, so that lines stay lines."""

    ending = ".txt"

    def read(self, file: Location, shard: Shard) -> Iterator[Fields | Problem]:
        """Read lines; a blank one stands for one that cannot be read."""
        for line in _lines(file, shard):
            if isinstance(line, LineError):
                yield Problem(_UNREADABLE, str(line), {SOURCE: ""})
            else:
                yield {SOURCE: line}

    def write(self, records: Iterable[Fields], file: BinaryIO, source: Location) -> None:
        """Write a line for each record."""
        for record in records:
            *_, text = record.values()
            file.write(f"{text}\n".encode(errors="replace"))


class Tsv:
    """A line is a record of columns between tabs; its fields are their numbers, from 1."""

    ending = ".tsv"

    def read(self, file: Location, shard: Shard) -> Iterator[Fields | Problem]:
        """Read lines; nothing stands for one that cannot be read."""
        for line in _lines(file, shard):
            if isinstance(line, LineError):
                yield _unreadable(line)
            else:
                yield {str(number): cell for number, cell in enumerate(line.split("\t"), start=1)}

    def write(self, records: Iterable[Fields], file: BinaryIO, source: Location) -> None:
        """Write a line for each record."""
        lines = ("\t".join(record.values()) + "\n" for record in records)
        file.writelines(line.encode(errors="replace") for line in lines)


class JsonLines:
    """A line is a JSON object; blank lines are passed over."""

    ending = ".jsonl"

    def read(self, file: Location, shard: Shard) -> Iterator[Fields | Problem]:
        """Read objects; nothing stands for a line that holds none."""
        for line in _lines(file, shard):
            if isinstance(line, LineError):
                yield _unreadable(line)
            elif line.strip():
                yield self._parse(line, file)

    def write(self, records: Iterable[Fields], file: BinaryIO, source: Location) -> None:
        """Write an object for each record."""
        file.writelines(map(dump_json, records))

    def _parse(self, line: str, file: Location) -> Fields | Problem:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            return _no_object(line, str(error), file)
        return found if isinstance(found, dict) else _no_object(line, type(found).__name__, file)


class Parquet:
    """A row is a record; the types of columns stay what they are."""

    ending = ".parquet"

    def read(self, file: Location, shard: Shard) -> Iterator[Fields | Problem]:
        """Read rows."""
        return parquet.read_rows(file, shard.start, shard.end)

    def write(self, records: Iterable[Fields], file: BinaryIO, source: Location) -> None:
        """Write rows; a field that the file of the source lacks becomes a column of text."""
        parquet.write_rows(records, file, source)


FORMATS: dict[RecordFormat, Format] = {
    "text": Text(), "tsv": Tsv(), "jsonl": JsonLines(), "parquet": Parquet(),
}  # fmt: skip


def format_of(name: str) -> RecordFormat:
    """Tell the format of a file by its name; what has no known ending is text."""
    ending = _endings(name)[1]
    return _BY_ENDING.get(ending, "text")


def ending_of(name: str) -> str:
    """Return the ending that tells the format of a file and its compression: ``.tsv.gz``."""
    return name.removeprefix(_endings(name)[0])


def output_name(name: str, number: int, form: RecordFormat) -> str:
    """Name what a shard of a file becomes: ``a.jsonl.gz`` gives ``a.00003.jsonl.gz``."""
    stem, ending, compression = _endings(name)
    wanted = FORMATS[form].ending
    if ending != wanted and _BY_ENDING.get(ending) != form:
        stem += ending  # which tells more than what the file is, such as its language
    return f"{stem}.{number:05}{wanted}{'' if form == 'parquet' else compression}"


def rejects_name(output: str) -> str:
    """Name what is dropped of a shard: ``a.00003.tsv.gz`` gives ``a.00003.jsonl.gz``."""
    stem, _, compression = _endings(output)
    return f"{stem}.jsonl{compression}"


def _endings(name: str) -> tuple[str, str, str]:
    path, compression = Path(name), compression_of(name)
    if compression:
        path = path.with_suffix("")
    return str(path.with_suffix("")), path.suffix.lower(), compression


def _lines(file: Location, shard: Shard) -> Iterator[str | LineError]:
    if shard.end is None:
        return each_line(read_bytes(file), str(file))
    where = f"{file} from byte {shard.start:,}"
    return each_line(iter([read_part(file, shard.start, shard.end)]), where)


def _unreadable(line: LineError) -> Problem:
    # No character of UTF-8 has more than 4 bytes.
    text = line.raw[: 4 * (_SHOWN + 1)].decode(errors="backslashreplace")
    return Problem(_UNREADABLE, str(line), found=line.found, raw=_beginning(text))


def _no_object(line: str, found: str, file: Location) -> Problem:
    message = f"{file}: {found}: {line[:40]}"
    return Problem("no JSON object", message, found=found, raw=_beginning(line))


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def dump_json(record: Fields) -> bytes:
    """Write an object as a line that people read; what no UTF-8 can hold as JSON escapes."""
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(record) + "\n").encode()
