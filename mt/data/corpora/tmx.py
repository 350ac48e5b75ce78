"""TMX 1.4, the exchange format of translation memories (LISA OSCAR, 2005)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from mt.data.corpora.base import FileCorpusConfig
from mt.data.corpora.contract import Pair
from mt.data.corpora.languages import LanguageChoice
from mt.data.corpora.markup import LANGUAGE, name_of, read_elements, text_of
from mt.errors import DataError

if TYPE_CHECKING:
    from mt.data.corpora.markup import Element

_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})
"""Inline elements that hold formatting codes; what ``hi`` holds is text."""


class TmxConfig(FileCorpusConfig):
    """A translation memory, with any number of languages in each unit."""

    kind: Literal["tmx"] = "tmx"
    """Chooses this kind."""
    source: str | None = None
    """The tag of the source language in the file; null: ``data.source``."""
    target: str | None = None
    """The tag of the target language in the file; null: ``data.target``."""

    def reads_as(self) -> Sequence[object]:
        """List the languages."""
        return self.source, self.target

    def records(self) -> Iterator[Pair | DataError]:
        """Read the units that have both languages, and report the others.

        Raises:
            DataError: If the file cannot be read or is no XML, or no unit has both languages.
        """
        choice = LanguageChoice(self.where, self.source or "", self.target or "")
        for number, unit in enumerate(read_elements(self.path, ["tu"], ["header"]), start=1):
            try:
                pair = _pair(unit, choice)
            except ValueError as error:
                yield DataError(
                    f"{self.path}: line {unit.sourceline}: expected {error}; mend unit {number:,}"
                )
            else:
                if pair:
                    yield pair
        choice.report()


def _pair(unit: "Element", choice: LanguageChoice) -> Pair | None:
    """Take both languages of a unit, or nothing if it lacks one.

    Raises:
        ValueError: If the unit is damaged.
    """
    segments: dict[str, Element] = {}
    for variant in unit:
        if name_of(variant) != "tuv":
            continue
        tag = variant.get(LANGUAGE) or variant.get("lang")
        segment = next((part for part in variant if name_of(part) == "seg"), None)
        if not tag or segment is None:
            missing = "a language" if not tag else "a segment"
            raise ValueError(f"{missing} in each variant, but found none")
        segments.setdefault(tag, segment)
    tags = choice.of(segments)
    return Pair(*(text_of(segments[tag], _CODES) for tag in tags)) if tags else None
