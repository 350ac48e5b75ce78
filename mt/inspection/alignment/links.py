"""From what tokens looked at to links between words."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from mt.evaluation.alignment import Links
from mt.inspection.alignment.symmetry import SYMMETRIES, Symmetry, symmetrise
from mt.inspection.alignment.words import CutLine
from mt.inspection.words import merge_words

Joining = Literal["joint", Symmetry]
"""How two directions make one alignment.

``joint``: by the geometric mean of their weights, before anything is decided.
Any :data:`~mt.inspection.alignment.symmetry.Symmetry`: each decides, then links are joined.
"""
JOININGS: tuple[Joining, ...] = ("joint", *SYMMETRIES)

_SPOKEN = frozenset("&@#%‰*§")
"""Punctuation to Unicode, but words to those who read them aloud."""


def by_words(
    weights: Float[Tensor, "views target_tokens source_tokens_and_end"],
    source: CutLine,
    target: CutLine,
) -> Float[Tensor, "views target_words source_words"]:
    """Merge tokens to words (:func:`merge_words`) without the end mark.

    A decoder rests on the end mark where no word matters: what it received is nobody's.
    """
    return merge_words(weights[..., :-1], source.words, target.words)


def mutual_links(
    weights: Float[Tensor, "target_words source_words"],
) -> Links:
    """Link each word to the word of the other side it has most to do with.

    A target word is linked to the source word it looks at most, a source word to the target word
    that looks at it most. The latter finds what one link per target word cannot say: *is buying*
    is one word in German.
    """
    best_sources, best_targets = weights.argmax(1).tolist(), weights.argmax(0).tolist()
    links = {(source, target) for target, source in enumerate(best_sources)}
    links |= {(source, target) for source, target in enumerate(best_targets)}
    return frozenset(link for link in links if weights[link[::-1]] > 0)


def joint_weights(
    forward: Float[Tensor, "target_words source_words"],
    reverse: Float[Tensor, "source_words target_words"] | None,
) -> Float[Tensor, "target_words source_words"]:
    """Take the geometric mean of both directions: large where both look.

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
        forward: How much each target word looks at each source word.
        reverse: What a model of the other direction says; ``None`` without one.
        how: How both make one alignment.
    """
    if reverse is None or how == "joint":
        return mutual_links(joint_weights(forward, reverse))
    return symmetrise(mutual_links(forward), mutual_links(reverse.T), how)


def keep_marks_apart(links: Links, source: Sequence[str], target: Sequence[str]) -> Links:
    """Drop links between a word and a punctuation mark.

    A decoder that writes a comma looks at the word that calls for it; nobody would say that the
    word is translated by the comma.
    """
    marks = [[_is_mark(word) for word in side] for side in (source, target)]
    return frozenset(link for link in links if marks[0][link[0]] == marks[1][link[1]])


def _is_mark(word: str) -> bool:
    return all(
        unicodedata.category(character)[0] == "P" and character not in _SPOKEN for character in word
    )
