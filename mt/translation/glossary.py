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
        """
        self._terms = {term.strip(): found.strip() for term, found in terms.items()}

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

    def _translation(self, term: str) -> str:
        exact = self._terms.get(term)
        return self._terms[term.lower()] if exact is None else exact

    @cached_property
    def _unspaced(self) -> re.Pattern[str]:
        longest_first = sorted(self._terms, key=len, reverse=True)
        # Inline flags ignore case for a part only.
        parts = [
            f"(?i:{re.escape(term)})" if term == term.lower() else re.escape(term)
            for term in longest_first
        ]
        return re.compile("|".join(parts) or r"(?!)")

    @cached_property
    def _spaced(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w)(?:{self._unspaced.pattern})(?!\w)")


def holds_term(text: str, term: str, spaced: bool = True) -> bool:
    """Say whether a term is in a text, as whole words where the language puts spaces."""
    bounds = (r"(?<!\w)", r"(?!\w)") if spaced else ("", "")
    return re.search(re.escape(term).join(bounds), text) is not None
