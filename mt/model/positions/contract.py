"""How a piece learns where it stands: from its embedding, by turning, or from distances."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from mt.config import StrictConfig


class AbsolutePositions(nn.Module):
    """A vector for each position, added to the embedding of the piece that stands there."""

    def forward(self, start: int, length: int) -> Float[Tensor, "length dim"]:
        """Return the vectors of positions ``start`` to ``start + length - 1``."""
        raise NotImplementedError


class Rotation(nn.Module):
    """A turning of queries and keys by their positions, before they are compared."""

    def forward(
        self,
        states: Float[Tensor, "batch heads length depth"],
        places: Int[Tensor, " length"],
    ) -> Float[Tensor, "batch heads length depth"]:
        """Turn each vector by its place."""
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
        places: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "#batch #heads query_len key_len"]:
        """Return what is added to the scores.

        Args:
            query: What each position looks for.
            keys: Number of keys, which stand at 0, 1, 2, ...
            places: Where each query stands.
        """
        raise NotImplementedError

    def mix(
        self,
        context: Float[Tensor, "batch heads query_len depth"],
        weights: Float[Tensor, "batch heads query_len key_len"],
        places: Int[Tensor, " query_len"],
    ) -> Float[Tensor, "batch heads query_len depth"]:
        """Add to the context what the distances of the keys looked at are worth."""
        return context


class PositionsChoice(StrictConfig):
    """What a recipe says about positions; a kind takes part in one of three ways."""

    def absolute(self, dim: int) -> AbsolutePositions | None:
        """Make what is added to embeddings of size ``dim``."""
        return None

    def rotation(self, depth: int) -> Rotation | None:
        """Make what turns queries and keys of size ``depth``."""
        return None

    def relative(self, heads: int, depth: int, causal: bool) -> RelativePositions | None:
        """Make what distances add to self-attention.

        Args:
            heads: Attentions side by side.
            depth: Size of one head's queries, keys and values.
            causal: Whether no query looks to its right.
        """
        return None

    def of_each_layer(self) -> bool:
        """Say whether every layer has :meth:`relative` of its own, or all share one."""
        return False
