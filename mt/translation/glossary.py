"""Terms that a translation must use: a source term, and what it is translated as."""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from mt.errors import DataError
from mt.lines import read_lines


class Glossary:
    """Finds which terms a sentence asks for."""

    def __init__(self, terms: Mapping[str, str]) -> None:
        """Take the translation of each source term.

        A term without capital letters stands for its capitalised forms as well.

        Raises:
            DataError: If a term or a translation is blank.
        """
        self._terms = {term.strip(): found.strip() for term, found in terms.items()}
        for pair in self._terms.items():
            if not all(pair):
                raise DataError(
                    f"terms: expected a source term and its translation, but found {pair}; fill in "
                    "both"
                )

    @classmethod
    def read(cls, path: Path) -> "Glossary":
        """Read a table of two columns with a tab between them, and without a header.

        Raises:
            DataError: If the file cannot be read, or a line is no pair of terms.
        """
        terms: dict[str, str] = {}
        for number, line in enumerate(read_lines(path), start=1):
            source, tab, target = line.partition("\t")
            if not line.strip():
                continue
            if not tab or not source.strip() or not target.strip() or "\t" in target:
                raise DataError(
                    f"{path} line {number}: expected a source term, a tab and its translation, but "
                    f"found {line[:40]!r}; mend the line"
                )
            if terms.setdefault(source.strip(), target.strip()) != target.strip():
                raise DataError(
                    f"{path} line {number}: expected one translation of {source.strip()!r}, but "
                    f"found {terms[source.strip()]!r} and {target.strip()!r}; leave one"
                )
        return cls(terms)

    def asked(self, sentence: str, spaced: bool = True) -> list[str]:
        """Return the target terms that the source terms in a sentence ask for, each once.

        Where terms overlap, the first counts, and of those that begin together the longest.

        Args:
            sentence: Of the source language.
            spaced: Whether the language puts spaces between words: then terms are whole words.
        """
        found = (self._spaced if spaced else self._unspaced).finditer(sentence)
        return list(dict.fromkeys(self._translation(match[0]) for match in found))

    def changed(self, terms: Mapping[str, str]) -> "Glossary":
        """Return the same with other translations of some terms."""
        own = {term.strip(): found for term, found in terms.items()}
        return Glossary(self._terms | own)

    def _translation(self, term: str) -> str:
        exact = self._terms.get(term)
        return self._terms[term.lower()] if exact is None else exact

    @cached_property
    def _spaced(self) -> re.Pattern[str]:
        return self._pattern(spaced=True)

    @cached_property
    def _unspaced(self) -> re.Pattern[str]:
        return self._pattern(spaced=False)

    def _pattern(self, spaced: bool) -> re.Pattern[str]:
        longest_first = sorted(self._terms, key=len, reverse=True)
        parts = [ignoring_case(term).join(bounds(term, spaced)) for term in longest_first]
        return re.compile("|".join(parts) or r"(?!)")


def holds_term(text: str, term: str, spaced: bool = True) -> bool:
    """Say whether a term is in a text, as whole words where the language puts spaces."""
    return re.search(re.escape(term).join(bounds(term, spaced)), text) is not None


def ignoring_case(term: str) -> str:
    """Return a pattern of a term, and of its capitalised forms if it has no capital letters."""
    # Inline flags ignore case for a part only.
    return f"(?i:{re.escape(term)})" if term == term.lower() else re.escape(term)


def bounds(term: str, spaced: bool) -> tuple[str, str]:
    """Return patterns of what may not stand before and behind a term: what its words go on with.

    Args:
        term: Not empty.
        spaced: Whether the language puts spaces between words; else anything may.
    """
    if not spaced:
        return "", ""
    return (
        r"(?<!\w)" if re.match(r"\w", term) else "",
        r"(?!\w)" if re.match(r"\w", term[-1]) else "",
    )
