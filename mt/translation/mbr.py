"""Minimum Bayes risk: of several translations the one that is most like all of them."""

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
    weighted = pairwise_chrf(list(together)) * np.array(list(together.values()))
    # A sum that does not depend on how a processor adds: texts that differ in blanks are equals.
    gains = {text: math.fsum(row) for text, row in zip(together, weighted.tolist(), strict=True)}
    return sorted(range(len(texts)), key=lambda index: -gains[texts[index]])


def shares(found: Sequence[tuple[float, float]]) -> list[float]:
    """Turn what a beam ranks its hypotheses by into weights, of sum 1.

    ``softmax(factor * scores)``, where ``factor`` is the sum of the log-probabilities divided by
    that of the scores. Without a length penalty scores are log-probabilities, the factor is 1, and
    the weights are the probabilities of the hypotheses among each other; a penalty changes the
    order, and the factor keeps the differences as large as those of log-probabilities. That is our
    own choice; Kumar and Byrne know no penalty.

    Args:
        found: Of each hypothesis its log-probability, in nats, and its score.
    """
    total, scores = (sum(values) for values in zip(*found, strict=True))
    factor = total / scores if scores else 1.0
    most = max(score for _, score in found)
    weights = [math.exp(factor * (score - most)) for _, score in found]
    return [weight / sum(weights) for weight in weights]


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
    counts = np.zeros((len(texts), len(columns)), dtype=np.int32)
    for row, each in zip(counts, found, strict=True):
        row[[columns[gram] for gram in each]] = list(each.values())
    return counts
