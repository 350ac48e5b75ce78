"""Several attentions side by side, each in its own subspace."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mt.model.attention.contract import Attention
from mt.model.layers import Linear
from mt.model.positions.contract import Rotation

_QUERY, _KEY_VALUE = slice(1), slice(1, 3)
"""Blocks of a projection of queries, keys and values."""


class KeysValues(NamedTuple):
    """Keys and values, projected and split into heads."""

    key: Float[Tensor, "batch heads key_len depth"]
    """As :meth:`Attention.prepare_keys` returned it."""
    value: Float[Tensor, "batch heads key_len depth"]


class MultiHeadAttention(nn.Module):
    """Project queries, keys and values into heads, attend in each, and project the results.

    ``MultiHead(Q, K, V) = Concat(head_1, ..., head_h) W_O`` with
    ``head_i = attend(Q W_i, K W_i, V W_i)``. The three projections are one matrix, so that
    self-attention is one product; its rows are those of
    ``torch.nn.MultiheadAttention.in_proj_weight``.

    Attributes:
        attend: The kind of attention.
        rotation: Rotates queries and keys of self-attention by their positions; ``None``: none.

    Source: Vaswani et al. (2017), section 3.2.2.
    """

    attend: Attention

    def __init__(
        self, dim: int, heads: int, attend: Attention, rotation: Rotation | None = None
    ) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"heads: expected a divisor of dim {dim}, but found {heads}")
        self.dim = dim
        self.heads = heads
        self.attend = attend
        self.rotation = rotation
        self.in_proj = Linear(dim, 3 * dim, blocks=3)
        self.out_proj = Linear(dim, dim)
        for part in torch.split(self.in_proj.weight.data, dim):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.out_proj.weight)
        nn.init.zeros_(self.in_proj.bias)
        nn.init.zeros_(self.out_proj.bias)

    def project_self(
        self, states: Float[Tensor, "batch length dim"], positions: Int[Tensor, " length"]
    ) -> tuple[Float[Tensor, "batch heads length depth"], KeysValues]:
        """Project states for self-attention: to queries, and to keys and values.

        Args:
            states: Of one side.
            positions: The position of each state in its sentence.
        """
        projected = torch.split(self.in_proj(states), self.dim, dim=-1)
        query, key, value = (self._split(part) for part in projected)
        if self.rotation is not None:
            query, key = self.rotation(query, positions), self.rotation(key, positions)
        return query, KeysValues(self.attend.prepare_keys(key), value)

    def project_query(
        self, states: Float[Tensor, "batch query_len dim"]
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Project the states of the target to queries of cross-attention."""
        return self._split(self.in_proj(states, _QUERY))

    def project_memory(self, memory: Float[Tensor, "batch key_len dim"]) -> KeysValues:
        """Project encoder states to keys and values; a decoder does this once a sentence."""
        key, value = torch.split(self.in_proj(memory, _KEY_VALUE), self.dim, dim=-1)
        return KeysValues(self.attend.prepare_keys(self._split(key)), self._split(value))

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        memory: KeysValues,
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
        positions: Int[Tensor, " #query_len"],
    ) -> Float[Tensor, "batch query_len dim"]:
        """Attend with projected queries, and project the concatenated heads.

        Args:
            query: From :meth:`project_self` or :meth:`project_query`.
            memory: From :meth:`project_self` or :meth:`project_memory`.
            visible: ``True`` where the query may look.
            positions: The position of each query in its sentence; a single one is that of all.
        """
        context = self.attend(query, memory.key, memory.value, visible, positions)
        return self.out_proj(context.transpose(1, 2).flatten(2))

    def _split(self, states: Tensor) -> Tensor:
        return torch.unflatten(states, -1, (self.heads, -1)).transpose(1, 2)
