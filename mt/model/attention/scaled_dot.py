"""Scaled dot-product attention, in its readable and its fast form."""

import math
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mt.config import StrictConfig
from mt.model.attention.contract import Attended

FUSED_FROM = 512
"""Keys from which torch's fused kernel is used on a CPU.

At sentence lengths it is several times slower there than three plain operations; at document
lengths it saves the memory of the score matrix.
"""


def scaled_dot_product_attention(
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    value: Float[Tensor, "batch heads key_len value_depth"],
    visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
) -> Attended:
    """Mix values by how well their keys match each query.

    Computes ``softmax(query @ key.T / sqrt(depth)) @ value``. This is the readable reference and
    always returns its weights; training uses :func:`fused_attention`, and a parity test holds the
    two together.

    Args:
        query: What each position looks for.
        key: What each position offers to be found by.
        value: What each position gives when found.
        visible: ``True`` where the query may look; axes of size 1 broadcast. ``None``: every key.

    Returns:
        ``context`` in the dtype of ``value``; ``weights`` in float32, each row summing to 1, or to
        exactly 0 where the query sees nothing.

    Raises:
        ValueError: If ``query`` and ``key`` differ in depth.

    Source: Vaswani et al. (2017), section 3.2.1, equation 1.
    """
    depth = query.size(-1)
    if key.size(-1) != depth:
        raise ValueError(
            f"depth: expected query and key to agree, but found {depth} and {key.size(-1)}"
        )
    scores = query.float() @ key.float().transpose(-2, -1) / math.sqrt(depth)
    if visible is not None:
        scores = scores.masked_fill(~visible, -torch.inf)
    weights = scores.softmax(dim=-1)
    if visible is not None:
        weights = weights.masked_fill(~visible, 0.0)  # a row of -inf became NaN
    return Attended((weights @ value.float()).to(value.dtype), weights)


def fused_attention(
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    value: Float[Tensor, "batch heads key_len value_depth"],
    visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
) -> Float[Tensor, "batch heads query_len value_depth"]:
    """Compute the context of :func:`scaled_dot_product_attention` fast, without its weights.

    On a CPU and up to ``FUSED_FROM`` keys these are plain matrix products in the inputs' dtype;
    beyond that, and on every other device, torch's fused kernel.
    """
    on_cpu = query.device.type == "cpu"
    if on_cpu and key.size(-2) < FUSED_FROM:
        context = _plain_attention(query, key, value, visible)
    else:
        context = F.scaled_dot_product_attention(query, key, value, attn_mask=visible)
    if visible is None:
        return context
    sees = visible.any(dim=-1, keepdim=True)
    if on_cpu and sees.all():  # asking another device would make us wait for it
        return context
    return context.masked_fill(~sees, 0.0)


def _plain_attention(
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    value: Float[Tensor, "batch heads key_len value_depth"],
    visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
) -> Float[Tensor, "batch heads query_len value_depth"]:
    """Multiply, take the softmax, multiply, in the dtype that came."""
    scores = (query * query.size(-1) ** -0.5) @ key.transpose(-2, -1)
    if visible is not None:
        # Adding a small broadcast bias costs less than filling the large score matrix. It is
        # finite, lest the softmax of a query that sees nothing make every gradient NaN.
        lowest = torch.finfo(scores.dtype).min
        scores = scores + torch.zeros(visible.shape, dtype=scores.dtype).masked_fill_(
            ~visible, lowest
        )
    return scores.softmax(dim=-1) @ value


class ScaledDotAttention(nn.Module):
    """Scaled dot-product attention as a member of the family: it has no parameters."""

    def explain(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    ) -> Attended:
        """Return context and weights; see :func:`scaled_dot_product_attention`."""
        return scaled_dot_product_attention(query, key, value, visible)

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    ) -> Float[Tensor, "batch heads query_len value_depth"]:
        """Return the context only; see :func:`fused_attention`."""
        return fused_attention(query, key, value, visible)


class ScaledDot(StrictConfig):
    """Score by the dot product over the root of the depth (Vaswani et al. 2017, equation 1)."""

    kind: Literal["scaled_dot"] = "scaled_dot"

    def build(self) -> ScaledDotAttention:
        """Make the module."""
        return ScaledDotAttention()
