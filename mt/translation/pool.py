"""Lines that are translated together, from their segments to what search has found for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mt.translation.config import TranslationConfig
from mt.translation.constraints import Constraints
from mt.translation.contract import Hypothesis, Pending
from mt.translation.segments import Segment


@dataclass(frozen=True)
class Pool:
    """Lines whose translations are being searched for."""

    lines: Sequence[Sequence[Segment]]
    sources: Sequence[Sequence[int]]
    """The tokens of all segments that have some, in order."""
    config: TranslationConfig
    search: Pending
    constraints: dict[int, Constraints] = field(default_factory=dict)
    """What is asked of the translations of some sources, by the index of the source."""
    unmet: set[int] = field(default_factory=set)
    """The indices of lines of which something is asked that is impossible."""


@dataclass(frozen=True)
class Again:
    """A second search for those translations of a pool that ran on."""

    indices: Sequence[int]
    """Which they are."""
    search: Pending

    def replace(self, found: list[list[Hypothesis]]) -> None:
        """Put what is found now in the place of what ran on."""
        for index, group in zip(self.indices, self.search(), strict=True):
            found[index] = group


@dataclass(frozen=True)
class Searched:
    """A pool whose translations are found, but for those that are searched for again."""

    pool: Pool
    found: list[list[Hypothesis]]
    again: Again
