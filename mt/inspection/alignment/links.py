"""Links between the words of a sentence pair, from attention weights."""

import unicodedata
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from mt.evaluation.alignment import Links
from mt.inspection.alignment.symmetry import Joining, symmetrise

_SPOKEN = frozenset("&@#%‰*§")
"""Punctuation to Unicode, but words to those who read them aloud."""


def argmax_links(
    weights: Float[Tensor, "target_words source_words"],
) -> Links:
    """Link each word, of either side, to the word of the other side with the largest weight.

    For a target word that is the largest of its row, for a source word the largest of its column.
    The latter finds what one link per target word cannot: *is buying* is one word in German. A word
    without any weight has no link.
    """
    best_sources, best_targets = weights.argmax(1).tolist(), weights.argmax(0).tolist()
    links = {(source, target) for target, source in enumerate(best_sources)}
    links |= {(source, target) for source, target in enumerate(best_targets)}
    values = weights.tolist()  # which Python reads much faster
    return frozenset((source, target) for source, target in links if values[target][source] > 0)


def joint_weights(
    forward: Float[Tensor, "target_words source_words"],
    reverse: Float[Tensor, "source_words target_words"] | None,
) -> Float[Tensor, "target_words source_words"]:
    """Take the geometric mean of both directions, which is large where both are.

    Source: alignments that two directions agree on, by a product of their probabilities: Liang,
    Taskar and Klein (2006), "Alignment by Agreement".
    """
    return forward if reverse is None else (forward * reverse.T).sqrt()


def joined_links(
    forward: Float[Tensor, "target_words source_words"],
    reverse: Float[Tensor, "source_words target_words"] | None,
    how: Joining,
) -> Links:
    """Link the words of a pair.

    Args:
        forward: The attention of each target word to each source word.
        reverse: The attention of each source word to each target word, in a model of the other
            direction; ``None`` without one.
        how: How both make one alignment.
    """
    if reverse is None or how == "joint":
        return argmax_links(joint_weights(forward, reverse))
    return symmetrise(argmax_links(forward), argmax_links(reverse.T), how)


def keep_marks_apart(links: Links, source: Sequence[str], target: Sequence[str]) -> Links:
    """Drop links between a word and a punctuation mark.

    A decoder that writes a comma attends to the word that requires it, but nobody would say that
    the comma is the translation of the word.
    """
    marks = [[_is_mark(word) for word in side] for side in (source, target)]
    return frozenset(link for link in links if marks[0][link[0]] == marks[1][link[1]])


def _is_mark(word: str) -> bool:
    return all(
        unicodedata.category(character)[0] == "P" and character not in _SPOKEN for character in word
    )
