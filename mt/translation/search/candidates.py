"""Scores of next tokens."""

import torch
from jaxtyping import Float
from torch import Tensor


def log_softmax(logits: Float[Tensor, "rows vocabulary"]) -> Float[Tensor, "rows vocabulary"]:
    """Turn logits, which are overwritten, into log-probabilities in nats.

    A fresh matrix of this size would be paged in at every step.
    """
    scores = logits.float()
    return torch.log_softmax(scores, dim=-1, out=scores)
