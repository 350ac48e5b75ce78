"""What a filter is: anything that says of pairs which are not used, and why."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

Sides = tuple[str, str]
"""The source and the target of a pair."""


class Reason(NamedTuple):
    """Why a pair is not used."""

    name: str
    """A word or two, under which pairs are counted."""
    measure: float | str
    """What decided: a number, or what was found in the text."""


class Filter(Protocol):
    """Decides by their text which pairs of a corpus are not used."""

    def reasons(self, pairs: Sequence[Sides]) -> Sequence[Reason | None]:
        """Say for each pair why it is not used; ``None`` keeps it.

        A stateful filter is given a corpus in its order, in parts of any size; what it says
        does not depend on their sizes.
        """


class PairFilter(ABC):
    """A filter that knows nothing but one pair."""

    @abstractmethod
    def reason(self, source: str, target: str) -> Reason | None:
        """Say why a pair is not used; ``None`` keeps it."""

    def reasons(self, pairs: Sequence[Sides]) -> Sequence[Reason | None]:
        """Say so for each pair."""
        return [self.reason(source, target) for source, target in pairs]
