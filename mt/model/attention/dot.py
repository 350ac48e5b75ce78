"""Plain dot-product attention."""

from typing import Literal

from mt.config import StrictConfig
from mt.model.attention.contract import DotProductScore


class DotScore(DotProductScore):
    """``score(q, k) = q . k``: no parameter, and no help against large scores in many dimensions.

    Source: Luong, Pham and Manning (2015), section 3.1, equation 8, "dot".
    """


class Dot(StrictConfig):
    """Score by the dot product (Luong et al. 2015, equation 8, "dot")."""

    kind: Literal["dot"] = "dot"

    def build(self, heads: int, depth: int) -> DotScore:
        """Make the module."""
        return DotScore()
