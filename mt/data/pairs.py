"""Sentence pairs of several corpora as one stream, and which of them are not used, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mt.data.corpora import Corpus, Pair
from mt.data.filters import Selection
from mt.errors import DataError
from mt.text.tags import put_tag


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


@dataclass(frozen=True)
class Joined:
    """Several corpora, read one after the other, for what wants no more of them than that."""

    corpora: Sequence[Corpus]

    @property
    def where(self) -> str:
        """How messages call them."""
        return "; ".join(corpus.where for corpus in self.corpora)

    def pairs(self) -> Iterator[Pair]:
        """Read all pairs, without tags.

        Raises:
            DataError: If a corpus cannot be read.
        """
        for corpus in self.corpora:
            yield from corpus.pairs()


def read_pairs(
    corpora: Sequence[Corpus], selections: Sequence[Selection] | None = None
) -> Iterator[Pair]:
    """Read the text of corpora one after the other, each source with the tag of its corpus.

    Both sides travel together: a pair of which one side is blank is dropped as a whole, so that
    nothing behind it can shift.

    Args:
        corpora: What to read.
        selections: Which pairs of each are used; by default all but blank ones.

    Raises:
        DataError: If a corpus cannot be read, or at the end if no pair was left.
    """
    found = False
    selections = selections or [Selection()] * len(corpora)
    for corpus, selection in zip(corpora, selections, strict=True):
        for pair in selection.select(corpus.pairs()):
            found = True
            yield Pair(put_tag(corpus.tag, pair.source), pair.target)
    if not found:
        names = "; ".join(corpus.where for corpus in corpora) or "data"
        raise DataError(
            f"{names}: expected sentence pairs, but found none with text on both sides; "
            "check the files"
        )
