"""What is said about translations that may not be what they should."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from mt.lines import LineNumbers
from mt.translation.config import longest_translation
from mt.translation.contract import Translation
from mt.translation.segments import Segment

log = logging.getLogger(__name__)

_LONGEST_UNIT = 8
"""Tokens that, repeated, count as repetition."""
_REPEATED = 4
"""Times that they occur one behind the other, at least."""
_COVERED = 8
"""Tokens that the repetitions cover, at least."""


@dataclass
class Remarks:
    """Counts the lines of a stream whose translations a person should look at."""

    numbers: Iterator[int] = field(default_factory=partial(itertools.count, 1))
    """Of the lines, in order."""
    long: LineNumbers = field(default_factory=LineNumbers)
    ran_on: LineNumbers = field(default_factory=LineNumbers)
    empty: LineNumbers = field(default_factory=LineNumbers)
    unmet: LineNumbers = field(default_factory=LineNumbers)

    def see(
        self, line: Iterable[Segment], translation: Translation, *, ran_on: bool, unmet: bool
    ) -> None:
        """Look at the next line, in order.

        Args:
            line: What was translated.
            translation: What it became.
            ran_on: Whether the first attempt ran on; see :func:`runs_on`.
            unmet: Whether something was asked of it that it is not; see :class:`ConstrainedLine`.
        """
        number = next(self.numbers)
        if any(segment.cut for segment in line):
            self.long.add(number)
        if ran_on:
            self.ran_on.add(number)
        if unmet:
            self.unmet.add(number)
        if not translation.text and any(segment.tokens for segment in line):
            self.empty.add(number)

    def log(self, max_tokens: int) -> None:
        """Warn of what was seen.

        Args:
            max_tokens: That the model translates at once.
        """
        if self.long.count:
            log.warning(
                "%s: a sentence is longer than the %d tokens the model was trained for; it was "
                "translated in parts",
                self.long, max_tokens,
            )  # fmt: skip
        if self.ran_on.count:
            log.warning(
                "%s: the translation did not end or repeated itself, and was searched for again "
                "without repetition; is the text in the language of the model?",
                self.ran_on,
            )  # fmt: skip
        if self.empty.count:
            log.warning("%s: the translation is empty, though the line is not", self.empty)
        if self.unmet.count:
            log.warning(
                "%s: the translation is not as asked: the line has no words or not those of its "
                "terms, or nothing was found with this prefix, all terms and no forbidden word",
                self.unmet,
            )  # fmt: skip


def runs_on(source: Sequence[int], target: Sequence[int]) -> bool:
    """Say whether a translation reached its greatest length, or repeats what its source does not.

    Args:
        source: Tokens without marks.
        target: Those of the translation.
    """
    if len(target) + 1 >= longest_translation(len(source)):
        return True
    return _repeats(target) and not _repeats(source)


def _repeats(tokens: Sequence[int]) -> bool:
    """Say whether a few tokens occur again and again, one time behind the other."""
    if len(tokens) - len(set(tokens)) < _COVERED - _COVERED // _REPEATED:
        return False
    for unit in range(1, _LONGEST_UNIT + 1):
        wanted = max(_COVERED, _REPEATED * unit) - unit
        run = 0
        for token, before in zip(tokens[unit:], tokens, strict=False):
            run = run + 1 if token == before else 0
            if run == wanted:
                return True
    return False
