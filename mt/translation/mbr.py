"""Minimum Bayes risk: of several translations the one that is most like all others."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

ORDER, BETA = 6, 2
"""Characters of the longest n-grams of chrF, and how much more recall matters than precision."""


def by_expected_chrf(texts: Sequence[str], weights: Sequence[float]) -> list[int]:
    """Rank translations of a sentence by the mean chrF of each with all as references.

    Args:
        texts: Of which the same one may occur several times.
        weights: How much each counts as a reference; not negative, of any sum but 0.

    Returns:
        The indices of all of them, the best first; of equals the first.

    Source: Kumar and Byrne (2004), equation 2; Eikema and Aziz (2020).
    """
    together: dict[str, float] = {}
    for text, weight in zip(texts, weights, strict=True):
        together[text] = together.get(text, 0.0) + weight
    means = pairwise_chrf(list(together)) @ np.array(list(together.values()))
    gains = dict(zip(together, means.tolist(), strict=True))
    return sorted(range(len(texts)), key=lambda index: -gains[texts[index]])


def probabilities(found: Sequence[tuple[float, float]]) -> list[float]:
    """Turn what a beam ranks its hypotheses by into their probabilities among each other.

    Args:
        found: Of each hypothesis its log-probability, in nats, and its score.

    Returns:
        The softmax of the scores, which are brought to nats by a common factor, that of the sums
        of both; without a length penalty, of the log-probabilities as they are.
    """
    total, scores = (sum(values) for values in zip(*found, strict=True))
    factor = total / scores if scores else 1.0
    most = max(score for _, score in found)
    shares = [math.exp(factor * (score - most)) for _, score in found]
    return [share / sum(shares) for share in shares]


def pairwise_chrf(texts: Sequence[str]) -> np.ndarray:
    """Return the chrF of each text with each as its reference, on 0–100, shape [text, reference].

    It is that of sacreBLEU with its defaults for single sentences, many times as fast, as the
    n-grams of each text are counted once (Popović 2015; precision and recall are means over the
    orders that both texts have).
    """
    count = len(texts)
    precision, recall, orders = (np.zeros((count, count)) for _ in range(3))
    letters = ["".join(text.split()) for text in texts]
    for order in range(1, ORDER + 1):
        counts = _ngram_counts(letters, order)
        totals = counts.sum(axis=1)
        matches = np.array([np.minimum(row, counts).sum(axis=1) for row in counts])
        both = np.outer(totals, totals) > 0
        precision += np.divide(matches, totals[:, None], out=np.zeros_like(precision), where=both)
        recall += np.divide(matches, totals[None, :], out=np.zeros_like(recall), where=both)
        orders += both
    precision, recall = (each / np.maximum(orders, 1) for each in (precision, recall))
    below = BETA**2 * precision + recall
    return np.divide(
        100 * (1 + BETA**2) * precision * recall, below, out=np.zeros_like(below), where=below > 0
    )


def _ngram_counts(texts: Sequence[str], order: int) -> np.ndarray:
    """Count the n-grams of each text, shape [text, n-gram]."""
    found = [Counter(text[i : i + order] for i in range(len(text) - order + 1)) for text in texts]
    columns = {gram: index for index, gram in enumerate(dict.fromkeys(g for c in found for g in c))}
    counts = np.zeros((len(texts), len(columns)), dtype=np.int64)
    for row, each in zip(counts, found, strict=True):
        row[[columns[gram] for gram in each]] = list(each.values())
    return counts
