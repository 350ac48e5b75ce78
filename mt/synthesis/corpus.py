"""A synthetic corpus as a file: JSON Lines, which recipes read."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from mt.data.corpora import JsonLinesConfig, Pair
from mt.data.filters import Selection
from mt.data.pairs import PairCounts
from mt.errors import DataError
from mt.outputs import keep_whole_groups
from mt.synthesis.originals import Original, Side

_LINE = "line"
"""The field that says from which line a pair was made, counted from 1."""


class SyntheticCorpus:
    """Writes pairs: an object a line, its sides named by their languages.

    Attributes:
        counts: Pairs that came, and why some of them are not written.
        before: Pairs that an interrupted run wrote.
    """

    def __init__(self, file: TextIO, name: Path, selection: Selection) -> None:
        """Begin to write.

        Args:
            file: Gets the pairs.
            name: How messages call it.
            selection: Which pairs are written, and their languages.
        """
        self.counts, self.before = PairCounts(), 0
        self._file, self._name = file, name
        self._fields = field_names(selection.source, selection.target)
        self._filters = selection.start()

    def resume(self, originals: Iterator[Original], side: Side) -> int:
        """Go on with what an interrupted run wrote, and pass over the lines it was made from.

        Args:
            originals: All lines, from the first.
            side: Which side of the pairs they are.

        Returns:
            The number of the last line that is done.

        Raises:
            DataError: If the file was made from other lines, or by something else.
        """
        keep_whole_groups(self._file, lambda line: line.partition(",")[0])
        self._file.seek(0)
        done, original = 0, None
        while line := self._file.buffer.readline():
            number, pair = self._read(line)
            if number > done:
                original = next(islice(originals, number - done - 1, None), None)
                done = number
            text = pair.source if side == "source" else pair.target
            if original is None or text != original.text:
                raise DataError(
                    f"{self._name}: expected what was made from the same text, but line {number:,} "
                    "of it is another; start anew without --resume"
                )
            self._filters.reasons([pair])  # those that remember must see it again
            self.before += 1
        self._file.seek(0, os.SEEK_END)
        return done

    def add(self, number: int, pairs: Sequence[Pair]) -> None:
        """Write the pairs of a line that are used, and count the others."""
        for pair, reason in zip(pairs, self._filters.reasons(pairs), strict=True):
            self.counts.read += 1
            if reason is not None:
                self.counts.drop(reason.name)
                continue
            record = {_LINE: number, **dict(zip(self._fields, pair, strict=True))}
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def _read(self, line: bytes) -> tuple[int, Pair]:
        try:
            record = json.loads(line)
            return int(record[_LINE]), Pair(*(record[field] for field in self._fields))
        except (ValueError, LookupError, TypeError):
            raise DataError(
                f"{self._name}: expected pairs that an interrupted run wrote, but found "
                f"{line.decode(errors='replace').strip()[:40]}; start anew without --resume"
            ) from None


def field_names(source: str, target: str) -> tuple[str, str]:
    """Name the fields of both sides: by their languages, if these differ."""
    return (source, target) if len({_LINE, source, target}) == 3 else ("source", "target")


def corpus_section(
    path: Path, languages: tuple[str, str], tag: str | None = None, weight: float = 1.0
) -> Mapping[str, Any]:
    """Say what a recipe says of a synthetic corpus.

    Args:
        path: Its file.
        languages: Of source and target.
        tag: What is put before its sources.
        weight: How often an epoch holds each pair.

    Raises:
        ConfigError: If the tag or the weight is none.
    """
    fields = field_names(*languages)
    values: dict[str, Any] = {"path": str(path), "tag": tag, "weight": weight}
    if fields != languages:
        values |= {"source": fields[0], "target": fields[1]}
    config = JsonLinesConfig.parse(values, where=str(path))
    return config.model_dump(mode="json", exclude_defaults=True)
