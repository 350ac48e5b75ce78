"""Dot-product attention, scaled and plain: the equation, and the scores of both kinds."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mt.model.attention.contract import Attended, DotProductScore


def scaled_dot_product_attention(
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    value: Float[Tensor, "batch heads key_len value_depth"],
    visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
) -> Attended:
    """Average values, weighted by how well their keys match each query.

    Computes ``softmax(query @ key.T / sqrt(depth)) @ value``. This is the readable reference and
    always returns its weights; models use :class:`~mt.model.attention.attend.Attend`, and a parity
    test holds the two together.

    Args:
        query: Compared with the keys.
        key: Compared with the queries.
        value: Averaged by the weights.
        visible: ``True`` where the query may look; axes of size 1 broadcast. ``None``: every key.

    Returns:
        ``context`` in the dtype of ``value``; ``weights`` in float32, each row summing to 1, or to
        exactly 0 where no key is visible; ``scores``, of which the softmax was taken.

    Raises:
        ValueError: If ``query`` and ``key`` differ in depth.

    Source: Vaswani et al. (2017), section 3.2.1, equation 1.
    """
    depth = query.size(-1)
    if key.size(-1) != depth:
        raise ValueError(
            f"depth: expected query and key to agree, but found {depth} and {key.size(-1)}"
        )
    with torch.autocast(query.device.type, enabled=False):
        scores = query.float() @ key.float().transpose(-2, -1) / math.sqrt(depth)
        if visible is not None:
            scores = scores.masked_fill(~visible, -torch.inf)
        weights = scores.softmax(dim=-1)
        if visible is not None:
            weights = weights.masked_fill(~visible, 0.0)  # a row of -inf became NaN
        context = (weights @ value.float()).to(value.dtype)
    return Attended(context, weights, scores)


class ScaledDotScore(DotProductScore):
    """``score(q, k) = q . k / sqrt(depth)``: the variance of the scores does not grow with depth.

    Source: Vaswani et al. (2017), section 3.2.1, equation 1.
    """

    def scale(self, depth: int) -> float:
        """Return ``1 / sqrt(depth)``."""
        return depth**-0.5


class DotScore(DotProductScore):
    """``score(q, k) = q . k``: no parameter; the variance of the scores grows with depth.

    Source: Luong, Pham and Manning (2015), section 3.1, equation 8, "dot".
    """
