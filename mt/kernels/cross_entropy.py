"""Label-smoothed cross-entropy in chunks, whose logits are never all in memory.

Chunks save memory on every device, so that all devices compute it so; a CPU takes smaller ones.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mt.kernels import native
from mt.kernels.linear import ROWS, pad_rows

CHUNK = 512
"""Target tokens whose logits exist at once on a CPU: they stay in its cache."""
CHUNK_ELSEWHERE = 8192
"""The same on other devices, which want large matrices."""


def chunked_cross_entropy(
    states: Float[Tensor, "tokens dim"],
    output: nn.Linear,
    targets: Int[Tensor, " tokens"],
    smoothing: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Sum label-smoothed and plain cross-entropy without ever holding all logits.

    Equals torch's plain way, which holds all logits and their gradient:
    ``F.cross_entropy(output(states), targets, reduction="sum", label_smoothing=smoothing)``.
    Here the logits of a few hundred tokens are made, used for the loss and for their gradient, and
    forgotten: the largest matrix of a small model never leaves the cache.

    Under autocast torch rounds the softmax to half precision where its gradient is computed; what
    is reported for a token is then off by at most 0.004 nats, up or down. Without gradient it is
    not, nor by the compiled kernel, where that is enabled.

    Returns:
        The smoothed sum, which has a gradient, and the plain sum, which has none.
    """
    if torch.is_autocast_enabled(states.device.type):
        states = states.to(torch.get_autocast_dtype(states.device.type))
    smoothed, plain = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        states, output.weight, output.bias, targets, smoothing, torch.is_grad_enabled()
    )
    return smoothed, plain


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient is computed in the forward pass, while each chunk's logits are at hand."""

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        grad_enabled: bool,
    ) -> tuple[Tensor, Tensor]:
        wanted = grad_enabled and any(ctx.needs_input_grad)  # the latter ignores torch.no_grad
        exact = torch.promote_types(weight.dtype, torch.float32)
        most = CHUNK if states.device.type == "cpu" else CHUNK_ELSEWHERE
        table, count = weight.to(states.dtype), len(states)
        vocabulary = table.size(0)
        smoothed = plain = torch.zeros((), device=states.device, dtype=_widest(states.device))
        height = count + -count % ROWS
        state_gradient = states.new_empty(height, states.size(1)) if wanted else None
        _, of_weight, of_bias, *_ = ctx.needs_input_grad
        weight_gradient = torch.zeros_like(weight) if wanted and of_weight else None
        bias_gradient = torch.zeros_like(bias) if wanted and bias is not None and of_bias else None
        # The mean logit of a state is its product with the mean row; it needs no logits.
        mean_row = weight.to(exact).mean(dim=0)
        mean_bias = 0.0 if bias is None else bias.to(exact).mean()
        # The same memory for every chunk: it stays in the cache, and no page is faulted in twice.
        products = states.new_empty(min(most, height), vocabulary)
        share_of_chunk, exact_share = torch.empty_like(table), torch.empty_like(weight)
        for start in range(0, count, most):
            real, reference = states[start : start + most], targets[start : start + most, None]
            chunk = pad_rows(real, states.dtype)
            product = torch.mm(chunk, table.t(), out=products[: len(chunk)])
            if bias is not None:
                product += bias.to(product.dtype)  # of another dtype, it would copy all products
            logits = product[: len(real)]
            wanted_logit = logits.gather(1, reference).to(exact)
            mean_logit = (real.to(exact) @ mean_row + mean_bias)[:, None]
            if state_gradient is None:
                normaliser = logits.to(exact).logsumexp(dim=1, keepdim=True)
            else:
                # d loss / d logits = softmax - target distribution. The part of the latter that is
                # the same for every token is taken off all at once below.
                normaliser = _turn_into_errors(logits, reference, 1 - smoothing, exact)
                if not normaliser.isfinite().all():  # torch: a target is next to impossible
                    normaliser = _normaliser(real, table, bias, exact)
                errors = product
                errors[len(real) :].zero_()
                torch.mm(errors, table, out=state_gradient[start : start + len(chunk)])
                if weight_gradient is not None:
                    torch.mm(errors.t(), chunk, out=share_of_chunk)
                    weight_gradient += exact_share.copy_(share_of_chunk)
                if bias_gradient is not None:
                    bias_gradient += errors.sum(dim=0)
            plain = plain + (normaliser - wanted_logit).sum()
            smoothed = (
                smoothed
                + (normaliser - (1 - smoothing) * wanted_logit - smoothing * mean_logit).sum()
            )
        share = smoothing / vocabulary
        if state_gradient is not None:
            state_gradient = state_gradient[:count]
            state_gradient -= (smoothing * mean_row).to(states.dtype)
        if weight_gradient is not None:
            weight_gradient -= share * states.sum(dim=0, dtype=weight.dtype)
        if bias_gradient is not None:
            bias_gradient -= share * count
        ctx.save_for_backward(state_gradient, weight_gradient, bias_gradient)
        plain = plain.to(exact)
        ctx.mark_non_differentiable(plain)
        return smoothed.to(exact), plain

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        outer = gradients[0]
        states, weight, bias = ctx.saved_tensors
        return (
            states * outer.to(states.dtype),
            None if weight is None else weight * outer,
            None if bias is None else bias * outer,
            None,
            None,
            None,
        )


def _widest(device: torch.device) -> torch.dtype:
    """Return what sums are kept in: float64, which MPS lacks."""
    return torch.float32 if device.type == "mps" else torch.float64


def _normaliser(
    states: Float[Tensor, "tokens dim"],
    table: Float[Tensor, "vocabulary dim"],
    bias: Float[Tensor, " vocabulary"] | None,
    exact: torch.dtype,
) -> Float[Tensor, "tokens 1"]:
    """Return the logarithm of each token's sum of exponentials."""
    logits = torch.mm(states, table.t()).to(exact) + (0.0 if bias is None else bias)
    return logits.logsumexp(dim=1, keepdim=True)


def _turn_into_errors(
    logits: Float[Tensor, "tokens vocabulary"],
    targets: Int[Tensor, "tokens 1"],
    share: float,
    exact: torch.dtype,
) -> Float[Tensor, "tokens 1"]:
    """Write softmax in the place of logits, less ``share`` at each target.

    Returns:
        The logarithm of each normaliser; NaN where rounding has left nothing to tell it by.
    """
    library = native.library(logits)
    if library is not None:
        normaliser, targets = torch.empty(targets.shape, dtype=torch.float32), targets.contiguous()
        library.mt_cross_entropy(
            logits.dtype == torch.bfloat16, logits.data_ptr(), targets.data_ptr(), share,
            normaliser.data_ptr(), *native.sizes(logits),
        )  # fmt: skip
        return normaliser
    wanted_logit = logits.gather(1, targets).to(exact)
    probability = torch.softmax(logits, dim=1, out=logits).gather(1, targets).to(exact)
    _put(logits, targets, (probability - share).to(logits.dtype))
    imprecise = probability < torch.finfo(exact).tiny
    return (wanted_logit - probability.log()).masked_fill_(imprecise, math.nan)


def _put(
    matrix: Float[Tensor, "rows columns"],
    columns: Int[Tensor, "first_rows 1"],
    values: Float[Tensor, "first_rows 1"],
) -> None:
    """Write one number in each of the first rows.

    By an index: ``scatter_`` copies the whole matrix twice on a CPU if it is in half precision,
    which cost a seventh of an update.
    """
    matrix[torch.arange(len(columns), device=matrix.device)[:, None], columns] = values
