"""Rotary positions: rotated queries and keys, whose product depends on their distance."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.model.positions.contract import Rotation


class RotaryPositions(Rotation):
    """Rotate pairs of dimensions by angles that grow with the position.

    The pair ``i`` of a vector at position ``m`` is rotated by ``m / 10000^(2i / depth)``; the
    product of a rotated query and a rotated key then depends on the distance of their positions
    alone. A pair is a dimension of the first half and the same one of the second; the paper pairs
    neighbours, and the order of dimensions makes no difference to the model.

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
        positions: Int[Tensor, " length"],
    ) -> Float[Tensor, "batch heads length depth"]:
        """Rotate each vector by its position; angles are float32 whatever the model computes in."""
        pairs = torch.arange(0, self.depth, 2, device=positions.device)
        rates = torch.exp(pairs * (-math.log(10_000.0) / self.depth))
        angles = positions[:, None] * rates
        cosine, sine = angles.cos().to(states.dtype), angles.sin().to(states.dtype)
        left, right = states.chunk(2, dim=-1)
        return torch.cat((left * cosine - right * sine, right * cosine + left * sine), dim=-1)
