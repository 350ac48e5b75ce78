"""From pieces to words: what people read instead of what models do."""

from collections.abc import Sequence

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


def merge_words(
    weights: Float[Tensor, "*layers_heads query_pieces key_pieces"],
    keys: Sequence[str],
    queries: Sequence[str],
) -> Float[Tensor, "*layers_heads query_words key_words"]:
    """Add up over the pieces of each word looked at, take the mean over those of each that looks.

    Computes ``M A S``: ``S`` has 1 where a piece belongs to a word, ``M`` has 1 over the number of
    its pieces where a piece belongs to a word that looks. Rows that sum to 1 still do.

    Args:
        weights: How much each piece looks at each other.
        keys: The pieces looked at, by name.
        queries: The pieces that look, by name.

    Source: Clark et al. (2019), section 4.1.
    """
    adding = _membership([size for _, size in words_of(keys)])
    meaning = _membership([size for _, size in words_of(queries)])
    return (meaning / meaning.sum(dim=0)).T @ weights @ adding


def printable(text: str) -> str:
    """Replace what would move a cursor or break a picture's file."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _membership(sizes: Sequence[int]) -> Float[Tensor, "pieces words"]:
    """Return 1 where a piece belongs to a word and 0 elsewhere, from the words' sizes in pieces."""
    return torch.eye(len(sizes)).repeat_interleave(torch.tensor(sizes), dim=0)


def _spell(pieces: Sequence[str]) -> str:
    """Write the pieces of one word as text."""
    text = b"".join(map(spelling, pieces)).decode(errors="replace")
    return printable(text.removeprefix(WORD_START) or text)
