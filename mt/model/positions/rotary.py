"""Rotary positions: queries and keys are turned, so that their product knows the distance."""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.model.positions.contract import PositionsChoice, Rotation


class RotaryPositions(Rotation):
    """Turn pairs of dimensions by angles that grow with the position.

    The pair ``i`` of a vector at place ``m`` is turned by ``m / 10000^(2i / depth)``; the product
    of a turned query and a turned key then depends on the distance of their places alone. A pair
    is a dimension of the first half and its fellow in the second; the paper pairs neighbours, and
    the order of dimensions makes no difference to the model.

    Source: Su et al. (2021), section 3.2.2, equations 14 and 15.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        if depth % 2:
            raise ValueError(f"depth: expected an even size of a head, but found {depth}")
        self.depth = depth

    def forward(
        self,
        states: Float[Tensor, "batch heads length depth"],
        places: Int[Tensor, " length"],
    ) -> Float[Tensor, "batch heads length depth"]:
        """Turn each vector by its place; angles are float32 whatever the model computes in."""
        pairs = torch.arange(0, self.depth, 2, device=places.device)
        rates = torch.exp(pairs * (-math.log(10_000.0) / self.depth))
        angles = places[:, None] * rates
        cosine, sine = angles.cos().to(states.dtype), angles.sin().to(states.dtype)
        left, right = states.chunk(2, dim=-1)
        return torch.cat((left * cosine - right * sine, right * cosine + left * sine), dim=-1)


class Rotary(PositionsChoice):
    """Turn queries and keys of self-attention (Su et al. 2021); its score must be a dot product."""

    kind: Literal["rotary"] = "rotary"

    def rotation(self, depth: int) -> RotaryPositions:
        """Make the module."""
        return RotaryPositions(depth)
