"""Absolute positions: vectors added to the embeddings of tokens."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mt.model.positions.contract import AbsolutePositions


class SinusoidalPositions(AbsolutePositions):
    """Sines and cosines of geometrically spaced wavelengths; there is no longest sentence.

    ``PE(pos, i) = sin(pos / 10000^(2i/dim))`` in the first half of the dimensions and the cosine in
    the second. The paper interleaves the two; the order of dimensions makes no difference to the
    model.

    Source: Vaswani et al. (2017), section 3.5.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("table", _sinusoids(256, dim), persistent=False)

    table: Tensor

    def forward(self, start: int, length: int) -> Float[Tensor, "length dim"]:
        """Return the vectors of positions ``start`` to ``start + length - 1``."""
        if start + length > len(self.table):
            self.table = _sinusoids(2 * (start + length), self.dim).to(self.table)
        return self.table[start : start + length]


class LearnedPositions(AbsolutePositions):
    """One trained vector per position, up to a longest sentence.

    Source: Gehring et al. (2017), section 3.1.
    """

    def __init__(self, dim: int, longest: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(longest, dim) * dim**-0.5)

    def forward(self, start: int, length: int) -> Float[Tensor, "length dim"]:
        """Return the vectors of positions ``start`` to ``start + length - 1``.

        Positions past the longest trained one share its vector.
        """
        index = torch.arange(start, start + length, device=self.table.device)
        return self.table[index.clamp_(max=len(self.table) - 1)]


def _sinusoids(length: int, dim: int) -> Float[Tensor, "length dim"]:
    wavelengths = torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim))
    angles = torch.arange(length)[:, None] * wavelengths
    return torch.cat((angles.sin(), angles.cos()), dim=-1)[:, :dim]
