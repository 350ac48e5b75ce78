"""Relative positions: what attention adds for the distance of a key from its query."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mt.model.positions.contract import RelativePositions


class ShawPositions(RelativePositions):
    """A trained key and a trained value for each distance, up to a longest one.

    ``e_ij = q_i . (k_j + a^K_d) / sqrt(depth)`` and ``z_i = sum_j w_ij (v_j + a^V_d)``, with
    ``d = clip(j - i, -longest, longest)``. The heads of a layer share the vectors.

    Source: Shaw, Uszkoreit and Vaswani (2018), section 3.2, equations 3 and 4, with the split of
    equation 5.
    """

    changes_values = True

    def __init__(self, depth: int, longest: int) -> None:
        super().__init__()
        self.longest = longest
        self.keys = nn.Parameter(torch.empty(2 * longest + 1, depth))
        self.values = nn.Parameter(torch.empty(2 * longest + 1, depth))
        nn.init.xavier_uniform_(self.keys)
        nn.init.xavier_uniform_(self.values)

    def bias(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        positions: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "batch heads query_len key_len"]:
        """Compare each query with the vector of each distance, and gather the results by key."""
        exact = torch.promote_types(query.dtype, torch.float32)
        by_distance = query.to(exact) @ self.keys.to(exact).T * query.size(-1) ** -0.5
        index = self._index(keys, positions).expand(*query.shape[:-1], keys)
        return by_distance.gather(-1, index)

    def mix(
        self,
        context: Float[Tensor, "batch heads query_len depth"],
        weights: Float[Tensor, "batch heads query_len key_len"],
        positions: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Add up the weights at each distance, and add the vectors of the distances so weighted."""
        index = self._index(weights.size(-1), positions).expand(weights.shape)
        by_distance = weights.new_zeros(*weights.shape[:-1], 2 * self.longest + 1)
        by_distance = by_distance.scatter_add(-1, index, weights)
        return context + by_distance @ self.values.to(weights.dtype)

    def _index(self, keys: int, positions: Tensor) -> Int[Tensor, "query_len key_len"]:
        return _distances(keys, positions).clamp(-self.longest, self.longest) + self.longest


class T5Positions(RelativePositions):
    """A trained number for each head and each bucket of distances, shared by all layers.

    Half of the buckets are for exact small distances, the others grow logarithmically up to
    ``longest``, beyond which all distances are one. In an encoder, where keys are on both sides,
    each direction has half of them.

    Source: Raffel et al. (2020), section 2.1.
    """

    def __init__(self, heads: int, buckets: int, longest: int, causal: bool) -> None:
        super().__init__()
        self.buckets, self.longest, self.causal = buckets, longest, causal
        self.table = nn.Parameter(torch.zeros(heads, buckets))

    def bias(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        positions: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "1 heads query_len key_len"]:
        """Look up the number of each distance's bucket."""
        return self.table[:, self.bucket(_distances(keys, positions))][None]

    def bucket(self, distances: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Return the bucket of each distance (negative: the key is to the left)."""
        if self.causal:
            buckets, offset = self.buckets, torch.zeros_like(distances)
            lengths = (-distances).clamp_min(0)
        else:
            buckets, offset = self.buckets // 2, (distances > 0) * (self.buckets // 2)
            lengths = distances.abs()
        exact = buckets // 2
        growth = (lengths.clamp_min(1) / exact).log() / math.log(self.longest / exact)
        large = exact + (growth * (buckets - exact)).long()
        return offset + torch.where(lengths < exact, lengths, large.clamp_max(buckets - 1))


class LinearPositions(RelativePositions):
    """A penalty that grows linearly with the distance, at another rate in each head (ALiBi).

    ``-|j - i| 2^(-8 h / H)`` in head ``h = 1 ... H``. Nothing is trained, and there is no longest
    sentence. In an encoder the penalty is the same on both sides.

    Source: Press, Smith and Lewis (2022), section 3.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def bias(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        positions: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "1 heads query_len key_len"]:
        """Return the penalty of each distance, in float32 whatever the model computes in."""
        rates = 2.0 ** (
            -8.0 * torch.arange(1, self.heads + 1, device=positions.device) / self.heads
        )
        return (-_distances(keys, positions).abs() * rates[:, None, None])[None]


def _distances(keys: int, positions: Tensor) -> Int[Tensor, "query_len key_len"]:
    """Return how far each key is to the right of each query."""
    return torch.arange(keys, device=positions.device) - positions[:, None]
