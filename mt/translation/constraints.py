"""What a translation must begin with, hold, and never say."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mt.lines import read_lines
from mt.text.words import WORD_START, spelling
from mt.translation.glossary import Glossary, bounds, holds_term, ignoring_case


@dataclass(frozen=True)
class ConstrainedLine:
    """A line to translate, and what is asked of its translation alone."""

    text: str
    prefix: str = ""
    """What the translation begins with. Its last word may be a part of one; white space behind it
    says that it is whole. A line with a prefix is not split into sentences."""
    terms: Mapping[str, str] = field(default_factory=dict)
    """Source terms with the translations that must be used; before those of a glossary."""
    forbidden: Sequence[str] = ()
    """Words and phrases that the translation must not hold; see :class:`Forbidden`."""


class Forbidden:
    """Words and phrases that no translation may hold, however they are cut into tokens.

    Where the language puts spaces between words, they are whole words: *Hund* permits *Hunde*. One
    without capital letters stands for its capitalised forms too.
    """

    def __init__(self, terms: Iterable[str], spaced: bool = True) -> None:
        """Take the words and phrases, and whether the language puts spaces between words."""
        found = (" ".join(term.split()) for term in terms)
        self.terms = tuple(dict.fromkeys(filter(None, found)))
        self._spaced = spaced

    def within(self, text: str) -> bool:
        """Say whether a text holds one of them."""
        return self._within.search(text) is not None

    def settled(self, text: str) -> bool:
        """Say whether a text holds one of them whatever letter comes next."""
        return self._settled.search(text) is not None

    def at_end(self, text: str) -> bool:
        """Say whether a text ends with one of them, which another letter would make another."""
        return self._at_end.search(text) is not None

    def may_settle(self, token: str) -> bool:
        """Say whether :meth:`settled` may begin to hold when a token is added to a text.

        Besides those that follow :meth:`at_end`: a token that goes on behind a word, or that ends
        one of those whose end is no end of a word.
        """
        in_bytes = "\ufffd" in token and any(not end.isascii() for end in self._ends)
        return (
            in_bytes
            or re.search(r"\w\W", token) is not None
            or any(end in token for end in self._ends)
        )

    @cached_property
    def _within(self) -> re.Pattern[str]:
        return self._pattern(lambda right: right)

    @cached_property
    def _settled(self) -> re.Pattern[str]:
        return self._pattern(lambda right: right and r"(?=\W)")

    @cached_property
    def _at_end(self) -> re.Pattern[str]:
        return self._pattern(lambda right: r"\Z" if right else r"(?!)")

    @cached_property
    def _ends(self) -> list[str]:
        ends = [term[-1] for term in self.terms if not bounds(term, self._spaced)[1]]
        return [case for end in ends for case in {end, end.upper()}]

    def _pattern(self, behind: Callable[[str], str]) -> re.Pattern[str]:
        """Search for any of them, ``behind`` saying what follows where a word ends."""
        parts = []
        for term in self.terms:
            left, right = bounds(term, self._spaced)
            parts.append(left + ignoring_case(term) + behind(right))
        return re.compile("|".join(parts) or r"(?!)")


def read_forbidden(path: Path) -> list[str]:
    """Read words and phrases, one a line; blank lines do not count.

    Raises:
        DataError: If the file cannot be read.
    """
    return [line.strip() for line in read_lines(path) if line.strip()]


@dataclass(frozen=True)
class Constraints:
    """What is asked of the translation of one segment."""

    forbidden: Forbidden
    prefix: str = ""
    """As the tokenizer writes it; a space at its end says that its last word is whole."""
    terms: tuple[str, ...] = ()
    """Target terms that it must hold."""

    @property
    def any(self) -> bool:
        """Whether anything is asked."""
        return bool(self.prefix or self.terms or self.forbidden.terms)

    def kept_by(self, text: str, spaced: bool) -> bool:
        """Say whether a translation is as asked.

        Args:
            text: The translation.
            spaced: Whether its language puts spaces between words.
        """
        return (
            f"{text} ".startswith(self.prefix)
            and all(holds_term(text, term, spaced) for term in self.terms)
            and not self.forbidden.within(text)
        )


@dataclass(frozen=True)
class TokenConstraints:
    """The same for a search, which knows tokens alone."""

    spellings: Sequence[bytes]
    """What each token of the vocabulary writes, in UTF-8; nothing if no translation may hold it."""
    word_breaks: Sequence[int]
    """The tokens that may stand behind a word."""
    forbidden: Forbidden
    prefix: Sequence[int] = ()
    """The tokens that the translation begins with."""
    rest: bytes = b""
    """What it goes on with, in whatever tokens: the word that the prefix ends in."""
    phrases: Sequence[Sequence[int]] = ()
    """What it holds, in whatever order; none is empty."""


def spellings(names: Sequence[str], marks: int) -> list[bytes]:
    """Return what each token of a vocabulary writes; nothing for marks, and for a space in bytes.

    Args:
        names: Of the tokens.
        marks: How many of them are marks; they come first.
    """
    written = [spelling(name).replace(WORD_START.encode(), b" ") for name in names[marks:]]
    return [b""] * marks + [
        b"" if name == "<0x20>" else each for name, each in zip(names[marks:], written, strict=True)
    ]


def wanted_terms(
    line: ConstrainedLine, sentences: Sequence[str], glossary: Glossary | None, spaced: bool
) -> tuple[list[list[str]], bool]:
    """Find the target terms that are asked for in each sentence of a line.

    Args:
        line: Its own terms count before those of the glossary.
        sentences: Of the line.
        glossary: For all lines.
        spaced: Whether the source language puts spaces between words.

    Returns:
        The terms of each sentence, and whether each of the line's own is in one of them.
    """
    own = Glossary(line.terms)
    both = own if glossary is None else glossary.changed(line.terms)
    found = [both.asked(sentence, spaced) for sentence in sentences]
    held = {term for sentence in sentences for term in own.asked(sentence, spaced)}
    return found, held >= {term.strip() for term in line.terms.values()}
