"""The filter of sides that are the same."""

from dataclasses import dataclass

from mt.data.filters.contract import PairFilter, Reason
from mt.data.filters.length import visible_length


@dataclass(frozen=True)
class Copies(PairFilter):
    """Drops pairs whose sides are the same but for case and spaces: nobody translated them."""

    min_length: int

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the length of what is the same."""
        if source.casefold().split() != target.casefold().split():
            return None
        length = visible_length(source)
        return Reason("copied", length) if length >= self.min_length else None
