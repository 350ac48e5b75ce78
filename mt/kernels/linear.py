"""Linear layers: in training by a kernel or in few heights, in inference by panels of weights."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from mt.kernels import native

ROWS = 256
"""The heights of matrices are multiples of this where a CPU multiplies in half precision."""


def linear(
    states: Float[Tensor, "*batch inputs"],
    weight: Float[Tensor, "outputs inputs"],
    bias: Float[Tensor, " outputs"] | None,
    panels: Float[Tensor, "panels inputs width"] | None = None,
) -> Float[Tensor, "*batch outputs"]:
    """Compute ``F.linear``; on a CPU by compiled kernels or by matrices of few heights.

    In training under autocast the compiled kernel multiplies in half precision, where the processor
    is made for it and it is enabled. It rounds what is multiplied, and the product; gradients are
    those of the rounded numbers, and are not rounded where the numbers came in float32.

    On other CPUs oneDNN multiplies half-precision matrices, and it writes and compiles a
    kernel for every shape it has not met lately. Nearly every batch brings a number of tokens of
    its own, and compiling takes several times as long as multiplying. Here the tokens, which have
    to be copied into half precision anyway, are copied into a matrix whose height is a multiple of
    ``ROWS``, its last rows being zero; so are the gradients. The results are those of autocast,
    which keeps weights in half precision where gradients are disabled, and is left alone there.

    In float32, where gradients are disabled, the compiled kernel multiplies by panels, if they are
    given and it is enabled. A row has the same results then, whatever rows it is among.

    Args:
        states: What is multiplied.
        weight: ``W``.
        bias: What is added; ``None``: nothing.
        panels: The weight as :func:`in_panels` returned it; ``None``: it is read as it is.
    """
    recorded = torch.is_grad_enabled()
    if recorded and states.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        library = native.layer_library(states, (weight, bias))
        product: Tensor
        if library is None:
            product = _FewHeights.apply(states, weight, bias)  # type: ignore[no-untyped-call]
        else:
            product = _NativeLinear.apply(library, states, weight, bias)  # type: ignore[no-untyped-call]
        return product
    if panels is not None and not recorded:
        library = native.library(states)
        fits = panels.size(1) == states.size(-1)
        if library is not None and fits and states.dtype == panels.dtype == torch.float32:
            return _multiply_panels(library, states, panels, bias, len(weight))
    return F.linear(states, weight, bias)


def feed_forward(
    states: Float[Tensor, "*batch inputs"],
    weight1: Float[Tensor, "width inputs"],
    bias1: Float[Tensor, " width"] | None,
    weight2: Float[Tensor, "outputs width"],
    bias2: Float[Tensor, " outputs"] | None,
) -> Float[Tensor, "*batch outputs"]:
    """Compute ``linear(F.relu(linear(states, weight1, bias1)), weight2, bias2)``."""
    library = native.layer_library(states, (weight1, bias1), (weight2, bias2))
    if library is not None:
        product: Tensor = _NativeFeedForward.apply(  # type: ignore[no-untyped-call]
            library, states, weight1, bias1, weight2, bias2
        )
        return product
    return linear(F.relu(linear(states, weight1, bias1)), weight2, bias2)


def in_panels(
    weight: Float[Tensor, "outputs inputs"],
) -> Float[Tensor, "panels inputs width"]:
    """Copy a weight in the order in which the kernel reads it; missing outputs are zero."""
    missing = -len(weight) % native.PANEL
    whole = F.pad(weight.detach(), (0, 0, 0, missing))
    return torch.unflatten(whole, 0, (-1, native.PANEL)).transpose(1, 2).contiguous()


def _multiply_panels(
    library: native.Library, states: Tensor, panels: Tensor, bias: Tensor | None, outputs: int
) -> Tensor:
    inputs = states.size(-1)
    flat = states.reshape(-1, inputs)
    flat = flat if flat.stride(1) == 1 else flat.contiguous()
    product = flat.new_empty(len(flat), outputs)
    library.mt_linear(
        False, flat.data_ptr(), flat.stride(0), panels.data_ptr(),
        None if bias is None else bias.data_ptr(), product.data_ptr(), len(flat), inputs, outputs,
        torch.get_num_threads(),
    )  # fmt: skip
    return product.view(*states.shape[:-1], outputs)


class _NativeLinear(torch.autograd.Function):
    """Multiplies in half precision by the compiled kernel."""

    @staticmethod
    def forward(
        ctx: Any, library: native.Library, states: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.library, ctx.half = library, states.dtype == torch.bfloat16
        given, product = _multiply(library, states, weight, bias)
        ctx.save_for_backward(given, weight)
        return product

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        given, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1:]
        return None, *_gradients(ctx.library, gradients[0], given, weight, wanted, half=ctx.half)


class _NativeFeedForward(torch.autograd.Function):
    """Two such layers; relu is applied where a product is written, and so is its gradient."""

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any,
        library: native.Library,
        states: Tensor,
        weight1: Tensor,
        bias1: Tensor | None,
        weight2: Tensor,
        bias2: Tensor | None,
    ) -> Tensor:
        ctx.library, ctx.half = library, states.dtype == torch.bfloat16
        given, active = _multiply(library, states, weight1, bias1, relu=True)
        _, product = _multiply(library, active, weight2, bias2)
        ctx.save_for_backward(given, weight1, active, weight2)
        return product

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        given, weight1, active, weight2 = ctx.saved_tensors
        first, second = ctx.needs_input_grad[1:4], ctx.needs_input_grad[4:]
        wanted = any(first), *second
        errors, *found2 = _gradients(
            ctx.library, gradients[0], active, weight2, wanted, half=True, relu=True
        )
        found1: Sequence[Tensor | None] = [None] * 3
        if errors is not None:
            found1 = _gradients(ctx.library, errors, given, weight1, first, half=ctx.half)
        return None, *found1, *found2


def _multiply(
    library: native.Library,
    states: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    relu: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return states in half precision, and the product, or what relu makes of it."""
    half, states = states.dtype == torch.bfloat16, states.contiguous()
    given = states if half else torch.empty_like(states, dtype=torch.bfloat16)
    product = given.new_empty(*states.shape[:-1], len(weight))
    library.mt_bfloat16_linear(
        half, relu, *native.addresses(states, given, weight, bias, product),
        *native.layer_sizes(given, weight),
    )  # fmt: skip
    return given, product


