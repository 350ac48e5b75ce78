"""The sum of a residual connection, of which one part is dropped out."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from mt.kernels import native
from mt.kernels.dropout import dropout


def add_dropped(
    states: Float[Tensor, "*batch dim"], added: Float[Tensor, "*batch dim"], rate: float
) -> Float[Tensor, "*batch dim"]:
    """Compute ``states + dropout(added)``, in the dtype of ``states``.

    The compiled kernel, where it is enabled, draws what is dropped once more in the backward pass,
    so that nothing of it is kept, and does not round the rate.
    """
    library = native.library(states, added)
    if library is None or rate == 0 or states.dtype != torch.float32:
        # Adding numbers of two precisions takes twice as long as converting and adding.
        return states + dropout(added, rate).to(states.dtype)
    total: Tensor = _AddDropped.apply(library, states, added, rate)  # type: ignore[no-untyped-call]
    return total


class _AddDropped(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, library: native.Library, states: Tensor, added: Tensor, rate: float
    ) -> Tensor:
        ctx.library, ctx.dropout, ctx.dtype = library, native.Dropout.draw(rate), added.dtype
        states, added = states.contiguous(), added.contiguous()
        total = torch.empty_like(states)
        library.mt_add_dropped(
            added.dtype == torch.bfloat16, states.data_ptr(), added.data_ptr(), ctx.dropout,
            total.data_ptr(), *native.sizes(total),
        )  # fmt: skip
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradients[0].contiguous()
        of_added = torch.empty_like(gradient, dtype=ctx.dtype)
        ctx.library.mt_add_dropped_backward(
            ctx.dtype == torch.bfloat16, gradient.data_ptr(), ctx.dropout, of_added.data_ptr(),
            *native.sizes(gradient),
        )  # fmt: skip
        return None, gradient, of_added, None
