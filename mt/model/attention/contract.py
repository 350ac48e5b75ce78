"""The interface of every kind of attention.

Attention compares a query with keys, turns the scores into weights that sum to 1, and returns the
weighted sum of the values. Kinds differ in how they score (:class:`Score`). Which keys a query may
attend to is decided by a :class:`~mt.model.attention.scope.Scope`; what the distance of a key adds,
by :class:`~mt.model.positions.contract.RelativePositions`. Everything around them (projections,
heads, masks, caches, recording) is written against :class:`Attention`, which joins the three.
"""

from typing import Literal, NamedTuple, Protocol

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Role = Literal["cross", "encoder_self", "decoder_self"]
"""Who attends to whom: ``cross``, the target to the source; ``encoder_self``, the source to itself;
``decoder_self``, the target to itself."""


class Attended(NamedTuple):
    """The result of :meth:`Attention.explain`."""

    context: Float[Tensor, "batch heads query_len value_depth"]
    """The weighted sum of the values."""
    weights: Float[Tensor, "batch heads query_len key_len"]
    """float32; each row sums to 1, or to exactly 0 where the query may see no key."""
    scores: Float[Tensor, "batch heads query_len key_len"]
    """float32; what the softmax was taken of, ``-inf`` at hidden keys."""


class Score(nn.Module):
    """How well each key matches each query: what one kind of attention differs in from another."""

    def prepare_keys(
        self, key: Float[Tensor, "batch heads key_len depth"]
    ) -> Float[Tensor, "batch heads key_len prepared_depth"]:
        """Compute the part of the score that depends on the key alone; a decoder caches it."""
        return key

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
    ) -> Float[Tensor, "batch heads query_len key_len"]:
        """Compare each query with each prepared key."""
        raise NotImplementedError


class DotProductScore(Score):
    """A score that is the dot product of a key with a function of the query, times a constant.

    Such scores are one matrix product, and fused kernels compute them.
    """

    def scale(self, depth: int) -> float:
        """Return the constant for queries and keys of size ``depth``."""
        return 1.0

    def prepare_query(
        self, query: Float[Tensor, "batch heads query_len depth"]
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Apply the function to queries."""
        return query

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
    ) -> Float[Tensor, "batch heads query_len key_len"]:
        """Multiply."""
        return self.prepare_query(query) @ key.transpose(-2, -1) * self.scale(query.size(-1))


class Attention(Protocol):
    """A readable form that shows its weights, and a fast form that does not.

    Both agree (a parity test holds them together), and share these rules:

    ``visible``: ``True`` means *may look*; axes of size 1 broadcast; ``None`` means every key. A
    hidden key has weight exactly 0 and no influence; a query that sees nothing receives a context
    of zeros.

    ``positions``: the position of each query in its sentence, from 0; a single one is that of all.
    ``None`` means 0, 1, 2, ... Keys are always at 0, 1, 2, ...

    ``key``: what :meth:`prepare_keys` returned.
    """

    def prepare_keys(
        self, key: Float[Tensor, "batch heads key_len depth"]
    ) -> Float[Tensor, "batch heads key_len prepared_depth"]:
        """Compute the part of the score that depends on the key alone."""
        ...

    def explain(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
        positions: Int[Tensor, " #query_len"] | None = None,
    ) -> Attended:
        """Compute the equation step by step and keep the weights."""
        ...

    def __call__(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
        positions: Int[Tensor, " #query_len"] | None = None,
    ) -> Float[Tensor, "batch heads query_len value_depth"]:
        """Compute the context only, as fast as the device allows."""
        ...
