"""Positions as distances: what is added to attention because a key is so far from its query."""

import math
from typing import Literal, Self

import torch
from jaxtyping import Float, Int
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from mt.model.positions.contract import PositionsChoice, RelativePositions


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
        places: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "batch heads query_len key_len"]:
        """Compare each query with the vector of each distance, and hand the results out."""
        exact = torch.promote_types(query.dtype, torch.float32)
        by_distance = query.to(exact) @ self.keys.to(exact).T * query.size(-1) ** -0.5
        index = self._index(keys, places).expand(*query.shape[:-1], keys)
        return by_distance.gather(-1, index)

    def mix(
        self,
        context: Float[Tensor, "batch heads query_len depth"],
        weights: Float[Tensor, "batch heads query_len key_len"],
        places: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Add up the weights at each distance, and add the vectors of the distances so weighted."""
        index = self._index(weights.size(-1), places).expand(weights.shape)
        by_distance = weights.new_zeros(*weights.shape[:-1], 2 * self.longest + 1)
        by_distance = by_distance.scatter_add(-1, index, weights)
        return context + by_distance @ self.values.to(weights.dtype)

    def _index(self, keys: int, places: Tensor) -> Int[Tensor, "query_len key_len"]:
        return _distances(keys, places).clamp(-self.longest, self.longest) + self.longest


class T5Positions(RelativePositions):
    """A trained number for each head and each bucket of distances, shared by all layers.

    Half of the buckets are for exact small distances, the others grow logarithmically up to
    ``longest``, beyond which all distances are one. Where a query looks both ways, each direction
    has half of them.

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
        places: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "1 heads query_len key_len"]:
        """Look up the number of each distance's bucket."""
        return self.table[:, self.bucket(_distances(keys, places))][None]

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
    sentence. Where a query looks both ways, so does the penalty.

    Source: Press, Smith and Lewis (2022), section 3.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def bias(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        places: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "1 heads query_len key_len"]:
        """Return the penalty of each distance, in float32 whatever the model computes in."""
        rates = 2.0 ** (-8.0 * torch.arange(1, self.heads + 1, device=places.device) / self.heads)
        return (-_distances(keys, places).abs() * rates[:, None, None])[None]


class Shaw(PositionsChoice):
    """Trained vectors of distances, in every layer (Shaw et al. 2018).

    The score of self-attention must be the scaled dot product, as which the paper defines them.
    """

    kind: Literal["shaw"] = "shaw"
    longest: PositiveInt = 16
    """Distance, in pieces, from which all are one."""

    def relative(self, heads: int, depth: int, causal: bool) -> ShawPositions:
        """Make the module."""
        return ShawPositions(depth, self.longest)

    def of_each_layer(self) -> bool:
        """Every layer has its own."""
        return True


class T5(PositionsChoice):
    """Trained numbers for buckets of distances, shared by the layers (Raffel et al. 2020)."""

    kind: Literal["t5"] = "t5"
    buckets: PositiveInt = Field(default=32, ge=4, multiple_of=2)
    """Numbers a head has for distances; in an encoder either direction has half of them."""
    longest: PositiveInt = 128
    """Distance, in pieces, from which all are one; more than half of `buckets`."""

    @model_validator(mode="after")
    def _longest_is_beyond_the_exact_ones(self) -> Self:
        if self.longest <= self.buckets // 2:
            raise ValueError(
                f"longest: expected more than half of the {self.buckets} buckets, "
                f"but found {self.longest}"
            )
        return self

    def relative(self, heads: int, depth: int, causal: bool) -> T5Positions:
        """Make the module."""
        return T5Positions(heads, self.buckets, self.longest, causal)


class Alibi(PositionsChoice):
    """A penalty linear in the distance (Press et al. 2022)."""

    kind: Literal["alibi"] = "alibi"

    def relative(self, heads: int, depth: int, causal: bool) -> LinearPositions:
        """Make the module."""
        return LinearPositions(heads)


def _distances(keys: int, places: Tensor) -> Int[Tensor, "query_len key_len"]:
    """Return how far each key is to the right of each query."""
    return torch.arange(keys, device=places.device) - places[:, None]
