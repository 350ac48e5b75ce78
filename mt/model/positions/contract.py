"""The three ways to give positions to a model: in embeddings, by rotation, or by distances."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class AbsolutePositions(nn.Module):
    """A vector for each position, added to the embedding of the token there."""

    def forward(self, start: int, length: int) -> Float[Tensor, "length dim"]:
        """Return the vectors of positions ``start`` to ``start + length - 1``."""
        raise NotImplementedError


class Rotation(nn.Module):
    """A rotation of queries and keys by their positions, before they are compared."""

    def forward(
        self,
        states: Float[Tensor, "batch heads length depth"],
        positions: Int[Tensor, " length"],
    ) -> Float[Tensor, "batch heads length depth"]:
        """Rotate each vector by its position."""
        raise NotImplementedError


class RelativePositions(nn.Module):
    """What the distance of a key from its query adds to attention.

    Attributes:
        changes_values: Whether :meth:`mix` does anything.
    """

    changes_values = False

    def bias(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        keys: int,
        positions: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "#batch #heads query_len key_len"]:
        """Return what is added to the scores.

        Args:
            query: Queries, before scoring.
            keys: Number of keys, which are at 0, 1, 2, ...
            positions: The position of each query.
        """
        raise NotImplementedError

    def mix(
        self,
        context: Float[Tensor, "batch heads query_len depth"],
        weights: Float[Tensor, "batch heads query_len key_len"],
        positions: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Add to the context a weighted sum of vectors of the distances."""
        return context
