"""Choose where to look without gold links: by what the links say of words, or by agreement.

Among views that are as good as the best up to one standard error the first is taken. Means over
heads and layers come before the single ones, so that chance among many views does not decide, least
of all on few pairs. Source: the one-standard-error rule of Breiman et al. (1984).
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

Seen = Sequence[Float[Tensor, "views target_words source_words"]]
"""What every view shows of each sentence pair."""


class Estimate(NamedTuple):
    """What was measured on a sample."""

    value: float
    error: float
    """The standard error."""


def informativeness(
    links: Iterable[Links], pairs: Iterable[tuple[list[str], list[str]]]
) -> Estimate:
    """Measure how much a link tells: the mutual information of linked words, in nats a link.

    True links join the same words again and again, so that the source word foretells the target
    word; links that are off by one, or follow places rather than words, join anything. Of each link
    it takes ``log(p(target | source) / p(target))``, where ``p(target | source)`` is counted from
    all other links, and one more drawn from ``p(target)``: a link that stands alone says nothing.

    Args:
        links: Of every pair.
        pairs: The words of both sides; case is passed over.

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
    gain = squares = 0.0
    for (source_word, target_word), count in together.items():
        chance = targets[target_word] / total
        each = math.log((count - 1 + chance) / (sources[source_word] * chance))
        gain += count * each
        squares += count * each**2
    if not total:
        return Estimate(0.0, 0.0)
    mean = gain / total
    return Estimate(mean, math.sqrt(max(squares / total - mean**2, 0) / total))


def most_informative(seen: Seen, pairs: Sequence[tuple[list[str], list[str]]]) -> tuple[int, float]:
    """Choose the view whose links tell most, each target word linked to what it looks at most.

    Returns:
        A view and its :func:`informativeness`.
    """
    best = [weights.argmax(-1).tolist() for weights in seen]
    gains = [
        informativeness(
            (frozenset((i, j) for j, i in enumerate(rows[view])) for rows in best), pairs
        )
        for view in range(len(seen[0]))
    ]
    view = _first_of_the_best(gains)
    return view, gains[view].value


def most_agreeing(
    forward: Seen, reverse: Sequence[Float[Tensor, "views source_words target_words"]]
) -> tuple[int, int, float]:
    """Choose the two views, one of each direction, that see the same links.

    In each direction every word that is written is linked to the word it looks at most. How two
    such alignments agree is measured by F1, 2 |A ∩ B| / (|A| + |B|), over the whole text.

    Returns:
        A forward view, a reverse view and their agreement on 0–1.

    Source: Chen et al. (2020), "Accurate Word Alignment Induction from Neural Machine Translation",
    which chooses layers so.
    """
    shared = torch.zeros(len(forward[0]), len(reverse[0]), dtype=torch.long)
    links = 0
    for ahead, back in zip(forward, reverse, strict=True):
        source_of, target_of = ahead.argmax(-1), back.argmax(-1)
        places = torch.arange(source_of.shape[1])
        for view, sources in enumerate(source_of):
            shared[view] += (target_of[:, sources] == places).sum(1)
        links += source_of.shape[1] + target_of.shape[1]
    pairs = list(product(range(len(shared)), range(len(shared[0]))))
    shares = [2 * int(shared[pair]) / links for pair in pairs]
    scores = [Estimate(share, math.sqrt(2 * share * (1 - share) / links)) for share in shares]
    best = _first_of_the_best(scores)
    return *pairs[best], shares[best]


def _first_of_the_best(estimates: Sequence[Estimate]) -> int:
    best = max(estimates, key=lambda estimate: estimate.value)
    enough = best.value - best.error
    return next(index for index, each in enumerate(estimates) if each.value >= enough)
