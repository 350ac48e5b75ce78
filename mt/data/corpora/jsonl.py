"""JSON Lines: a JSON object a line, with a field for each side."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from mt.data.corpora.base import FilesCorpusConfig, one_line
from mt.data.corpora.contract import Pair
from mt.errors import DataError, did_you_mean
from mt.lines import LineError, Location, each_line, read_bytes

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
"""Keeps the spelling of numbers: 1.50 stays 1.50."""


class JsonLinesConfig(FilesCorpusConfig):
    """A JSON object a line; blank lines are passed over."""

    kind: Literal["jsonl"] = "jsonl"
    """Chooses this kind."""
    source: str | None = None
    """The field of source sentences, dotted inside a nested one, as in ``translation.en``; null:
    named by the language, alone or inside ``translation``."""
    target: str | None = None
    """The field of target sentences."""

    def reads_as(self) -> Sequence[object]:
        """List the fields."""
        return self.source, self.target

    def records_of(self, file: Location) -> Iterator[Pair | DataError]:
        """Read the two fields of each object; null becomes blank, a number what is written there.

        Raises:
            DataError: If the file cannot be read.
        """
        for number, line in enumerate(each_line(read_bytes(file), str(file)), start=1):
            if isinstance(line, LineError):
                yield line
            elif line.strip():
                yield self._pair(line, f"{file}: line {number:,}")

    def _pair(self, line: str, where: str) -> Pair | DataError:
        if line.lstrip().startswith("["):
            return _refuse(where, "a JSON object", "a list", "write one object a line")
        try:
            value = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            return _refuse(where, "a JSON object", f"none ({error})", "check the line")
        if not isinstance(value, dict):
            return _refuse(where, "a JSON object", line[:40], "check the line")
        texts = []
        for name in (self.source, self.target):
            try:
                texts.append(_text(field_of(value, name or "")))
            except LookupError:
                advice = did_you_mean(name, value) or f"known are {', '.join(value)[:200]}"
                return _refuse(where, f"a field {name}", "none", advice)
            except (TypeError, UnicodeEncodeError):
                return _refuse(where, f"text in {name}", "none", "check the line")
        return Pair(*texts)


def _refuse(where: str, expected: str, found: str, advice: str) -> DataError:
    return DataError(f"{where}: expected {expected}, but found {found}; {advice}")


def field_of(record: dict[str, Any], name: str) -> Any:
    """Take a field of a record: by its name, dotted inside a nested one, or in ``translation``.

    Raises:
        LookupError: If there is none.
    """
    for path in ([name], name.split("."), ["translation", name]):
        value: Any = record
        for key in path:
            value = value.get(key, _ABSENT) if isinstance(value, dict) else _ABSENT
        if value is not _ABSENT:
            return value
    raise LookupError(name)


_ABSENT = object()


def _text(value: Any) -> str:
    """Return a value as text.

    Raises:
        TypeError: If it is none.
        UnicodeEncodeError: If it holds half of a character.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    if not value.isascii():
        value.encode()
    return one_line(value)
