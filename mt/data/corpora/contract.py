"""What a corpus is: anything that yields sentence pairs and can say whether they have changed."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Pair(NamedTuple):
    """A sentence and its translation, which never part; neither holds a line feed."""

    source: str
    target: str


class Corpus(Protocol):
    """A source of sentence pairs; the kinds in this package satisfy it, as may any other object."""

    @property
    def where(self) -> str:
        """How messages call this corpus."""

    @property
    def weight(self) -> float:
        """How often an epoch holds each pair, on average."""

    @property
    def tag(self) -> str | None:
        """What is put before every source; ``pairs`` yields it without."""

    @property
    def reverse(self) -> bool:
        """Whether the sides are exchanged, so that sources are in the target language."""

    def check(self) -> None:
        """Look for whatever would keep the pairs from being read, without making them.

        Raises:
            DataError: With a line for each mistake.
        """

    def pairs(self) -> Iterator[Pair]:
        """Read all pairs from the start, in the same order each time.

        Raises:
            DataError: If they cannot be read.
        """

    def fingerprint(self) -> str:
        """Return a text that changes with the pairs: what was made of them is kept under it.

        Raises:
            DataError: If they cannot be read.
        """
