"""The contract every kind of attention keeps.

Attention compares a query with keys, turns the scores into weights that sum to 1, and returns the
weighted sum of the values. Kinds differ in how they score (:class:`Score`); where a query may look
at all is the matter of a :class:`~mt.model.attention.scope.Scope`; what distance adds is that of
:class:`~mt.model.positions.contract.RelativePositions`. Everything around them (projections, heads,
masks, caches, recording) is written against :class:`Attention`, which joins the three.
"""

from typing import Literal, NamedTuple, Protocol

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Role = Literal["cross", "encoder_self", "decoder_self"]
"""Who looks at whom: the target at the source, the source at itself, the target at itself."""


class Attended(NamedTuple):
    """What a readable attention returns."""

    context: Float[Tensor, "batch heads query_len value_depth"]
    """The weighted sum of the values."""
    weights: Float[Tensor, "batch heads query_len key_len"]
    """float32; each row sums to 1, or to exactly 0 where the query may see no key."""
    scores: Float[Tensor, "batch heads query_len key_len"]
    """float32; what the softmax was taken of, ``-inf`` at hidden keys."""


class Score(nn.Module):
    """How well each key answers each query: what one kind of attention differs in from another."""

    def prepare_keys(
        self, key: Float[Tensor, "batch heads key_len depth"]
    ) -> Float[Tensor, "batch heads key_len prepared_depth"]:
        """Compute once a key what every comparison with it needs; a decoder caches it."""
        return key

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
    ) -> Float[Tensor, "batch heads query_len key_len"]:
        """Compare each query with each prepared key."""
        raise NotImplementedError


class DotProductScore(Score):
    """A score that is the dot product of a key with what becomes of the query, times a constant.

    Such scores are one matrix product, and fused kernels compute them.
    """

    def scale(self, depth: int) -> float:
        """Return the constant for queries and keys of size ``depth``."""
        return 1.0

    def prepare_query(
        self, query: Float[Tensor, "batch heads query_len depth"]
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Turn a query into what is multiplied with a key."""
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

    ``positions``: where each query stands in its own sentence, from 0; one position holds for all.
    ``None`` means 0, 1, 2, ... Keys always stand at 0, 1, 2, ...

    ``key``: what :meth:`prepare_keys` returned.
    """

    def prepare_keys(
        self, key: Float[Tensor, "batch heads key_len depth"]
    ) -> Float[Tensor, "batch heads key_len prepared_depth"]:
        """Compute once a key what every comparison with it needs."""
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
