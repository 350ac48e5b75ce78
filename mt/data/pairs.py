"""Sentence pairs of several corpora as one stream, and what became of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mt.data.corpora import CorpusConfig, Pair
from mt.errors import DataError


@dataclass
class PairCounts:
    """How many pairs were read, and why some are not used."""

    read: int = 0
    blank: int = 0
    """Dropped: a side held nothing but spaces."""
    too_long: int = 0
    """Dropped: a side had more tokens than allowed."""

    @property
    def kept(self) -> int:
        """Pairs that were not dropped."""
        return self.read - self.blank - self.too_long

    def __str__(self) -> str:
        return (
            f"{self.read:,} read, {self.blank:,} blank and {self.too_long:,} too long dropped, "
            f"{self.kept:,} kept"
        )


def read_pairs(corpora: Sequence[CorpusConfig], counts: PairCounts | None = None) -> Iterator[Pair]:
    """Read corpora one after the other.

    Both sides travel together: a pair of which one side is blank is dropped as a whole, so that
    nothing behind it can shift.

    Args:
        corpora: What to read.
        counts: Is kept up to date as pairs are read.

    Raises:
        DataError: If a corpus cannot be read, or at the end if no pair was left.
    """
    counts = counts or PairCounts()
    found = False
    for corpus in corpora:
        for pair in corpus.pairs():
            counts.read += 1
            if pair.source.strip() and pair.target.strip():
                found = True
                yield pair
            else:
                counts.blank += 1
    if not found:
        names = "; ".join(corpus.where for corpus in corpora) or "data"
        raise DataError(
            f"{names}: expected sentence pairs, but found none with text on both sides; "
            "check the files"
        )


__all__ = ["Pair", "PairCounts", "read_pairs"]
