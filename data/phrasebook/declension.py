"""German articles and adjective endings, and the determiners of both languages.

A determiner decides two things in German: its own ending, and which of the three sets of endings
the adjective after it takes (weak after ``der``, mixed after ``ein``, strong after nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Gender = Literal["m", "f", "n", "p"]
"""Masculine, feminine, neuter, or plural: in the plural German knows no gender."""

Pattern = Literal["der", "dieser", "viele", "ein", "bare"]
"""The word whose endings a determiner shares, and whose adjectives follow it."""

_Endings = dict[str, tuple[str, str, str, str]]


class Case(IntEnum):
    """The four cases, in the order of every table below."""

    NOMINATIVE = 0
    ACCUSATIVE = 1
    DATIVE = 2
    GENITIVE = 3


_DER: _Endings = {
    "m": ("der", "den", "dem", "des"),
    "f": ("die", "die", "der", "der"),
    "n": ("das", "das", "dem", "des"),
    "p": ("die", "die", "den", "der"),
}
_DIESER: _Endings = {
    "m": ("er", "en", "em", "es"),
    "f": ("e", "e", "er", "er"),
    "n": ("es", "es", "em", "es"),
    "p": ("e", "e", "en", "er"),
}
_EIN: _Endings = {
    "m": ("", "en", "em", "es"),
    "f": ("e", "e", "er", "er"),
    "n": ("", "", "em", "es"),
    "p": ("e", "e", "en", "er"),
}
_WEAK: _Endings = {
    "m": ("e", "en", "en", "en"),
    "f": ("e", "e", "en", "en"),
    "n": ("e", "e", "en", "en"),
    "p": ("en", "en", "en", "en"),
}
_MIXED: _Endings = {
    "m": ("er", "en", "en", "en"),
    "f": ("e", "e", "en", "en"),
    "n": ("es", "es", "en", "en"),
    "p": ("en", "en", "en", "en"),
}
_STRONG: _Endings = {
    "m": ("er", "en", "em", "en"),
    "f": ("e", "e", "er", "er"),
    "n": ("es", "es", "em", "en"),
    "p": ("e", "e", "en", "er"),
}
_ADJECTIVE = {"der": _WEAK, "dieser": _WEAK, "viele": _STRONG, "ein": _MIXED, "bare": _STRONG}


@dataclass(frozen=True, slots=True)
class Determiner:
    """What stands before the noun in both languages.

    Attributes:
        english: The English words in the singular; ``a`` becomes ``an`` where the next word asks.
        english_plural: The same in the plural.
        german: The German stem; empty where German says nothing.
        pattern: Which endings stem and adjective take.
        definite: Whether the phrase counts as definite for German word order.
        absorbs: Whether a negation turns it into ``kein``.
        asks: Whether it makes the phrase a question word.
    """

    english: str
    english_plural: str
    german: str
    pattern: Pattern
    definite: bool = False
    absorbs: bool = False
    asks: bool = False

    def declined(self, gender: Gender, case: Case) -> str:
        """Return the German determiner in ``gender`` and ``case``; empty where there is none."""
        if self.pattern == "der":
            return _DER[gender][case]
        if self.pattern in ("dieser", "viele"):
            return self.german + _DIESER[gender][case]
        if self.pattern == "ein":
            return self.german + _EIN[gender][case]
        return self.german

    def adjective_ending(self, gender: Gender, case: Case) -> str:
        """Return the ending an adjective takes after this determiner."""
        return _ADJECTIVE[self.pattern][gender][case]


THE = Determiner("the", "the", "", "der", definite=True)
A = Determiner("a", "", "ein", "ein", absorbs=True)
NO = Determiner("no", "no", "kein", "ein")
BARE = Determiner("", "", "", "bare")
SOME_MASS = Determiner("some", "", "etwas", "bare")
SOME = Determiner("", "some", "einig", "viele")
MANY = Determiner("", "many", "viel", "viele")
ANY = Determiner("any", "any", "", "bare", absorbs=True)
THIS = Determiner("this", "these", "dies", "dieser", definite=True)
EVERY = Determiner("every", "", "jed", "dieser", definite=True)
ALL = Determiner("", "all the", "all", "dieser", definite=True)
WHICH = Determiner("which", "which", "welch", "dieser", asks=True)
HOW_MANY = Determiner("", "how many", "wie viel", "viele", asks=True)
HOW_MUCH = Determiner("how much", "", "wie viel", "bare", asks=True)
LANGUAGE = Determiner("", "", "", "bare", absorbs=True)
PROFESSION = Determiner("a", "", "", "bare", absorbs=True)
"""English names a profession with an article, German without: ``is a doctor``, ``ist Arzt``."""

MY = Determiner("my", "my", "mein", "ein", definite=True)
YOUR = Determiner("your", "your", "dein", "ein", definite=True)
HIS = Determiner("his", "his", "sein", "ein", definite=True)
HER = Determiner("her", "her", "ihr", "ein", definite=True)
OUR = Determiner("our", "our", "unser", "ein", definite=True)
THEIR = Determiner("their", "their", "ihr", "ein", definite=True)
POSSESSIVES = (MY, YOUR, HIS, HER, OUR, THEIR)
