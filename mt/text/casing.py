"""Capitals and small letters, as the language of a text has them."""

import re
import unicodedata
from typing import TYPE_CHECKING

from mt.text.sentences import base_language

if TYPE_CHECKING:
    from mt.text.tokenizer import Tokenizer

_DOTTED = {"tr", "az"}
"""Languages whose i has a dot in capitals too, and which have a letter without one."""
_UNACCENTED = {"el"}
"""Languages that write no accents in capitals."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def has_own_capitals(language: str) -> bool:
    """Say whether a language writes capitals by rules that others do not have."""
    return base_language(language) in _DOTTED | _UNACCENTED


def upper_case(text: str, language: str) -> str:
    """Write a text in capitals, as its language does.

    Source: Unicode's special casing. The capital of Turkish i has a dot, and Greek capitals have no
    accent.
    """
    base = base_language(language)
    if base in _DOTTED:
        text = text.replace("i", "İ")
    elif base in _UNACCENTED:
        text = unicodedata.normalize("NFD", text).replace("\u0301", "")
    return unicodedata.normalize("NFC", text.upper())


def lower_case(text: str, language: str) -> str:
    """Write a text in small letters, as its language does."""
    if base_language(language) in _DOTTED:
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def title_case(text: str, language: str) -> str:
    """Begin each word with a capital."""
    return " ".join(upper_case(word[:1], language) + word[1:] for word in text.split(" "))


def truecase(text: str, tokenizer: "Tokenizer", language: str) -> str:
    """Write what is all in capitals in the case that a tokenizer knows; leave other text alone.

    A tokenizer learns long pieces for what it has often seen: so each word gets the case in which
    it has the fewest, and of several the one that is usual where it stands, a capital at the
    beginning and small letters elsewhere. ``A MAN IN PARIS`` becomes ``A man in Paris``, and an
    abbreviation that is a piece of its own stays.
    """
    if not text.isupper():
        return text
    words = [match.group() for match in _WORD.finditer(text)]
    cases = [_cases(word, language, first=not index) for index, word in enumerate(words)]
    lengths = map(len, tokenizer.encode([each for word in cases for each in word]))
    chosen = iter([min(word, key=lambda _: next(lengths)) for word in cases])
    return _WORD.sub(lambda _: next(chosen), text)


def _cases(word: str, language: str, first: bool) -> tuple[str, ...]:
    """List how a word in capitals may be written, the usual way first."""
    small = lower_case(word, language)
    title = word[:1] + small[1:]
    return (title, small, word) if first else (small, title, word)
