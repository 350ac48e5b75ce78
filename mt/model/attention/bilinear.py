"""Bilinear attention, which Luong et al. call "general"."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mt.model.attention.contract import DotProductScore


class BilinearScore(DotProductScore):
    """``score(q, k) = q^T W k``, with a learnt matrix in each head.

    Source: Luong, Pham and Manning (2015), section 3.1, equation 8, "general".
    """

    def __init__(self, heads: int, depth: int) -> None:
        super().__init__()
        # The scores then start as those of the scaled dot product, up to a random rotation.
        self.matrix = nn.Parameter(torch.randn(heads, depth, depth) / depth)

    matrix: Float[Tensor, "heads depth depth"]

    def prepare_query(
        self, query: Float[Tensor, "batch heads query_len depth"]
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Return ``W^T q``."""
        return query @ self.matrix.to(query.dtype)
