"""Filters that look at lengths."""

import re
from dataclasses import dataclass

from mt.data.filters.contract import PairFilter, Reason

_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
    "\U0001f300-\U0001faff\U00020000-\U0003ffff]"
)
"""The blocks of characters that Unicode calls wide (Unicode Standard Annex 11)."""


def visible_length(text: str) -> int:
    """Count the characters that are no spaces; wide ones, as Chinese has them, count as two.

    So a sentence and its translation are of similar length in whatever scripts they are written.
    """
    length = len(text) - text.count(" ")
    return length if text.isascii() else length + len(_WIDE.findall(text))


class Blank(PairFilter):
    """Drops pairs of which a side holds nothing but blanks."""

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell which side is blank."""
        if source and target and not source.isspace() and not target.isspace():
            return None
        return Reason("blank", "target" if source.strip() else "source")


@dataclass(frozen=True)
class Length(PairFilter):
    """Drops pairs of which a side is shorter or longer than a text to learn from."""

    min_words: int
    max_words: int
    max_characters: int

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the length that decided."""
        longest = max(len(source), len(target))
        if longest > self.max_characters:
            return Reason("too long", f"{longest} characters")
        words = sorted((_count_words(source), _count_words(target)))
        if words[1] > self.max_words:
            return Reason("too long", f"{words[1]} words")
        if words[0] < self.min_words:
            return Reason("too short", f"{words[0]} words")
        return None


@dataclass(frozen=True)
class LengthRatio(PairFilter):
    """Drops pairs of which one side is several times as long as the other."""

    max_ratio: float
    slack: int

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the ratio."""
        lengths = visible_length(source) + self.slack, visible_length(target) + self.slack
        ratio = max(lengths) / min(lengths)
        return Reason("length ratio", round(ratio, 2)) if ratio > self.max_ratio else None


def _count_words(text: str) -> int:
    return len(text.split())
