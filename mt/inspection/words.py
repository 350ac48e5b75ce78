"""From tokens to words: what people read instead of what models do."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from mt.text.tokenizer import WORD_START, spelling

START_NAME, END_NAME = "<s>", "</s>"
"""How the marks of a sentence are named."""


def words_of(tokens: Sequence[str]) -> list[tuple[str, int]]:
    """Join named tokens to words.

    A word begins at ``▁`` and at a mark, which is a word by itself. Bytes are spelt out as the
    UTF-8 they are; what cannot be printed becomes U+FFFD.

    Args:
        tokens: As :meth:`mt.text.tokenizer.Tokenizer.tokens` names them.

    Returns:
        Each word and the number of its tokens, in order.
    """
    groups: list[list[str]] = []
    for token in tokens:
        marks = token in {START_NAME, END_NAME}
        ended = not groups or groups[-1][0] in {START_NAME, END_NAME}
        if ended or marks or token.startswith(WORD_START):
            groups.append([])
        groups[-1].append(token)
    return [(_spell(group), len(group)) for group in groups]


def places_of(tokens: Sequence[str]) -> list[range]:
    """Return the places of the tokens of each word; see :func:`words_of`."""
    ends = accumulate((size for _, size in words_of(tokens)), initial=0)
    return [range(*places) for places in pairwise(ends)]


def merge_words(
    weights: Float[Tensor, "*views query_tokens key_tokens"],
    keys: Sequence[range],
    queries: Sequence[range],
) -> Float[Tensor, "*views query_words key_words"]:
    """Add up over the tokens of each word looked at, take the mean over those of each that looks.

    Computes ``M A S``: ``S`` has 1 where a token belongs to a word, ``M`` has 1 over the number of
    its tokens where a token belongs to a word that looks. Rows that sum to 1 still do if each token
    looked at belongs to one word.

    Args:
        weights: How much each token looks at each other.
        keys: The places of the tokens of each word looked at; a word may have none.
        queries: Likewise of each word that looks.

    Source: Clark et al. (2019), section 4.1.
    """
    adding = _membership(keys, weights.shape[-1])
    meaning = _membership(queries, weights.shape[-2])
    return (meaning / meaning.sum(dim=0).clamp(min=1)).T @ weights @ adding


def printable(text: str) -> str:
    """Replace what would move a cursor or break a picture's file."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _membership(words: Sequence[range], tokens: int) -> Float[Tensor, "tokens words"]:
    """Return 1 where a token belongs to a word and 0 elsewhere."""
    table = torch.zeros(tokens, len(words))
    for word, places in enumerate(words):
        table[places.start : places.stop, word] = 1
    return table


def _spell(tokens: Sequence[str]) -> str:
    """Write the tokens of one word as text."""
    text = b"".join(map(spelling, tokens)).decode(errors="replace")
    return printable(text.removeprefix(WORD_START) or text)
