"""Dot-product attention in plain matrix products, with a gradient written by hand."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_HALVES = {torch.bfloat16, torch.float16}


def plain_attention(
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    value: Float[Tensor, "batch heads key_len value_depth"],
    bias: Float[Tensor, "#batch #heads #query_len key_len"] | None,
    scale: float,
) -> Float[Tensor, "batch heads query_len value_depth"]:
    """Compute ``softmax(scale * query @ key.T + bias) @ value``; ``bias`` gets no gradient.

    For sentences on a CPU. What autograd would do in a dozen passes over memory is done in place
    here. Each input is copied once, into the order in which it is multiplied; the result lies in
    memory so that its heads can be joined without a copy.

    Half precision is computed in float32: oneDNN would compile a kernel for every new shape, and
    every batch has one, which takes longer than these small products.
    """
    context: Tensor = _PlainAttention.apply(  # type: ignore[no-untyped-call]
        query, key, value, bias, scale
    )
    return context


class _PlainAttention(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float
    ) -> Tensor:
        with torch.autocast(query.device.type, enabled=False):
            queries, keys, values = (_apart(part) for part in (query, key, value))
            scores = torch.bmm(queries, keys.mT).view(*query.shape[:3], key.size(2))
            if bias is None:
                scores.mul_(scale)
            else:
                torch.add(bias, scores, alpha=scale, out=scores)
            weights = torch.softmax(scores, dim=-1, out=scores).flatten(0, 1)
            context = torch.bmm(weights, values)
        ctx.save_for_backward(queries, keys, values, weights)
        ctx.scale, ctx.heads = scale, query.size(1)
        return _together(context, ctx.heads, value.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, weights = ctx.saved_tensors
        gradient, dtype = _apart(gradients[0]), gradients[0].dtype
        with torch.autocast(gradient.device.type, enabled=False):
            errors = torch.bmm(gradient, values.mT)
            # d softmax: each weight times how much its error lies above the mean error.
            mean = torch.linalg.vecdot(errors, weights)[..., None]
            errors.sub_(mean).mul_(weights)
            errors.mul_(ctx.scale)
            of_values = torch.bmm(weights.mT, gradient)
            found = torch.bmm(errors, keys), torch.bmm(errors.mT, queries), of_values
        return *(_together(part, ctx.heads, dtype) for part in found), None, None


def _apart(
    states: Float[Tensor, "batch heads length depth"],
) -> Float[Tensor, "batch_heads length depth"]:
    """Let each head of each sentence be a matrix, in memory too."""
    dtype = torch.float32 if states.dtype in _HALVES else states.dtype
    return states.to(dtype, memory_format=torch.contiguous_format).flatten(0, 1)


def _together(
    states: Float[Tensor, "batch_heads length depth"], heads: int, dtype: torch.dtype
) -> Float[Tensor, "batch heads length depth"]:
    """Let the heads of a position lie side by side in memory."""
    apart = torch.unflatten(states, 0, (-1, heads))
    joined = apart.new_empty(apart.transpose(1, 2).shape, dtype=dtype).transpose(1, 2)
    return joined.copy_(apart)
