"""From pieces to words: what people read instead of what models do."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from mt.text.tokenizer import WORD_START, spelling

START_NAME, END_NAME = "<s>", "</s>"
"""How the marks of a sentence are named."""


def words_of(pieces: Sequence[str]) -> list[tuple[str, int]]:
    """Join named pieces to words.

    A word begins at ``▁`` and at a mark, which is a word by itself. Bytes are spelt out as the
    UTF-8 they are; what cannot be printed becomes U+FFFD.

    Args:
        pieces: As :meth:`mt.text.tokenizer.Tokenizer.pieces` names them.

    Returns:
        Each word and the number of its pieces, in order.
    """
    groups: list[list[str]] = []
    for piece in pieces:
        marks = piece in {START_NAME, END_NAME}
        ended = not groups or groups[-1][0] in {START_NAME, END_NAME}
        if ended or marks or piece.startswith(WORD_START):
            groups.append([])
        groups[-1].append(piece)
    return [(_spell(group), len(group)) for group in groups]


def places_of(pieces: Sequence[str]) -> list[range]:
    """Return the places of the pieces of each word; see :func:`words_of`."""
    ends = accumulate((size for _, size in words_of(pieces)), initial=0)
    return [range(*places) for places in pairwise(ends)]


def merge_words(
    weights: Float[Tensor, "*views query_pieces key_pieces"],
    keys: Sequence[range],
    queries: Sequence[range],
) -> Float[Tensor, "*views query_words key_words"]:
    """Add up over the pieces of each word looked at, take the mean over those of each that looks.

    Computes ``M A S``: ``S`` has 1 where a piece belongs to a word, ``M`` has 1 over the number of
    its pieces where a piece belongs to a word that looks. Rows that sum to 1 still do if each piece
    looked at belongs to one word.

    Args:
        weights: How much each piece looks at each other.
        keys: The places of the pieces of each word looked at; a word may have none.
        queries: Likewise of each word that looks.

    Source: Clark et al. (2019), section 4.1.
    """
    adding = _membership(keys, weights.shape[-1])
    meaning = _membership(queries, weights.shape[-2])
    return (meaning / meaning.sum(dim=0).clamp(min=1)).T @ weights @ adding


def printable(text: str) -> str:
    """Replace what would move a cursor or break a picture's file."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _membership(words: Sequence[range], pieces: int) -> Float[Tensor, "pieces words"]:
    """Return 1 where a piece belongs to a word and 0 elsewhere."""
    table = torch.zeros(pieces, len(words))
    for word, places in enumerate(words):
        table[places.start : places.stop, word] = 1
    return table


def _spell(pieces: Sequence[str]) -> str:
    """Write the pieces of one word as text."""
    text = b"".join(map(spelling, pieces)).decode(errors="replace")
    return printable(text.removeprefix(WORD_START) or text)
