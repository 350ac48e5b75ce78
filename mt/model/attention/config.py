"""The choices of attention in a recipe: any score in any scope.

A config builds its module on demand, so that reading a recipe loads no torch.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mt.config import StrictConfig
from mt.model.positions.config import Distance

if TYPE_CHECKING:
    from mt.model.attention.additive import AdditiveScore
    from mt.model.attention.attend import Attend
    from mt.model.attention.bilinear import BilinearScore
    from mt.model.attention.contract import Role
    from mt.model.attention.dot import DotScore, ScaledDotScore
    from mt.model.attention.scope import GlobalScope, PredictedScope, WindowScope
    from mt.model.positions.contract import RelativePositions


class ScaledDotConfig(StrictConfig):
    """Score by the dot product over the root of the depth (Vaswani et al. 2017, equation 1)."""

    kind: Literal["scaled_dot"] = "scaled_dot"

    def build(self, heads: int, depth: int) -> "ScaledDotScore":
        """Make the module."""
        from mt.model.attention.dot import ScaledDotScore

        return ScaledDotScore()


class DotConfig(StrictConfig):
    """Score by the dot product (Luong et al. 2015, equation 8, "dot")."""

    kind: Literal["dot"] = "dot"

    def build(self, heads: int, depth: int) -> "DotScore":
        """Make the module."""
        from mt.model.attention.dot import DotScore

        return DotScore()


class BilinearConfig(StrictConfig):
    """Score by a learnt bilinear form (Luong et al. 2015, equation 8, "general")."""

    kind: Literal["bilinear"] = "bilinear"

    def build(self, heads: int, depth: int) -> "BilinearScore":
        """Make the module."""
        from mt.model.attention.bilinear import BilinearScore

        return BilinearScore(heads, depth)


class AdditiveConfig(StrictConfig):
    """Score by a small network (Bahdanau et al. 2015; Luong et al. 2015, "concat")."""

    kind: Literal["additive"] = "additive"

    def build(self, heads: int, depth: int) -> "AdditiveScore":
        """Make the module."""
        from mt.model.attention.additive import AdditiveScore

        return AdditiveScore(heads, depth)


class GlobalConfig(StrictConfig):
    """Attend to the whole sentence."""

    kind: Literal["global"] = "global"

    def build(self, heads: int, depth: int) -> "GlobalScope":
        """Make the module."""
        from mt.model.attention.scope import GlobalScope

        return GlobalScope()


class WindowConfig(StrictConfig):
    """Attend near the query's own position (Luong et al. 2015, "local-m"; a sliding window)."""

    kind: Literal["window"] = "window"
    width: Distance = 10
    """Tokens to either side."""

    def build(self, heads: int, depth: int) -> "WindowScope":
        """Make the module."""
        from mt.model.attention.scope import WindowScope

        return WindowScope(self.width)


class PredictedConfig(StrictConfig):
    """Attend near a position that the query predicts (Luong et al. 2015, "local-p")."""

    kind: Literal["predicted"] = "predicted"
    width: Distance = 10
    """Tokens to either side; twice the standard deviation of the preference."""

    def build(self, heads: int, depth: int) -> "PredictedScope":
        """Make the module."""
        from mt.model.attention.scope import PredictedScope

        return PredictedScope(heads, depth, self.width)


ScoreConfig = ScaledDotConfig | DotConfig | BilinearConfig | AdditiveConfig
ScopeConfig = GlobalConfig | WindowConfig | PredictedConfig


class AttentionConfig(StrictConfig):
    """A kind of attention: any score in any scope."""

    score: Annotated[ScoreConfig, Field(discriminator="kind")] = ScaledDotConfig()
    """How a query is compared with a key."""
    scope: Annotated[ScopeConfig, Field(discriminator="kind")] = GlobalConfig()
    """Which keys a query may attend to."""

    def build(
        self,
        heads: int,
        depth: int,
        role: "Role",
        relative: "RelativePositions | None" = None,
        dropout: float = 0.0,
    ) -> "Attend":
        """Make the module.

        Args:
            heads: Attentions side by side, each with parameters of its own.
            depth: Size of one head's queries and keys.
            role: Which side of a translation attends to which.
            relative: What the distance between query and key adds.
            dropout: Share of the weights that is zeroed in training.
        """
        from mt.model.attention.attend import Attend

        score, scope = self.score.build(heads, depth), self.scope.build(heads, depth)
        return Attend(score, scope, relative, role, dropout)
