"""How far a query may look: everywhere, near its own position, or near a position it predicts."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Bounds(NamedTuple):
    """What a scope allows."""

    visible: Bool[Tensor, "#batch #heads query_len key_len"] | None
    """``True`` where the query may look; ``None``: everywhere."""
    bias: Float[Tensor, "batch heads query_len key_len"] | None
    """Added to the scores; ``None``: nothing."""


class Scope(nn.Module):
    """Decides which keys a query may look at, beyond what the model's masks allow."""

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
        positions: Int[Tensor, " #query_len"],
    ) -> Bounds:
        """Say where each query may look.

        Args:
            query: What each position looks for.
            keys: Number of keys.
            visible: Where the masks allow it to look; a sentence's real keys are its first ones.
            positions: Where each query stands in its own sentence.
        """
        raise NotImplementedError


class GlobalScope(Scope):
    """Look at every key."""

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
        positions: Int[Tensor, " #query_len"],
    ) -> Bounds:
        """Allow everything."""
        return Bounds(None, None)


class WindowScope(Scope):
    """Look at the keys that are at most ``width`` away from the query's own position.

    In self-attention this is a sliding window. In cross-attention it is Luong's monotonic local
    attention, which takes target and source to run side by side: ``p_t = t``. There a target longer
    than its source stays at the source's end instead of looking past it: ``p_t = min(t, S - 1)``
    for a source of ``S`` keys, the first of which stands at 0.

    Source: Luong, Pham and Manning (2015), section 3.2, "local-m"; Beltagy, Peters and Cohan
    (2020), section 3.1, "sliding window".
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
        positions: Int[Tensor, " #query_len"],
    ) -> Bounds:
        """Allow the window."""
        centre = torch.minimum(positions[:, None], _lengths(keys, visible, query) - 1)
        return Bounds(_distances(keys, centre).abs() <= self.width, None)


class PredictedScope(Scope):
    """Predict a position to look at, and prefer the keys near it.

    ``p = (S - 1) sigmoid(v^T tanh(W q))`` for ``S`` keys, the first of which stands at 0. Keys more
    than ``width`` away from it are hidden; the others have ``-(s - p)^2 / (2 sigma^2)`` added to
    their scores, with ``sigma = width / 2``. Luong et al. multiply the finished weights by this
    Gaussian, so that these sum to less than 1; here it stands inside of the softmax, so that they
    remain a distribution. ``W`` and ``v`` are each head's own.

    Source: Luong, Pham and Manning (2015), section 3.2, "local-p", equations 9 and 10.
    """

    def __init__(self, heads: int, depth: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.position_projection = nn.Parameter(torch.randn(heads, depth, depth) * depth**-0.5)
        self.position_vector = nn.Parameter(torch.randn(heads, depth) * depth**-0.5)

    position_projection: Float[Tensor, "heads depth depth"]
    position_vector: Float[Tensor, "heads depth"]

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
        positions: Int[Tensor, " #query_len"],
    ) -> Bounds:
        """Allow a window around the predicted position, the more the nearer."""
        exact = torch.promote_types(query.dtype, torch.float32)  # half a position is a lot
        hidden = (query.to(exact) @ self.position_projection.to(exact)).tanh()
        share = (hidden @ self.position_vector.to(exact)[:, :, None]).sigmoid()
        centre = share * (_lengths(keys, visible, query) - 1)
        distances = _distances(keys, centre)
        sigma = self.width / 2
        bias = distances.square() / (-2 * sigma**2)
        return Bounds(distances.abs() <= self.width, bias)


def _lengths(
    keys: int, visible: Tensor | None, query: Tensor
) -> Int[Tensor, "#batch #heads #query_len 1"]:
    """Count the keys that each query could look at."""
    if visible is None:
        return torch.full((1, 1, 1, 1), keys, device=query.device)
    return visible.sum(dim=-1, keepdim=True)


def _distances(keys: int, centre: Tensor) -> Tensor:
    """Return how far each key is to the right of each centre."""
    return torch.arange(keys, device=centre.device) - centre
