"""How a token learns where it stands: from its embedding, a rotation, or distances."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class AbsolutePositions(nn.Module):
    """A vector for each position, added to the embedding of the token that stands there."""

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
            query: What each position looks for.
            keys: Number of keys, which stand at 0, 1, 2, ...
            positions: Where each query stands.
        """
        raise NotImplementedError

    def mix(
        self,
        context: Float[Tensor, "batch heads query_len depth"],
        weights: Float[Tensor, "batch heads query_len key_len"],
        positions: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Add to the context what the distances of the keys looked at are worth."""
        return context
