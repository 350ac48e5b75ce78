"""The choices of positions in a recipe; reading them loads no torch."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from mt.bundle import MOST_TOKENS
from mt.config import StrictConfig

if TYPE_CHECKING:
    from mt.model.positions.absolute import LearnedPositions, SinusoidalPositions
    from mt.model.positions.contract import AbsolutePositions, RelativePositions, Rotation
    from mt.model.positions.relative import LinearPositions, ShawPositions, T5Positions
    from mt.model.positions.rotary import RotaryPositions

Distance = Annotated[int, Field(gt=0, le=MOST_TOKENS)]
"""Of two tokens."""


class BasePositionsConfig(StrictConfig):
    """What all kinds have in common; a kind overrides one of three methods, or none."""

    def absolute(self, dim: int) -> "AbsolutePositions | None":
        """Make the vectors that are added to embeddings of size ``dim``."""
        return None

    def rotation(self, depth: int) -> "Rotation | None":
        """Make the rotation of queries and keys of size ``depth``."""
        return None

    def relative(self, heads: int, depth: int, causal: bool) -> "RelativePositions | None":
        """Make the relative positions of self-attention.

        Args:
            heads: Attentions side by side.
            depth: Size of one head's queries, keys and values.
            causal: Whether no key is to the right of its query.
        """
        return None

    def of_each_layer(self) -> bool:
        """Return whether every layer has a :meth:`relative` of its own; otherwise all share one."""
        return False


class SinusoidalConfig(BasePositionsConfig):
    """Fixed sines and cosines (Vaswani et al. 2017, section 3.5)."""

    kind: Literal["sinusoidal"] = "sinusoidal"

    def absolute(self, dim: int) -> "SinusoidalPositions":
        """Make the module."""
        from mt.model.positions.absolute import SinusoidalPositions

        return SinusoidalPositions(dim)


class LearnedConfig(BasePositionsConfig):
    """A trained vector per position (Gehring et al. 2017, section 3.1)."""

    kind: Literal["learned"] = "learned"
    longest: Distance = 512
    """Positions that get a vector of their own, in tokens."""

    def absolute(self, dim: int) -> "LearnedPositions":
        """Make the module."""
        from mt.model.positions.absolute import LearnedPositions

        return LearnedPositions(dim, self.longest)


class NoPositionsConfig(BasePositionsConfig):
    """None at all: an encoder then sees a bag of tokens, a decoder only how many there are."""

    kind: Literal["none"] = "none"


class RotaryConfig(BasePositionsConfig):
    """Rotate queries and keys of self-attention (Su et al. 2021); its score is a dot product."""

    kind: Literal["rotary"] = "rotary"

    def rotation(self, depth: int) -> "RotaryPositions":
        """Make the module."""
        from mt.model.positions.rotary import RotaryPositions

        return RotaryPositions(depth)


class ShawConfig(BasePositionsConfig):
    """Trained vectors of distances, in every layer (Shaw et al. 2018).

    The score of self-attention must be the scaled dot product, as which the paper defines them.
    """

    kind: Literal["shaw"] = "shaw"
    longest: Distance = 16
    """Distance, in tokens, from which all are one."""

    def relative(self, heads: int, depth: int, causal: bool) -> "ShawPositions":
        """Make the module."""
        from mt.model.positions.relative import ShawPositions

        return ShawPositions(depth, self.longest)

    def of_each_layer(self) -> bool:
        """Every layer has its own."""
        return True


class T5Config(BasePositionsConfig):
    """Trained numbers for buckets of distances, shared by the layers (Raffel et al. 2020)."""

    kind: Literal["t5"] = "t5"
    buckets: int = Field(default=32, ge=4, le=1024, multiple_of=2)
    """Numbers a head has for distances; in an encoder either direction has half of them."""
    longest: Distance = 128
    """Distance, in tokens, from which all are one; more than half of `buckets`."""

    @model_validator(mode="after")
    def _longest_is_beyond_the_exact_ones(self) -> Self:
        if self.longest <= self.buckets // 2:
            raise ValueError(
                f"longest: expected more than half of the {self.buckets} buckets, "
                f"but found {self.longest}"
            )
        return self

    def relative(self, heads: int, depth: int, causal: bool) -> "T5Positions":
        """Make the module."""
        from mt.model.positions.relative import T5Positions

        return T5Positions(heads, self.buckets, self.longest, causal)


class AlibiConfig(BasePositionsConfig):
    """A penalty linear in the distance (Press et al. 2022)."""

    kind: Literal["alibi"] = "alibi"

    def relative(self, heads: int, depth: int, causal: bool) -> "LinearPositions":
        """Make the module."""
        from mt.model.positions.relative import LinearPositions

        return LinearPositions(heads)


PositionsConfig = (
    SinusoidalConfig
    | LearnedConfig
    | NoPositionsConfig
    | RotaryConfig
    | ShawConfig
    | T5Config
    | AlibiConfig
)
