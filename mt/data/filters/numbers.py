"""The filter of numbers that differ between the sides."""

import re
from dataclasses import dataclass

from mt.data.filters.contract import PairFilter, Reason

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Numbers(PairFilter):
    """Drops pairs whose sides hold numbers, but other ones.

    A number is found wherever the other side's digits, one behind the other, hold it: so
    ``1,000.50`` is ``1.000,50``, and days and months may change places. A side without any digit
    may have written its numbers out in words.
    """

    max_missing: float

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the share of numbers that the other side does not have."""
        sources, targets = _numbers(source), _numbers(target)
        if not sources or not targets:
            return None
        missing = _missing(sources, "".join(targets)) + _missing(targets, "".join(sources))
        share = missing / (len(sources) + len(targets))
        return Reason("other numbers", round(share, 2)) if share > self.max_missing else None


def _numbers(text: str) -> list[str]:
    """Find the runs of digits of whatever script, as ASCII and without leading zeros."""
    found = _NUMBER.findall(text)
    if not text.isascii():
        found = ["".join(str(int(digit)) for digit in number) for number in found]
    return [number.lstrip("0") or "0" for number in found]


def _missing(numbers: list[str], digits: str) -> int:
    return sum(number not in digits for number in numbers)
