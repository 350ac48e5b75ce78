"""Cross-attention of one translation as a matrix of words or of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mt.errors import DataError
from mt.inspection.forced_decoding import ForcedDecoding
from mt.text.words import join_tokens, printable, word_ranges


@dataclass(frozen=True)
class AttentionMap:
    """The attention of each target word to each source word.

    The end mark of either side is a word of its own, ``</s>``. Models put much weight on the
    source's end mark where no source word matters; leaving it out and scaling up the others would
    show large weights where there are none.
    """

    source: list[str]
    """Source words, or tokens, and ``</s>``."""
    target: list[str]
    """Target words, or tokens, and ``</s>``."""
    weights: Float[Tensor, "target source"]
    """float32 on the CPU; each row sums to 1. Row ``t`` belongs to the step that predicted word
    ``t``, before that word was the decoder's input."""


def cross_attention_of(
    decoding: ForcedDecoding, *, layer: int | None = None, tokens: bool = False
) -> AttentionMap:
    """Return the cross-attention of a translation, averaged over heads.

    Weights are means over the heads of all layers, or of one layer. Words are what white space
    separates; in a text without, ask for tokens. :func:`merge_words` makes weights of words from
    those of tokens.

    Args:
        decoding: From :func:`mt.inspection.forced_decoding.force_decode`.
        layer: A decoder layer, from 1; ``None``: the mean over all.
        tokens: Keep subword tokens apart; their labels are the tokenizer's.

    Raises:
        DataError: If the model has no cross-attention, or no such layer.

    Source: attention as a soft alignment: Bahdanau, Cho and Bengio (2015), section 5.2.1; that it
    does not prove why a model writes a word: Jain and Wallace (2019).
    """
    layers = decoding.attention.cross
    if not layers:
        raise DataError(
            "model: expected cross-attention to draw, but this one has none; an .html page shows "
            "its probabilities"
        )
    if layer is not None and not 1 <= layer <= len(layers):
        raise DataError(
            f"layer: expected 1 to {len(layers)}, the decoder layers of this model, but got {layer}"
        )
    chosen = layers if layer is None else layers[layer - 1 : layer]
    weights = torch.cat([call.weights[0] for call in chosen]).mean(dim=0).cpu()
    names = decoding.source_names, decoding.target_names
    if tokens:
        columns, rows = ([printable(name) for name in side] for side in names)
        return AttentionMap(columns, rows, weights)
    columns, rows = ([word for word, _ in join_tokens(side)] for side in names)
    return AttentionMap(columns, rows, merge_words(weights, *map(word_ranges, names)))


def merge_words(
    weights: Float[Tensor, "*views query_tokens key_tokens"],
    keys: Sequence[range],
    queries: Sequence[range],
) -> Float[Tensor, "*views query_words key_words"]:
    """Turn the attention between tokens into attention between words.

    Sums over the tokens of each key word, and averages over those of each query word: ``M A S``,
    where ``S`` has 1 where a token belongs to a key word, and ``M`` has 1 over the number of its
    tokens where a token belongs to a query word. Rows that sum to 1 still do if each key token
    belongs to exactly one word.

    Args:
        weights: The attention of each query token to each key token.
        keys: For each key word, the indices of its tokens; a word may have none.
        queries: Likewise for each query word.

    Source: Clark et al. (2019), section 4.1.
    """
    sums = _membership(keys, weights.shape[-1])
    means = _membership(queries, weights.shape[-2])
    return (means / means.sum(dim=0).clamp(min=1)).T @ weights @ sums


def _membership(words: Sequence[range], tokens: int) -> Float[Tensor, "tokens words"]:
    """Return 1 where a token belongs to a word and 0 elsewhere."""
    table = torch.zeros(tokens, len(words))
    for word, indices in enumerate(words):
        table[indices.start : indices.stop, word] = 1
    return table
