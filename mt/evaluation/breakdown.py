"""Parts of a test set: its lines by the length of the reference, its words by their frequency."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LENGTHS = (0, 1, 6, 11, 16, 21, 31, 41, 61)
"""Words of a reference with which a new part begins."""
FREQUENCIES = (1, 2, 3, 5, 10, 100, 1000)
"""Occurrences in the reference with which a new part begins."""


@dataclass(frozen=True)
class Range:
    """Whole numbers from the first to the last; without a last there is no end."""

    first: int
    last: int | None

    def __str__(self) -> str:
        if self.last is None:
            return f"{self.first:,}+"
        return f"{self.first}" if self.first == self.last else f"{self.first}–{self.last}"


@dataclass(frozen=True)
class WordCounts:
    """Words of a translation beside those of its reference, counted within each sentence."""

    matched: int
    """Words that both have, a word that occurs several times as often as both have it."""
    hypothesis: int
    reference: int

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall on 0–100; ``None`` without any word."""
        words = self.hypothesis + self.reference
        return 200 * self.matched / words if words else None


def lines_by_length(references: Sequence[Sequence[str]]) -> dict[Range, list[int]]:
    """Sort the lines of a test set by the number of words of their reference.

    Args:
        references: The words of each line.

    Returns:
        Lines, counted from 0, of each range of lengths that has any, shortest first.
    """
    found: defaultdict[Range, list[int]] = defaultdict(list)
    for line, words in enumerate(references):
        found[_range_of(len(words), LENGTHS)].append(line)
    return {each: found[each] for each in sorted(found, key=lambda each: each.first)}


def words_by_frequency(
    hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> dict[Range, WordCounts]:
    """Count the words that a translation has in common with its reference, rare ones first.

    A word is as frequent as it is in the whole reference; words of the translation that do not
    occur there at all are of no range.

    Source: Neubig et al. (2019), "compare-mt", word accuracy by frequency.

    Args:
        hypotheses: The words of each line.
        references: The same of the reference.
    """
    frequency = Counter(word for words in references for word in words)
    ranges = {word: _range_of(count, FREQUENCIES) for word, count in frequency.items()}
    counts: defaultdict[Range, list[int]] = defaultdict(lambda: [0, 0, 0])
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        written, wanted = Counter(hypothesis), Counter(reference)
        for word in written.keys() | wanted.keys():
            if word in ranges:
                here = counts[ranges[word]]
                here[0] += min(written[word], wanted[word])
                here[1] += written[word]
                here[2] += wanted[word]
    return {each: WordCounts(*counts[each]) for each in sorted(counts, key=lambda each: each.first)}


def _range_of(number: int, starts: Iterable[int]) -> Range:
    first, last = 0, None
    for start in starts:
        if start > number:
            last = start - 1
            break
        first = start
    return Range(first, last)
