"""Dot-product attention: a kernel for sentences on a CPU, and torch's own for all else."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from mt.kernels import native
from mt.kernels.dropout import dropout_factors

FUSED_FROM = 512
"""Keys from which torch's fused kernel is used on a CPU.

At sentence lengths it is several times slower there than three plain operations; at document
lengths it saves the memory of the score matrix.
"""

FEW_QUERIES = 16
"""Queries up to which, without a gradient, each is compared with the keys where these lie."""

_HALVES = {torch.bfloat16, torch.float16}


def dot_product_attention(  # noqa: PLR0917 - all that a context depends on
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    value: Float[Tensor, "batch heads key_len value_depth"],
    visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    bias: Float[Tensor, "#batch #heads #query_len key_len"] | None,
    scale: float,
    dropout: float = 0.0,
) -> Float[Tensor, "batch heads query_len value_depth"]:
    """Compute ``dropout(softmax(scale * query @ key.T + bias)) @ value`` over the visible keys.

    :func:`cpu_attention` on a CPU below ``FUSED_FROM`` keys; otherwise torch's own
    ``F.scaled_dot_product_attention``, which keeps no scores.

    Args:
        query: What is compared with the keys.
        key: What is compared with the queries.
        value: What is averaged.
        visible: ``True`` where the query may look; ``None``: everywhere. The context of a query
            that sees nothing is undefined.
        bias: Added to the scores; ``None``: nothing.
        scale: Multiplies the products.
        dropout: Share of the weights that is zeroed, the others being scaled up.
    """
    if query.device.type == "cpu" and key.size(-2) < FUSED_FROM:
        exact = torch.promote_types(query.dtype, torch.float32)
        mask = additive_mask(visible, bias, exact)
        return cpu_attention(query, key, value, mask, scale, dropout)
    mask = visible if bias is None else additive_mask(visible, bias, query.dtype)
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, scale=scale
    )


def additive_mask(
    visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    bias: Float[Tensor, "#batch #heads #query_len key_len"] | None,
    dtype: torch.dtype,
) -> Float[Tensor, "#batch #heads #query_len key_len"] | None:
    """Write a mask and a bias as one matrix that is added to scores.

    The lowest number is finite, lest the softmax of a query that sees nothing make every gradient
    NaN; half of it is finite in bfloat16 too, to which autocast may turn it. A small mask that is
    broadcast costs less than filling the large matrix of scores.
    """
    if visible is None:
        return None if bias is None else bias.to(dtype)
    lowest = torch.finfo(dtype).min / 2
    if bias is not None:
        return bias.to(dtype).masked_fill(~visible, lowest)
    zeros = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
    return zeros.masked_fill_(~visible, lowest)


def cpu_attention(  # noqa: PLR0917 - all that a context depends on
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    value: Float[Tensor, "batch heads key_len value_depth"],
    bias: Float[Tensor, "#batch #heads #query_len key_len"] | None,
    scale: float,
    dropout: float = 0.0,
) -> Float[Tensor, "batch heads query_len value_depth"]:
    """Compute ``dropout(softmax(scale * query @ key.T + bias)) @ value`` by plain products.

    The gradient is written by hand: what autograd would do in a dozen passes over memory is done in
    place. Each input is copied at most once, into the order in which it is multiplied; the result
    lies in memory so that its heads can be joined without a copy.

    Half precision is computed in float32: oneDNN would compile a kernel for every new shape, and
    every batch has one, which takes longer than these small products.

    The compiled kernel does the same head by head, in memory that stays in the cache, where it is
    enabled and ``bias`` has no gradient. Its rate of dropout is not rounded. Where the processor
    multiplies pairs of bfloat16 numbers (AVX512-BF16), a gradient is recorded, and the numbers of
    each head are pairs in memory, it rounds the weights of such values and the gradient of their
    scores to bfloat16 before it multiplies them.
    """
    library = native.library(query, key, value, bias)
    context: Tensor
    if library is not None and _natively(query, key, value, bias):
        if not torch.is_grad_enabled() and not dropout and _are_few(query):
            return _attend_by_few(library, query, key, value, bias, scale)
        recorded = torch.is_grad_enabled()
        its = native.attention(query, key, scale, dropout, with_gradient=recorded)
        context = _NativeAttention.apply(  # type: ignore[no-untyped-call]
            library, its, query, key, value, bias
        )
    else:
        context = _CPUAttention.apply(  # type: ignore[no-untyped-call]
            query, key, value, bias, scale, dropout
        )
    return context


def _natively(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> bool:
    """Say whether the compiled kernel is made for such inputs."""
    inputs = (query, key, value)
    return (
        query.dtype == key.dtype == value.dtype
        and key.shape == value.shape
        and query.size(3) == key.size(3)
        and query.shape[:2] == key.shape[:2]
        and all(part.stride(3) == 1 for part in inputs)
        and key.size(2) > 0
        and (bias is None or _read_in_rows(bias, key.size(2)))
    )


def _read_in_rows(bias: Tensor, keys: int) -> bool:
    whole = bias.size(3) == keys and bias.stride(3) == 1
    return whole and bias.dtype == torch.float32 and not bias.requires_grad


def _are_few(query: Tensor) -> bool:
    return query.size(2) <= FEW_QUERIES and query.size(3) % native.WIDTH == 0


def _attend_by_few(  # noqa: PLR0917 - all that a context depends on
    library: native.Library,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    scale: float,
) -> Tensor:
    """Compute the context of a few queries, without a gradient."""
    context = _heads_together(query)
    mask = None if bias is None else bias.expand(*query.shape[:3], key.size(2))
    parts = [native.Heads.of(part) for part in (query, key, value, mask, context)]
    its = native.attention(query, key, scale, dropout=0.0, with_gradient=False)
    library.mt_attention_step(query.dtype == torch.bfloat16, its, *parts)
    return context


class _NativeAttention(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any,
        library: native.Library,
        its: native.Attention,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Tensor | None,
    ) -> Tensor:
        ctx.library, ctx.its = library, its
        shape = (*query.shape[:3], key.size(2))
        weights, context = torch.empty(shape, dtype=torch.float32), _heads_together(query)
        mask = None if bias is None else bias.expand_as(weights)
        given = [native.Heads.of(part) for part in (query, key, value, mask)]
        half = query.dtype == torch.bfloat16
        library.mt_attention_forward(
            half, ctx.its, *given, weights.data_ptr(), native.Heads.of(context)
        )
        ctx.save_for_backward(query, key, value, weights)
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, weights = ctx.saved_tensors
        gradient = gradients[0] if gradients[0].stride(3) == 1 else gradients[0].contiguous()
        found = [_heads_together(part) for part in inputs]
        given, made = (
            [native.Heads.of(part) for part in side] for side in ((*inputs, gradient), found)
        )
        half = gradient.dtype == torch.bfloat16
        ctx.library.mt_attention_backward(half, ctx.its, *given, weights.data_ptr(), *made)
        return None, None, *found, None


class _CPUAttention(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Tensor | None,
        scale: float,
        dropout: float,
    ) -> Tensor:
        with torch.autocast(query.device.type, enabled=False):
            queries, keys, values = (_apart(part) for part in (query, key, value))
            scores = torch.bmm(queries, keys.mT).view(*query.shape[:3], key.size(2))
            if bias is None:
                scores.mul_(scale)
            else:
                torch.add(bias, scores, alpha=scale, out=scores)
            weights = torch.softmax(scores, dim=-1, out=scores).flatten(0, 1)
            factors = dropout_factors(weights, dropout)
            context = torch.bmm(_times(weights, factors), values)
        ctx.save_for_backward(queries, keys, values, weights, factors)
        ctx.scale, ctx.heads = scale, query.size(1)
        ctx.bias_shape = None if bias is None else bias.shape
        return _together(context, ctx.heads, value.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, weights, factors = ctx.saved_tensors
        gradient, dtype = _apart(gradients[0]), gradients[0].dtype
        of_bias = None
        with torch.autocast(gradient.device.type, enabled=False):
            errors = torch.bmm(gradient, values.mT)
            if factors is not None:
                errors.mul_(factors)
            # d softmax: each weight times how much its error lies above the mean error.
            mean = torch.linalg.vecdot(errors, weights)[..., None]
            errors.sub_(mean).mul_(weights)
            if ctx.needs_input_grad[3]:
                apart = torch.unflatten(errors, 0, (-1, ctx.heads))
                of_bias = apart.sum_to_size(ctx.bias_shape).clone()  # no sum: the same memory
            errors.mul_(ctx.scale)
            of_values = torch.bmm(_times(weights, factors).mT, gradient)
            found = torch.bmm(errors, keys), torch.bmm(errors.mT, queries), of_values
        return *(_together(part, ctx.heads, dtype) for part in found), of_bias, None, None


def _times(weights: Tensor, factors: Tensor | None) -> Tensor:
    return weights if factors is None else weights * factors


def _apart(
    states: Float[Tensor, "batch heads length depth"],
) -> Float[Tensor, "batch_heads length depth"]:
    """Let each head of each sentence be a matrix, copied only where it lies otherwise in memory.

    A cache of keys and values, of which the first slots are used, holds its heads apart.
    """
    if states.dtype in _HALVES:
        states = states.to(torch.float32, memory_format=torch.contiguous_format)
    return states.flatten(0, 1)


def _together(
    states: Float[Tensor, "batch_heads length depth"], heads: int, dtype: torch.dtype
) -> Float[Tensor, "batch heads length depth"]:
    """Let the heads of a position lie side by side in memory."""
    apart = torch.unflatten(states, 0, (-1, heads))
    return _heads_together(apart, dtype).copy_(apart)


def _heads_together(
    like: Float[Tensor, "batch heads length depth"], dtype: torch.dtype | None = None
) -> Float[Tensor, "batch heads length depth"]:
    """Make room for states whose heads of a position will lie side by side in memory."""
    return like.new_empty(like.transpose(1, 2).shape, dtype=dtype).transpose(1, 2)
