"""Filters that look at letters: how many there are, and whether the language is written in them."""

import re
from dataclasses import dataclass, field
from functools import cache

import regex

from mt.data.filters.contract import PairFilter, Reason
from mt.data.filters.scripts import scripts_of

_OTHERS = regex.compile(r"[^\p{L}\p{M} ]")
"""A mark is a part of a letter, as the vowel signs of Hindi are."""
_ASCII_OTHERS = re.compile("[^A-Za-z ]")
"""The same of ASCII, several times as fast."""


@dataclass(frozen=True)
class Letters(PairFilter):
    """Drops pairs of which a side is hardly made of letters: tables, scores, part numbers."""

    min_share: float

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the lower share of letters."""
        share = min(_share_of_letters(source), _share_of_letters(target))
        return Reason("few letters", round(share, 2)) if share < self.min_share else None


@dataclass(frozen=True)
class Script(PairFilter):
    """Drops pairs of which a side is written in letters that its language is not written in."""

    source: str
    target: str
    min_share: float
    _foreign: tuple["regex.Pattern[str] | None", ...] = field(init=False)

    def __post_init__(self) -> None:
        patterns = tuple(_foreign_letters(scripts_of(tag)) for tag in (self.source, self.target))
        object.__setattr__(self, "_foreign", patterns)

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the share of the letters of a side that belong to its language."""
        for text, foreign in zip((source, target), self._foreign, strict=True):
            found = len(foreign.findall(text)) if foreign else 0
            if found:
                share = 1 - found / _count(text)[0]
                if share < self.min_share:
                    return Reason("foreign script", round(share, 2))
        return None


def _count(text: str) -> tuple[int, int]:
    """Count the letters, and all characters that are no spaces."""
    characters = len(text) - text.count(" ")
    others = _ASCII_OTHERS if text.isascii() else _OTHERS
    return characters - len(others.findall(text)), characters


def _share_of_letters(text: str) -> float:
    letters, characters = _count(text)
    return letters / max(1, characters)


@cache
def _foreign_letters(scripts: tuple[str, ...]) -> "regex.Pattern[str] | None":
    """Match a letter of any script but these; of no script if none is known."""
    if not scripts:
        return None
    known = "".join(rf"\p{{Script={name}}}" for name in (*scripts, "Common", "Inherited"))
    return regex.compile(rf"[\p{{L}}--[{known}]]", regex.V1)
