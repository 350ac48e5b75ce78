"""Words that know what they render, and the sentences and links made of them.

Every word of a sentence under construction carries *ties*: names of the pieces of meaning it
renders, such as ``a.object.noun``. An English and a German token are linked when they share a tie,
so that gold word alignments fall out of generation and never out of a statistical aligner. A word
without a counterpart (a German comma before ``dass``, the ``there`` of ``there is``) carries no
tie.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

_TOKEN = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")
_MARKS = frozenset(",.?!")


class Word(NamedTuple):
    """One token to be: its text and the names of what it renders."""

    text: str
    ties: tuple[str, ...] = ()


class Pair(NamedTuple):
    """An English sentence, its German side, and the links between their tokens."""

    english: str
    german: str
    links: tuple[tuple[int, int], ...]

    @property
    def pharaoh(self) -> str:
        """The links in Pharaoh format: ``0-0 1-2``, English index first, counted from 0."""
        return " ".join(f"{english}-{german}" for english, german in self.links)


class Phrase(Protocol):
    """Anything that can be said in both languages."""

    def english_words(self, path: str) -> list[Word]:
        """Return the English words, their ties beginning with ``path``."""
        ...

    def german_words(self, path: str) -> list[Word]:
        """Return the German words, their ties beginning with ``path``."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A phrase without inner grammar, such as ``in the morning`` and ``am Morgen``."""

    english: tuple[Word, ...]
    german: tuple[Word, ...]

    @staticmethod
    def parse(english: str, german: str) -> Fixed:
        """Read two annotated sides: words with the same mark after ``/`` are linked.

        Several marks stand side by side; a word without a mark is linked to nothing. Where neither
        side has a mark, all words of one side are linked to all words of the other.

        Example:
            ``Fixed.parse("in/1 the/1 morning/2", "am/1 Morgen/2")``
        """
        if "/" not in english + german:
            return Fixed(
                tuple(Word(text, ("1",)) for text in english.split()),
                tuple(Word(text, ("1",)) for text in german.split()),
            )
        return Fixed(_annotated(english), _annotated(german))

    def english_words(self, path: str) -> list[Word]:
        """Return the English words, their ties beginning with ``path``."""
        return [Word(text, tuple(f"{path}.{tie}" for tie in ties)) for text, ties in self.english]

    def german_words(self, path: str) -> list[Word]:
        """Return the German words, their ties beginning with ``path``."""
        return [Word(text, tuple(f"{path}.{tie}" for tie in ties)) for text, ties in self.german]


def _annotated(side: str) -> tuple[Word, ...]:
    parts = (piece.partition("/") for piece in side.split())
    return tuple(Word(text, tuple(marks)) for text, _, marks in parts)


def tokenize(sentence: str) -> list[str]:
    """Split a sentence into the tokens that links count.

    A token is a word, together with its inner hyphens and apostrophes (``twenty-three``,
    ``Anna's``), or a single punctuation mark.
    """
    return _TOKEN.findall(sentence)


def make_pair(english: Sequence[Word], german: Sequence[Word]) -> Pair:
    """Write both sides as raw text and read the links off their ties."""
    english, german = _without_idle_commas(english), _without_idle_commas(german)
    places: dict[str, list[int]] = {}
    for index, word in enumerate(german):
        for tie in word.ties:
            places.setdefault(tie, []).append(index)
    links = sorted(
        {
            (index, place)
            for index, word in enumerate(english)
            for tie in word.ties
            for place in places.get(tie, ())
        }
    )
    return Pair(_raw(english), _raw(german), tuple(links))


def _without_idle_commas(words: Sequence[Word]) -> list[Word]:
    # A relative clause closes with a comma of its own; before another mark that one falls away.
    following = [*(word.text for word in words[1:]), ""]
    return [
        word
        for word, after in zip(words, following, strict=True)
        if not (word.text == "," and after in _MARKS)
    ]


def _raw(words: Sequence[Word]) -> str:
    text = "".join(word.text if word.text in _MARKS else f" {word.text}" for word in words)
    return text[1:2].upper() + text[2:]
