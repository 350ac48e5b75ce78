"""Lines by length and words by frequency, beside counting by hand."""

from collections import Counter

import pytest

from mt.evaluation.breakdown import (
    FREQUENCIES,
    LENGTHS,
    Range,
    WordCounts,
    lines_by_length,
    words_by_frequency,
)


def test_every_line_is_in_the_part_of_its_length():
    lengths = [7, 0, 61, 5, 1, 6, 10, 500, 60, 11]
    parts = lines_by_length([["w"] * length for length in lengths])
    assert {str(part): [lengths[line] for line in lines] for part, lines in parts.items()} == {
        "0": [0], "1–5": [5, 1], "6–10": [7, 6, 10], "11–15": [11], "41–60": [60],
        "61+": [61, 500],
    }  # fmt: skip


@pytest.mark.parametrize("starts", [LENGTHS, FREQUENCIES])
def test_parts_do_not_overlap(starts):
    assert list(starts) == sorted(set(starts))


def test_words_of_each_frequency_are_counted_within_their_sentence():
    references = ["a b c", "a b", "a a a"]
    hypotheses = ["a a c x", "b b", "a"]
    found = words_by_frequency([h.split() for h in hypotheses], [r.split() for r in references])
    assert found == {
        Range(1, 1): WordCounts(1, 1, 1),  # c
        Range(2, 2): WordCounts(1, 2, 2),  # b: once too often in one sentence, missing in another
        Range(5, 9): WordCounts(2, 3, 5),  # a; x is in no reference
    }
    assert found[Range(5, 9)].f1 == pytest.approx(2 * (2 / 3) * (2 / 5) / (2 / 3 + 2 / 5) * 100)
    assert WordCounts(0, 0, 0).f1 is None


def test_counts_agree_with_counting_word_by_word(rivals):
    one, _, references = rivals
    hypotheses, wanted = ([line.split() for line in lines] for lines in (one, references[0]))
    found = words_by_frequency(hypotheses, wanted)
    frequency = Counter(word for line in wanted for word in line)
    for part, counts in found.items():
        words = {w for w, n in frequency.items() if part.first <= n <= (part.last or n)}
        assert counts.reference == sum(word in words for line in wanted for word in line)
        assert counts.hypothesis == sum(word in words for line in hypotheses for word in line)
        assert counts.matched == sum(
            min(ours.count(word), theirs.count(word))
            for ours, theirs in zip(hypotheses, wanted, strict=True)
            for word in words
        )
    assert sum(counts.reference for counts in found.values()) == frequency.total()
