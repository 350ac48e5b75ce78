"""Attention: compare a query with keys, and sum values accordingly. One small file per kind."""

from typing import Annotated

from pydantic import Field

from mt.config import StrictConfig
from mt.model.attention.additive import Additive
from mt.model.attention.attend import Attend
from mt.model.attention.bilinear import Bilinear
from mt.model.attention.contract import Attended, Attention, DotProductScore, Score
from mt.model.attention.dot import Dot
from mt.model.attention.multi_head import KeysValues, MultiHeadAttention
from mt.model.attention.scaled_dot import ScaledDot, scaled_dot_product_attention
from mt.model.attention.scope import Global, Predicted, Scope, ScopeConfig, Window
from mt.model.positions import RelativePositions

ScoreConfig = ScaledDot | Dot | Bilinear | Additive


class AttentionConfig(StrictConfig):
    """A kind of attention: any score in any scope."""

    score: Annotated[ScoreConfig, Field(discriminator="kind")] = ScaledDot()
    """How a query is compared with a key."""
    scope: Annotated[ScopeConfig, Field(discriminator="kind")] = Global()
    """How far a query may look."""

    def build(self, heads: int, depth: int, relative: RelativePositions | None = None) -> Attend:
        """Make the module.

        Args:
            heads: Attentions side by side, each with parameters of its own.
            depth: Size of one head's queries and keys.
            relative: What the distance between query and key adds.
        """
        score, scope = self.score.build(heads, depth), self.scope.build(heads, depth)
        return Attend(score, scope, relative)


__all__ = [
    "Additive",
    "Attend",
    "Attended",
    "Attention",
    "AttentionConfig",
    "Bilinear",
    "Dot",
    "DotProductScore",
    "Global",
    "KeysValues",
    "MultiHeadAttention",
    "Predicted",
    "ScaledDot",
    "Scope",
    "ScopeConfig",
    "Score",
    "ScoreConfig",
    "Window",
    "scaled_dot_product_attention",
]
