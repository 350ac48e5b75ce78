"""Choose views without gold links: by mutual information of the links, or by agreement.

Among views within one standard error of the best the first is taken. Means over heads and layers
come before single heads, so that the best of many views is not merely the luckiest, least of all on
few pairs. Source: the one-standard-error rule of Breiman et al. (1984).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mt.evaluation.alignment import Links

ViewWeights = Sequence[Float[Tensor, "views target_words source_words"]]
"""For each sentence pair, the weights of its words in every view."""


class Estimate(NamedTuple):
    """A mean over a sample."""

    value: float
    error: float
    """Its standard error."""


def mutual_information(
    links: Iterable[Links], pairs: Iterable[tuple[list[str], list[str]]]
) -> Estimate:
    """Estimate the mutual information of linked words, in nats a link.

    True links join the same words again and again, so that the source word predicts the target
    word; links that are off by one, or follow positions rather than words, join any words. The
    estimate is the mean over links of ``log(p(target | source) / p(target))``, where ``p(target |
    source)`` is counted from all other links, and one more drawn from ``p(target)``: a link whose
    words are linked nowhere else contributes nothing.

    Args:
        links: Of every pair.
        pairs: The words of both sides; upper and lower case are the same.

    Source: probabilities of words given the words they are linked to: Brown et al. (1993), model 1;
    counting without the case in question: leaving one out, Ney, Essen and Kneser (1994).
    """
    together: Counter[tuple[str, str]] = Counter()
    for found, (source, target) in zip(links, pairs, strict=True):
        together.update((source[i].casefold(), target[j].casefold()) for i, j in found)
    sources: Counter[str] = Counter()
    targets: Counter[str] = Counter()
    for (source_word, target_word), count in together.items():
        sources[source_word] += count
        targets[target_word] += count
    total = together.total()
    if not total:
        return Estimate(0.0, 0.0)
    gain = squares = 0.0
    for (source_word, target_word), count in together.items():
        frequency = targets[target_word] / total
        each = math.log((count - 1 + frequency) / (sources[source_word] * frequency))
        gain += count * each
        squares += count * each**2
    mean = gain / total
    return Estimate(mean, math.sqrt(max(squares / total - mean**2, 0) / total))


def most_informative(
    weights: ViewWeights, pairs: Sequence[tuple[list[str], list[str]]]
) -> tuple[int, float]:
    """Choose the view with the largest mutual information, by one link per target word.

    Returns:
        A view and its :func:`mutual_information`, when each target word is linked to the source
        word of the largest weight in its row.
    """
    best = [views.argmax(-1).tolist() for views in weights]
    gains = [
        mutual_information(
            (frozenset((i, j) for j, i in enumerate(rows[view])) for rows in best), pairs
        )
        for view in range(len(weights[0]))
    ]
    view = _first_within_error_of_the_best(gains)
    return view, gains[view].value


def most_agreeing(
    forward: ViewWeights, reverse: Sequence[Float[Tensor, "views source_words target_words"]]
) -> tuple[int, int, float]:
    """Choose the two views, one of each direction, whose links agree most.

    In each direction every word that the decoder reads is linked to the encoder's word of the
    largest weight. The agreement of two such alignments is F1, 2 |A ∩ B| / (|A| + |B|), over the
    whole text.

    Returns:
        A forward view, a reverse view and their agreement on 0–1.

    Source: Chen et al. (2020), "Accurate Word Alignment Induction from Neural Machine Translation",
    which chooses layers so.
    """
    shared = torch.zeros(len(forward[0]), len(reverse[0]), dtype=torch.long)
    links = 0
    for ahead, back in zip(forward, reverse, strict=True):
        source_of, target_of = ahead.argmax(-1), back.argmax(-1)
        targets = torch.arange(source_of.shape[1])
        for view, sources in enumerate(source_of):
            shared[view] += (target_of[:, sources] == targets).sum(1)
        links += source_of.shape[1] + target_of.shape[1]
    pairs = list(product(range(len(shared)), range(len(shared[0]))))
    shares = [2 * int(shared[pair]) / links for pair in pairs]
    scores = [Estimate(share, math.sqrt(2 * share * (1 - share) / links)) for share in shares]
    best = _first_within_error_of_the_best(scores)
    return *pairs[best], shares[best]


def _first_within_error_of_the_best(estimates: Sequence[Estimate]) -> int:
    best = max(estimates, key=lambda estimate: estimate.value)
    enough = best.value - best.error
    return next(index for index, each in enumerate(estimates) if each.value >= enough)
