"""Attention in full: scores, masks, the bias of distances, softmax, weighted sum."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mt.kernels.attention import additive_mask, dot_product_attention
from mt.kernels.dropout import dropout
from mt.model.attention.contract import Attended, DotProductScore, Role, Score
from mt.model.attention.scope import Scope
from mt.model.positions.contract import RelativePositions


class Attend(nn.Module):
    """Average values, weighted by how well their keys match each query.

    ``softmax(score(q, k) + distance(q, i, j), over the visible keys) @ (v + offset(i, j))``, where
    most models have no ``distance`` and no ``offset``. With :class:`ScaledDotScore` alone this is
    :func:`~mt.model.attention.dot.scaled_dot_product_attention`. In training a share of the weights
    may be zeroed, and the others scaled up.

    Attributes:
        role: Which side of a translation attends to which.
        score: How a query compares with a key.
        scope: Which keys a query may attend to.
        relative: What the distance of a key from its query adds; ``None``: nothing. One object may
            serve several layers.
        dropout: Share of the weights that is zeroed in training.
    """

    def __init__(
        self,
        score: Score,
        scope: Scope,
        relative: RelativePositions | None,
        role: Role,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.role = role
        self.score = score
        self.scope = scope
        self.relative = relative
        self.dropout = dropout

    def prepare_keys(
        self, key: Float[Tensor, "batch heads key_len depth"]
    ) -> Float[Tensor, "batch heads key_len prepared_depth"]:
        """Compute the part of the score that depends on the key alone."""
        return self.score.prepare_keys(key)

    def explain(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
        positions: Int[Tensor, " #query_len"] | None = None,
    ) -> Attended:
        """Compute step by step in float32, and keep weights and scores; see :class:`Attention`."""
        positions = _positions(positions, query)
        with torch.autocast(query.device.type, enabled=False):
            query, key = query.float(), key.float()
            visible, bias = self._mask_and_bias(query, key, visible, positions)
            scores = self._compare(query, key, bias)
            if visible is not None:
                scores = scores.masked_fill(~visible, -torch.inf)
            weights = scores.softmax(dim=-1)
            if visible is not None:
                weights = weights.masked_fill(~visible, 0.0)  # a row of -inf became NaN
            context = self._mix(weights, value.float(), positions)
        return Attended(context.to(value.dtype), weights, scores)

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
        positions: Int[Tensor, " #query_len"] | None = None,
    ) -> Float[Tensor, "batch heads query_len value_depth"]:
        """Compute the context only; see :class:`Attention`.

        Where the score is a dot product and distance adds nothing to the values, this is
        :func:`~mt.kernels.attention.dot_product_attention`. Other kinds are computed step by step,
        without keeping weights.
        """
        positions = _positions(positions, query)
        with torch.autocast(query.device.type, enabled=False):  # half a position is a lot
            visible, bias = self._mask_and_bias(query, key, visible, positions)
        context = self._context(query, key, value, visible, bias, positions)
        if visible is None:
            return context
        has_key = visible.any(dim=-1, keepdim=True)
        if query.device.type == "cpu" and has_key.all():  # on another device this would wait
            return context
        return context.masked_fill(~has_key, 0.0)

    def _mask_and_bias(
        self, query: Tensor, key: Tensor, visible: Tensor | None, positions: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Join the masks with those of the scope, and the biases of scope and distances."""
        keys = key.size(-2)
        within, bias = self.scope(query, keys, visible, positions)
        if within is not None:
            visible = within if visible is None else within & visible
        if self.relative is not None:
            distance = self.relative.bias(query, keys, positions)
            bias = distance if bias is None else bias + distance
        return visible, bias

    def _compare(self, query: Tensor, key: Tensor, added: Tensor | None) -> Tensor:
        scores: Tensor = self.score(query, key)
        return scores if added is None else scores + added.to(scores.dtype)

    def _mix(self, weights: Tensor, value: Tensor, positions: Tensor) -> Tensor:
        context = weights @ value
        if self.relative is None:
            return context
        return self.relative.mix(context, weights, positions)

    def _context(  # noqa: PLR0917 - all that a context depends on
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        visible: Tensor | None,
        bias: Tensor | None,
        positions: Tensor,
    ) -> Tensor:
        rate = self.dropout if self.training else 0.0
        if isinstance(self.score, DotProductScore) and not self._changes_values():
            prepared, scale = self.score.prepare_query(query), self.score.scale(query.size(-1))
            return dot_product_attention(prepared, key, value, visible, bias, scale, rate)
        exact = torch.promote_types(query.dtype, torch.float32)
        with torch.autocast(query.device.type, enabled=False):
            added = additive_mask(visible, bias, exact)
            scores = self._compare(query.to(exact), key.to(exact), added)
            weights = dropout(scores.softmax(dim=-1), rate)
            return self._mix(weights, value.to(exact), positions).to(value.dtype)

    def _changes_values(self) -> bool:
        return self.relative is not None and self.relative.changes_values


def _positions(positions: Tensor | None, query: Tensor) -> Int[Tensor, " query_len"]:
    """Return the position of each query."""
    if positions is None:
        return torch.arange(query.size(-2), device=query.device)
    return positions.expand(query.size(-2))
