"""Sentence pairs of several corpora as one stream, and which of them are not used, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from mt.data.corpora import Corpus, Pair
from mt.errors import DataError


class EncodedPair(NamedTuple):
    """A pair with the token ids of its sides, end marks not included."""

    text: Pair
    source: Sequence[int]
    target: Sequence[int]


class Filter(Protocol):
    """Decides which pairs are not used."""

    def reason(self, pair: EncodedPair) -> str | None:
        """Say in a word or two why a pair is dropped, as in ``too long``; ``None`` keeps it."""

    def fingerprint(self) -> str:
        """Return a text that changes with what is dropped: what was kept is stored under it."""


class Blank:
    """Drops pairs of which a side holds nothing that can be seen."""

    def reason(self, pair: EncodedPair) -> str | None:
        """Tell whether the pair is blank; invisible characters alone leave no token."""
        blank = _is_blank(pair.text) or not pair.source or not pair.target
        return "blank" if blank else None

    def fingerprint(self) -> str:
        """Name the filter."""
        return "blank"


@dataclass(frozen=True)
class TooLong:
    """Drops pairs of which a side has too many tokens."""

    max_tokens: int
    """Most tokens of a side, the end mark included."""

    def reason(self, pair: EncodedPair) -> str | None:
        """Tell whether the pair is too long."""
        longest = max(len(pair.source), len(pair.target)) + 1
        return "too long" if longest > self.max_tokens else None

    def fingerprint(self) -> str:
        """Name the filter and its limit."""
        return f"too long: {self.max_tokens}"


@dataclass
class PairCounts:
    """How many pairs were read, and how many of them are not used for which reason."""

    read: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """Pairs that were not dropped."""
        return self.read - sum(self.dropped.values())

    def drop(self, reason: str) -> None:
        """Count a pair that is not used."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def __add__(self, other: "PairCounts") -> "PairCounts":
        reasons = self.dropped.keys() | other.dropped.keys()
        return PairCounts(
            self.read + other.read,
            {each: self.dropped.get(each, 0) + other.dropped.get(each, 0) for each in reasons},
        )

    def __str__(self) -> str:
        parts = [f"{count:,} {reason}" for reason, count in sorted(self.dropped.items())]
        dropped = " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]])) or "none"
        return f"{self.read:,} read, {dropped} dropped, {self.kept:,} kept"


def read_pairs(corpora: Sequence[Corpus]) -> Iterator[Pair]:
    """Read the text of corpora one after the other.

    Both sides travel together: a pair of which one side is blank is dropped as a whole, so that
    nothing behind it can shift.

    Raises:
        DataError: If a corpus cannot be read, or at the end if no pair was left.
    """
    found = False
    for corpus in corpora:
        for pair in corpus.pairs():
            if not _is_blank(pair):
                found = True
                yield pair
    if not found:
        names = "; ".join(corpus.where for corpus in corpora) or "data"
        raise DataError(
            f"{names}: expected sentence pairs, but found none with text on both sides; "
            "check the files"
        )


def _is_blank(pair: Pair) -> bool:
    return not pair.source.strip() or not pair.target.strip()