def _gradients(
    library: native.Library,
    gradient: Tensor,
    given: Tensor,
    weight: Tensor,
    wanted: Sequence[bool],
    *,
    half: bool,
    relu: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return those of three that are wanted: of the states, the weight and the bias.

    Args:
        library: The kernels.
        gradient: Of the product.
        given: The states in half precision.
        weight: ``W``.
        wanted: Which gradients are.
        half: Whether the states were in half precision.
        relu: Whether relu made the states. It is the gradient for what relu was given, then.
    """
    errors = gradient.contiguous()
    of_states, of_weight, of_bias = wanted
    dtype = torch.bfloat16 if half else torch.float32
    states = torch.empty_like(given, dtype=dtype) if of_states else None
    matrix = torch.empty_like(weight) if of_weight else None
    bias = weight.new_empty(len(weight)) if of_bias else None
    if of_states or of_weight:
        library.mt_bfloat16_linear_backward(
        half, relu, *native.addresses(errors, given, weight, states, matrix, bias),
        *native.layer_sizes(given, weight),
    )  # fmt: skip
    if of_bias and not of_weight:
        bias = errors.reshape(-1, len(weight)).sum(dim=0, dtype=weight.dtype)
    return states, matrix, bias


class _FewHeights(torch.autograd.Function):
    """Multiplies in half precision; what autograd gets back it turns into the dtype that came."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        dtype = torch.get_autocast_dtype("cpu")
        flat, cast = states.reshape(-1, states.size(-1)), weight.to(dtype)
        given = pad_rows(flat, dtype)
        turned = cast.t()
        product = given @ turned if bias is None else torch.addmm(bias.to(dtype), given, turned)
        ctx.save_for_backward(given, cast)
        return product[: len(flat)].view(*states.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        given, cast = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, len(cast))
        errors = pad_rows(gradient, cast.dtype)
        states = (errors @ cast)[: len(gradient)].view(*gradients[0].shape[:-1], -1)
        weight = errors.t() @ given
        bias = errors.sum(dim=0) if ctx.needs_input_grad[2] else None
        return states, weight, bias


def pad_rows(rows: Float[Tensor, "rows width"], dtype: torch.dtype) -> Float[Tensor, "more width"]:
    """Copy rows into a matrix of another dtype, below them zeros up to a multiple of ``ROWS``."""
    height = -(-len(rows) // ROWS) * ROWS
    if height == len(rows):
        return rows.to(dtype).contiguous()
    matrix = rows.new_empty(height, rows.size(1), dtype=dtype)
    matrix[: len(rows)].copy_(rows)
    matrix[len(rows) :].zero_()
    return matrix
