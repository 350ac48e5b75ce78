"""Word links as text, and how well they agree with gold links."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mt.errors import DataError
from mt.files import read_lines

Links = frozenset[tuple[int, int]]
"""Pairs of a source word and a target word, counted from 0."""

_LINK = re.compile(r"(\d+)([-?p])(\d+)(?::[-+.\deE]+)?")


@dataclass(frozen=True)
class GoldLinks:
    """What people said of a sentence pair."""

    sure: Links
    """Links that an alignment should have."""
    possible: Links
    """Links that it may have, the sure ones among them."""


@dataclass(frozen=True)
class AlignmentScore:
    """How links agree with gold links, as counts over a whole text.

    Source: Och and Ney (2003), "A Systematic Comparison of Various Statistical Alignment Models".
    """

    lines: int
    """Sentence pairs."""
    links: int
    """Links that were measured: |A|."""
    sure: int
    """Sure gold links: |S|."""
    possible: int
    """Possible gold links, the sure ones among them: |P|."""
    sure_found: int
    """Links that are sure: |A ∩ S|."""
    possible_found: int
    """Links that are possible: |A ∩ P|."""

    @property
    def precision(self) -> float | None:
        """|A ∩ P| / |A| on 0–100; ``None`` without links."""
        return _percent(self.possible_found, self.links)

    @property
    def recall(self) -> float | None:
        """|A ∩ S| / |S| on 0–100; ``None`` without sure links."""
        return _percent(self.sure_found, self.sure)

    @property
    def aer(self) -> float | None:
        """The alignment error rate, 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), on 0–100.

        Lower is better; ``None`` with neither links nor sure links.
        """
        agreement = _percent(self.sure_found + self.possible_found, self.links + self.sure)
        return None if agreement is None else 100 - agreement

    def __str__(self) -> str:
        rates = {"AER": self.aer, "precision": self.precision, "recall": self.recall}
        shown = [f"{name} {'–' if rate is None else f'{rate:.2f}'}" for name, rate in rates.items()]
        return (
            f"{' · '.join(shown)} · {self.links} links, {self.sure} sure and {self.possible} "
            f"possible in {self.lines} lines"
        )

    def to_json(self) -> dict[str, float | int | None]:
        """Return rates, unrounded, and counts for a JSON file."""
        return {
            "aer": self.aer,
            "precision": self.precision,
            "recall": self.recall,
            "lines": self.lines,
            "links": self.links,
            "sure": self.sure,
            "possible": self.possible,
        }


def score_links(links: Iterable[Links], gold: Iterable[GoldLinks]) -> AlignmentScore:
    """Compare the links of a text with gold links, pair by pair.

    Raises:
        ValueError: If there are not as many of one as of the other.
    """
    counts = [0] * 6
    for found, truth in zip(links, gold, strict=True):
        parts = (found, truth.sure, truth.possible, found & truth.sure, found & truth.possible)
        counts = [old + new for old, new in zip(counts, (1, *map(len, parts)), strict=True)]
    return AlignmentScore(*counts)


def format_links(links: Links) -> str:
    """Write links as a line in Pharaoh format, such as ``0-0 1-2``."""
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


def read_links(path: Path, base: int = 0) -> Iterator[GoldLinks]:
    """Read a file of links, a line for each sentence pair.

    A link is ``i-j`` if it is sure and ``i?j`` or ``ipj`` if it is only possible, source word
    first; a weight behind a colon is passed over.

    Args:
        path: The file.
        base: What its words are counted from: 0 or 1. What is returned counts from 0.

    Raises:
        DataError: If it cannot be read, or something in it is no link.
    """
    for number, line in enumerate(read_lines(path), start=1):
        sure, possible = set(), set()
        for text in line.split():
            found = _LINK.fullmatch(text)
            if not found:
                raise DataError(
                    f"{path}: expected links such as 0-0, or 1?2 for a possible one, but line "
                    f"{number} holds {text!r}; write them so"
                )
            link = int(found[1]) - base, int(found[3]) - base
            if min(link) < 0:
                raise DataError(
                    f"{path}: expected words counted from {base}, but line {number} holds {text}; "
                    "say what it counts from (--gold-base 0)"
                )
            possible.add(link)
            if found[2] == "-":
                sure.add(link)
        yield GoldLinks(frozenset(sure), frozenset(possible))


def refuse_links_outside(
    gold: GoldLinks, source: int, target: int, where: str, base: int = 0
) -> None:
    """Refuse links between words that a pair does not have.

    Args:
        gold: The links of the pair.
        source: Words of its source.
        target: Words of its target.
        where: How the message calls the line, such as its file and number.
        base: What the file counts from, so that the message counts likewise.

    Raises:
        DataError: If there is one.
    """
    outside = sorted(link for link in gold.possible if link[0] >= source or link[1] >= target)
    if outside:
        shown = "-".join(str(index + base) for index in outside[0])
        raise DataError(
            f"{where}: expected links between {source} source and {target} target words counted "
            f"from {base}, but found {shown}; compare what counts as a word (--words), the first "
            "number (--gold-base) and the order of the sides"
        )


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
