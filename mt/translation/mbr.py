"""Minimum Bayes risk: of several translations the one that is most like all others."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from mt.translation.contract import Translation

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF


def by_expected_likeness(translations: Sequence[Translation]) -> list[Translation]:
    """Rank samples by the mean chrF of each with all others as references.

    Args:
        translations: Drawn from a model; what is drawn twice counts twice.

    Returns:
        All of them, the best first; of equals the one drawn first.

    Source: Kumar and Byrne (2004); Eikema and Aziz (2020).
    """
    counts = Counter(each.text for each in translations)
    likeness = {text: _expected_chrf(text, counts) for text in counts}
    return sorted(translations, key=lambda each: -likeness[each.text])


def _expected_chrf(text: str, others: Counter[str]) -> float:
    """Return the mean chrF of a text with others as references, on 0–100."""
    total = sum(_chrf().sentence_score(text, [other]).score * n for other, n in others.items())
    return float(total / others.total())


@cache
def _chrf() -> "CHRF":
    from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415 - most searches need none

    return CHRF()
