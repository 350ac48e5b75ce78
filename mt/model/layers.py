"""Linear and feed-forward layers, dropout, residual connections and embeddings."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor, nn

from mt.kernels import native
from mt.kernels.dropout import dropout
from mt.kernels.linear import feed_forward, in_panels, linear
from mt.kernels.residual import add_dropped
from mt.model.config import Activation, NormPlacement, Tie
from mt.model.contract import CUT
from mt.model.positions.contract import AbsolutePositions


class Linear(nn.Linear):
    """``x W^T + b``, by :func:`~mt.kernels.linear.linear`.

    Attributes:
        blocks: Matrices of equal height that ``W`` holds, one below the other, each with a meaning
            of its own, such as those of queries, keys and values.
    """

    def __init__(self, inputs: int, outputs: int, blocks: int = 1, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.blocks = blocks
        self._panels: Tensor | None = None

    def forward(
        self,
        input: Float[Tensor, "*batch inputs"],  # noqa: A002 - torch's name
        blocks: slice = slice(None),
    ) -> Float[Tensor, "*batch outputs"]:
        """Multiply, and add the bias.

        Args:
            input: What is multiplied.
            blocks: Of the weight those that are taken, and of the bias what belongs to them.
        """
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias
        panels = self._panels
        if blocks != slice(None):
            height = self.out_features // self.blocks
            first, last, _ = blocks.indices(self.blocks)
            rows = slice(first * height, last * height)
            weight, bias = weight[rows], None if bias is None else bias[rows]
            whole = height % native.PANEL == 0
            start, stop = rows.start // native.PANEL, rows.stop // native.PANEL
            panels = panels[start:stop] if panels is not None and whole else None
        return linear(input, weight, bias, panels)

    def lay_out(self) -> None:
        """Keep a copy of ``W`` as the compiled kernel reads it; ``W`` must not change any more.

        It takes as much memory again. Blocks whose height is no multiple of a panel's are still
        multiplied by torch where not all are taken.
        """
        self._panels = in_panels(self.weight)


def lay_out(model: nn.Module) -> None:
    """Do as :meth:`Linear.lay_out` with all linear layers of a model."""
    for module in model.modules():
        if isinstance(module, Linear):
            module.lay_out()


class Dropout(nn.Module):
    """Apply :func:`~mt.kernels.dropout.dropout` in training mode, and nothing otherwise."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, states: Tensor) -> Tensor:
        """Drop elements in training mode; return ``states`` unchanged in evaluation mode."""
        if not self.training or self.rate == 0:
            return states
        return dropout(states, self.rate)

    def extra_repr(self) -> str:
        """Show the rate where torch prints the module."""
        return f"rate={self.rate}"


_ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
}


class FeedForward(nn.Module):
    """Transform each position by itself: one linear layer, an activation, another linear layer.

    ``relu``, ``gelu`` and ``silu``: ``W_2 f(W_1 x + b_1) + b_2``. ``swiglu``:
    ``W_2 (silu(W_1 x) * W_3 x)``, with ``W_1`` and ``W_3`` in one matrix; it has half as many
    parameters again at the same width.
    In training some of what ``W_2`` is multiplied by may be zeroed.

    Source: Vaswani et al. (2017), section 3.3, equation 2; Hendrycks and Gimpel (2016); Elfwing et
    al. (2018); Shazeer (2020), equation 6.
    """

    def __init__(self, dim: int, width: int, activation: Activation, dropout: float = 0.0) -> None:
        super().__init__()
        self.activation = activation
        self.dropout = Dropout(dropout)
        blocks = 2 if activation == "swiglu" else 1
        self.linear1 = Linear(dim, blocks * width, blocks)
        self.linear2 = Linear(width, dim)
        for part in torch.split(self.linear1.weight.data, width):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.linear2.weight)
        nn.init.zeros_(self.linear1.bias)
        nn.init.zeros_(self.linear2.bias)

    def forward(self, states: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """Transform each position."""
        plain = self.activation == "relu" and self.dropout.rate == 0
        if plain and torch.is_grad_enabled():  # else the layers may be laid out
            first, second = self.linear1, self.linear2
            return feed_forward(states, first.weight, first.bias, second.weight, second.bias)
        wide = self.linear1(states)
        if self.activation == "swiglu":
            gate, wide = wide.chunk(2, dim=-1)
            active = F.silu(gate) * wide
        else:
            active = _ACTIVATIONS[self.activation](wide)
        return self.linear2(self.dropout(active))


class Residual(nn.Module):
    """A residual connection around a sublayer, with dropout and layer norm.

    Post-norm, as in the paper: ``norm(x + dropout(sublayer(x)))``. Pre-norm, which trains deep
    stacks without care: ``x + dropout(sublayer(norm(x)))``; the stack then ends with one more norm.

    Source: Vaswani et al. (2017), section 5.4; Xiong et al. (2020), figure 1.
    """

    def __init__(self, dim: int, dropout: float, placement: NormPlacement) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.dropout = dropout
        self.placement = placement

    def forward(
        self,
        states: Float[Tensor, "*batch dim"],
        sublayer: Callable[[Tensor], Tensor],
    ) -> Float[Tensor, "*batch dim"]:
        """Apply ``sublayer`` around its residual connection."""
        given = self.norm(states) if self.placement == "pre" else states
        rate = self.dropout if self.training else 0.0
        total = add_dropped(states, sublayer(given), rate)
        return total if self.placement == "pre" else self.norm(total)


class Embedding(nn.Module):
    """Look up tokens, scale by ``sqrt(dim)``, and add positions if there are any.

    Source: Vaswani et al. (2017), section 3.4.
    """

    def __init__(
        self,
        table: nn.Parameter,
        positions: AbsolutePositions | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.table = table
        self.positions = positions
        self.dropout = Dropout(dropout)

    def forward(
        self, tokens: Int[Tensor, "batch length"], start: int = 0
    ) -> Float[Tensor, "batch length dim"]:
        """Embed tokens, the first of which is at position ``start``; in training some are cut."""
        scale = math.sqrt(self.table.size(1))
        if self.training:
            kept = (tokens != CUT)[..., None].to(self.table.dtype)
            states = F.embedding(tokens.clamp(min=0), self.table) * (kept * scale)
        else:
            states = F.embedding(tokens, self.table) * scale
        if self.positions is not None:
            states = states + self.positions(start, tokens.size(1))
        return self.dropout(states)


class Tables(NamedTuple):
    """The embeddings of both sides and of the output; tied ones are the same parameter."""

    source: nn.Parameter
    target: nn.Parameter
    output: nn.Parameter


def make_tables(tie: Tie, source_size: int, target_size: int, dim: int) -> Tables:
    """Draw embeddings whose scaled vectors have unit variance.

    Raises:
        ValueError: If all are to be one table, and the vocabularies have different sizes.
    """
    if tie == "three_way" and source_size != target_size:
        raise ValueError(
            f"tie: expected one joint vocabulary, but found {source_size} source and "
            f"{target_size} target tokens"
        )

    def draw(size: int) -> nn.Parameter:
        return nn.Parameter(torch.randn(size, dim) * dim**-0.5)

    target = draw(target_size)
    source = target if tie == "three_way" else draw(source_size)
    return Tables(source, target, draw(target_size) if tie == "none" else target)
