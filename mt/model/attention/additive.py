"""Additive attention, the first one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mt.model.attention.contract import Score


class AdditiveScore(Score):
    """``score(q, k) = v^T tanh(W q + U k)``: a small network scores each pair, in each head.

    Luong's "concat", ``v^T tanh(W_a [q; k])``, is the same: the halves of ``W_a`` are ``W`` and
    ``U``. ``U k`` is computed once a key, as the authors advise.

    Cost: unlike a dot product this is no matrix product; it keeps ``batch x heads x query_len x
    key_len x depth`` numbers for the gradient, and there is no fused form of it.

    Source: Bahdanau, Cho and Bengio (2015), appendix A.1.2; Luong, Pham and Manning (2015), section
    3.1, equation 8, "concat".
    """

    def __init__(self, heads: int, depth: int) -> None:
        super().__init__()
        self.query_projection = nn.Parameter(torch.randn(heads, depth, depth) * depth**-0.5)
        self.key_projection = nn.Parameter(torch.randn(heads, depth, depth) * depth**-0.5)
        self.score_vector = nn.Parameter(torch.randn(heads, depth) * depth**-0.5)

    query_projection: Float[Tensor, "heads depth depth"]
    key_projection: Float[Tensor, "heads depth depth"]
    score_vector: Float[Tensor, "heads depth"]

    def prepare_keys(
        self, key: Float[Tensor, "batch heads key_len depth"]
    ) -> Float[Tensor, "batch heads key_len depth"]:
        """Return ``U k``."""
        return key @ self.key_projection.to(key.dtype)

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
    ) -> Float[Tensor, "batch heads query_len key_len"]:
        """Score each pair."""
        projected = query @ self.query_projection.to(query.dtype)
        both = (projected[:, :, :, None] + key[:, :, None]).tanh()
        return (both @ self.score_vector.to(both.dtype)[:, None, :, None]).squeeze(-1)
