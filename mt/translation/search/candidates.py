"""The likeliest next pieces of every row."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK = 64
"""Pieces per block in :func:`likeliest`."""


def likeliest(
    chances: Float[Tensor, "rows vocabulary"], count: int
) -> tuple[Float[Tensor, "rows count"], Int[Tensor, "rows count"]]:
    """Return the values and the ids of each row's ``count`` largest entries, largest first.

    Equals ``chances.topk(count)``, but is faster on wide rows: at most ``count`` blocks can hold
    one of the ``count`` largest values, and these are the blocks with the largest maxima.
    """
    rows, vocabulary = chances.shape
    whole = vocabulary // BLOCK
    if whole <= 2 * count:
        return torch.topk(chances, min(count, vocabulary), dim=-1)
    blocks = torch.unflatten(chances[:, : whole * BLOCK], 1, (whole, BLOCK))
    chosen = blocks.amax(dim=-1).topk(count, dim=-1).indices
    pieces = (chosen[:, :, None] * BLOCK + torch.arange(BLOCK, device=chances.device)).flatten(1)
    rest = torch.arange(whole * BLOCK, vocabulary, device=chances.device).expand(rows, -1)
    pieces = torch.cat((pieces, rest), dim=1)
    values, places = chances.gather(1, pieces).topk(count, dim=-1)
    return values, pieces.gather(1, places)


def log_chances(logits: Float[Tensor, "rows vocabulary"]) -> Float[Tensor, "rows vocabulary"]:
    """Turn logits, which are overwritten, into log-probabilities in nats.

    A fresh matrix of this size would be paged in at every step.
    """
    scores = logits.float()
    return torch.log_softmax(scores, dim=-1, out=scores)
