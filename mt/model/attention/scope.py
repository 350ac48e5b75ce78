"""Which keys a query may attend to: all, those near its position, or near a predicted position."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Bounds(NamedTuple):
    """The keys that a scope allows, and how it weights them."""

    visible: Bool[Tensor, "#batch #heads query_len key_len"] | None
    """``True`` where the query may look; ``None``: everywhere."""
    bias: Float[Tensor, "batch heads query_len key_len"] | None
    """Added to the scores; ``None``: nothing."""


class Scope(nn.Module):
    """Restricts the keys of a query further than the model's masks do."""

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
        positions: Int[Tensor, " #query_len"],
    ) -> Bounds:
        """Return the keys that each query may attend to.

        Args:
            query: Queries, before scoring.
            keys: Number of keys.
            visible: The masks of the model; the real keys of a sentence are its first ones.
            positions: The position of each query in its sentence.
        """
        raise NotImplementedError


class GlobalScope(Scope):
    """All keys."""

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
    """The keys that are at most ``width`` away from the query's own position.

    In self-attention this is a sliding window. In cross-attention it is Luong's monotonic local
    attention, which assumes that target and source run side by side: ``p_t = t``. For a target
    longer than its source, the window stays at the source's end: ``p_t = min(t, S - 1)`` for a
    source of ``S`` keys, the first of which is at 0.

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
    """The keys near a position that the query predicts, with a preference for the nearest.

    ``p = (S - 1) sigmoid(v^T tanh(W q))`` for ``S`` keys, the first of which is at 0. Keys more
    than ``width`` away from it are hidden; the others have ``-(s - p)^2 / (2 sigma^2)`` added to
    their scores, with ``sigma = width / 2``. Luong et al. multiply the finished weights by this
    Gaussian, so that these sum to less than 1; here it is inside of the softmax, so that they
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
        """Allow a window around the predicted position, with the Gaussian as a bias."""
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
    """Count the keys that are visible to each query."""
    if visible is None:
        return torch.full((1, 1, 1, 1), keys, device=query.device)
    return visible.sum(dim=-1, keepdim=True)


def _distances(keys: int, centre: Tensor) -> Tensor:
    """Return how far each key is to the right of each centre."""
    return torch.arange(keys, device=centre.device) - centre
