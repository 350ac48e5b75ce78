"""Word links as text, and how well they agree with gold links."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mt.errors import DataError
from mt.lines import read_lines

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
        all_links = self.links + self.sure
        return _percent(all_links - self.sure_found - self.possible_found, all_links)

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


def doubts_of_links(
    links: Sequence[Links], gold: Sequence[GoldLinks], gold_base: int = 0
) -> Iterator[str]:
    """Notice links or gold links that seem to follow another convention, each as a warning.

    Words counted from 1 instead of 0 on one side: no link names word 0, and read so, the two agree
    better. The target word first on one side: read so, the error rate is less than half.

    Args:
        links: Of every pair, as they are scored.
        gold: Gold links of every pair, counted from 0.
        gold_base: What the file of gold links was read as counting from.
    """
    rate = score_links(links, gold).aer
    if rate is None:
        return

    def smaller(links: Iterable[Links], gold: Iterable[GoldLinks], most: float) -> str | None:
        other = score_links(links, gold).aer
        return None if other is None or other >= most else f"AER {other:.2f} instead of {rate:.2f}"

    possible = [pair.possible for pair in gold]
    if gold_base == 0 and _names_no_first_word(possible):
        shifted = [GoldLinks(_from_1(pair.sure), _from_1(pair.possible)) for pair in gold]
        if better := smaller(links, shifted, rate):
            yield (
                "gold links: expected words counted from 0, but none is word 0, and counted from "
                f"1 they agree better ({better}); give --gold-base 1"
            )
    if _names_no_first_word(links) and (better := smaller(map(_from_1, links), gold, rate)):
        yield (
            "links: expected words counted from 0, but none is word 0, and counted from 1 they "
            f"agree better ({better}); subtract 1 from each number"
        )
    if better := smaller(map(_flipped, links), gold, rate / 2):
        yield (
            "links and gold links: expected the source word first in both, but they agree better "
            f"with the target word first in one ({better}); swap the numbers of each link there"
        )


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


def refuse_links_outside(links: Links, source: int, target: int, where: str, base: int = 0) -> None:
    """Refuse links between words that a pair does not have.

    Args:
        links: Of the pair.
        source: Words of its source.
        target: Words of its target.
        where: How the message calls the line, such as its file and number.
        base: What the file counts from, so that the message counts likewise.

    Raises:
        DataError: If there is one.
    """
    outside = sorted(link for link in links if link[0] >= source or link[1] >= target)
    if outside:
        shown = "-".join(str(index + base) for index in outside[0])
        raise DataError(
            f"{where}: expected links between {source} source and {target} target words counted "
            f"from {base}, but found {shown}; compare what counts as a word (--words), what words "
            "are counted from (--gold-base) and the order of the sides"
        )


def _names_no_first_word(links: Sequence[Links]) -> bool:
    return all(min(link) > 0 for pair in links for link in pair)


def _from_1(links: Links) -> Links:
    return frozenset((source - 1, target - 1) for source, target in links)


def _flipped(links: Links) -> Links:
    return frozenset((target, source) for source, target in links)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
