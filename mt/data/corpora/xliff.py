"""XLIFF 1.2 and 2.0, in which translators hand over their work (OASIS, 2008 and 2014)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from mt.data.corpora.base import FileCorpusConfig, warn_once
from mt.data.corpora.contract import Pair
from mt.data.corpora.languages import closest
from mt.data.corpora.markup import name_of, read_elements, text_of
from mt.errors import DataError

if TYPE_CHECKING:
    from mt.data.corpora.markup import Element

_UNITS = frozenset({"trans-unit", "segment"})
"""What holds a source and a target, in 1.2 and in 2.0."""
_AROUND = frozenset({"file", "group", "header", "unit"})
"""What may hold units."""
_CODES = frozenset({"bpt", "ept", "it", "ph"})
"""Inline elements that hold formatting codes."""
_UNTRANSLATED = frozenset({"new", "needs-translation", "initial"})
"""States of a target that is there, but is no translation yet."""


class XliffConfig(FileCorpusConfig):
    """Translated units; those without a translation are left out, counted and reported."""

    kind: Literal["xliff"] = "xliff"
    """Chooses this kind."""
    source: str | None = None
    """The tag of the source language in the file; null: ``data.source``."""
    target: str | None = None
    """The tag of the target language in the file; null: ``data.target``."""

    def reads_as(self) -> Sequence[object]:
        """List the languages."""
        return self.source, self.target

    def records(self) -> Iterator[Pair | DataError]:
        """Read the units of the files that are between these languages, in either direction.

        Raises:
            DataError: If the file cannot be read or is no XML, or has no text in both languages.
        """
        untranslated, others, found = 0, set[str](), False
        for unit in read_elements(self.path, _UNITS, _AROUND):
            languages = _languages(unit)
            order = self._order(languages)
            if not order:
                others.add(" → ".join(map(str, languages)))
                continue
            found = True
            try:
                pair = _pair(unit, order)
            except ValueError as error:
                yield DataError(
                    f"{self.path}: line {unit.sourceline}: expected {error}; mend the unit"
                )
                continue
            if pair:
                yield pair
            else:
                untranslated += 1
        asked = f"{self.source} → {self.target}"
        if others and not found:
            raise DataError(
                f"{self.path}: expected translations {asked}, but it holds "
                f"{', '.join(sorted(others))}; set source and target to what it says"
            )
        if others:
            warn_once(f"{self.path}: translations {', '.join(sorted(others))} left out")
        if untranslated:
            warn_once(f"{self.path}: {untranslated:,} units without a translation left out")

    def _order(self, languages: tuple[str, str | None]) -> tuple[str, str] | None:
        """Say which child of a unit holds the source and which the target, if they do."""
        source, target = self.source or "", self.target or ""
        for order, (first, second) in (
            (("source", "target"), (source, target)),
            (("target", "source"), (target, source)),
        ):
            if closest(first, languages[:1]) and (
                languages[1] is None or closest(second, [languages[1]])
            ):
                return order
        return None


def _languages(unit: "Element") -> tuple[str, str | None]:
    """Find the languages that are said of a unit, in the notation of 1.2 or of 2.0."""
    for parent in unit.iterancestors():
        for source, target in (("source-language", "target-language"), ("srcLang", "trgLang")):
            if parent.get(source):
                return parent.get(source, ""), parent.get(target)
    return "", None


def _pair(unit: "Element", order: tuple[str, str]) -> Pair | None:
    """Take both sides of a unit, or nothing if it is not translated.

    Raises:
        ValueError: If the unit is damaged.
    """
    parts = {name_of(part): part for part in unit}
    if "source" not in parts:
        raise ValueError("a source in each unit, but found none")
    target = parts.get("target")
    state = unit.get("state") if target is None else target.get("state", unit.get("state"))
    if target is None or state in _UNTRANSLATED:
        return None
    pair = Pair(*(text_of(parts[name], _CODES) for name in order))
    return pair if pair.source and pair.target else None
