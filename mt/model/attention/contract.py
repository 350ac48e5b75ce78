"""The contract every kind of attention keeps.

Attention compares a query with keys, turns the scores into weights that sum to 1, and returns the
weighted sum of the values. Kinds differ in how they score; everything around them (projections,
heads, masks, caches, recording) is written against this contract.
"""

from typing import NamedTuple, Protocol

from jaxtyping import Bool, Float
from torch import Tensor


class Attended(NamedTuple):
    """What a readable attention returns."""

    context: Float[Tensor, "batch heads query_len value_depth"]
    """The weighted sum of the values."""
    weights: Float[Tensor, "batch heads query_len key_len"]
    """float32; each row sums to 1, or to exactly 0 where the query may see no key."""


class Attention(Protocol):
    """A kind of attention: a readable form that shows its weights, and a fast form that does not.

    Both agree (a parity test holds them together), and share this rule for ``visible``: ``True``
    means *may look*; axes of size 1 broadcast; ``None`` means every key. A hidden key has weight
    exactly 0 and no influence; a query that sees nothing receives a context of zeros.
    """

    def explain(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    ) -> Attended:
        """Compute the equation step by step and keep the weights."""
        ...

    def __call__(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    ) -> Float[Tensor, "batch heads query_len value_depth"]:
        """Compute the context only, as fast as the device allows."""
        ...
