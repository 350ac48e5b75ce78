"""The filter of text that says the same again and again."""

import re
from dataclasses import dataclass, field

from mt.data.filters.contract import PairFilter, Reason

_THREE = re.compile(r"(\S)\1\1")


@dataclass(frozen=True)
class Repetition(PairFilter):
    """Drops pairs of which a side repeats a character or its words."""

    max_run: int
    min_words: int
    min_distinct: float
    _run: "re.Pattern[str]" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_run", re.compile(rf"(\S)\1{{{self.max_run}}}"))

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell what is repeated, or the share of distinct words."""
        for text in (source, target):
            run = self._find_run(text)
            if run:
                return Reason("repetitive", run)
            words = text.split()
            if len(words) >= self.min_words:
                distinct = len(set(words)) / len(words)
                if distinct < self.min_distinct:
                    return Reason("repetitive", round(distinct, 2))
        return None

    def _find_run(self, text: str) -> str | None:
        # Of a run that is too long, a third of the text's characters holds three.
        if not _THREE.search(text[:: (self.max_run + 1) // 3]):
            return None
        found = self._run.search(text)
        return found[0] if found else None
