"""Minimum Bayes risk: of several translations the one that is most like all others."""

from collections import Counter
from collections.abc import Sequence

from mt.evaluation.metrics import sentence_chrf
from mt.translation.contract import Translation


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
    total = sum(sentence_chrf(text, other) * n for other, n in others.items())
    return total / others.total()
