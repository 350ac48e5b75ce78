"""What a translation looked at in its source, word by word."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mt.errors import DataError
from mt.inspection.reading import Reading
from mt.inspection.words import merge_words, places_of, printable, words_of


@dataclass(frozen=True)
class AttentionMap:
    """How much each word of a target looked at each word of its source.

    The end mark of either side is a word of its own, ``</s>``. Models rest much of their attention
    on the source's when no word matters; leaving it out and scaling up the other words would turn
    such a rest into a loud picture of nothing.
    """

    source: list[str]
    """Source words, or tokens, and ``</s>``."""
    target: list[str]
    """Target words, or tokens, and ``</s>``."""
    weights: Float[Tensor, "target source"]
    """float32 on the CPU; each row sums to 1. Row ``t`` is where the decoder looked while it
    decided for word ``t``, before that word was its input."""


def cross_attention_of(
    reading: Reading, *, layer: int | None = None, tokens: bool = False
) -> AttentionMap:
    """Tell where the decoder looked when it wrote the target.

    Weights are means over the heads of all layers, or of one layer. Words are what white space
    separates; in a text without, ask for tokens. What the tokens of a source word receive is added
    up, what the tokens of a target word give is averaged, so that rows still sum to 1.

    Args:
        reading: From :func:`mt.inspection.reading.read_pair`.
        layer: A decoder layer, from 1; ``None``: the mean over all.
        tokens: Keep subword tokens apart; their labels are the tokenizer's.

    Raises:
        DataError: If the model has no cross-attention, or no such layer.

    Source: attention as a soft alignment: Bahdanau, Cho and Bengio (2015), section 5.2.1; that it
    shows where a decoder looks and does not prove why it writes: Jain and Wallace (2019).
    """
    layers = reading.attention.cross
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
    names = reading.source_names, reading.target_names
    if tokens:
        columns, rows = ([printable(name) for name in side] for side in names)
        return AttentionMap(columns, rows, weights)
    columns, rows = ([word for word, _ in words_of(side)] for side in names)
    return AttentionMap(columns, rows, merge_words(weights, *map(places_of, names)))
