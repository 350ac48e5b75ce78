"""Cross-entropy of two passes and their divergence in chunks, whose logits are never all in memory.

All devices compute it so, as with :mod:`mt.kernels.cross_entropy`.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mt.kernels.cross_entropy import CHUNK, CHUNK_ELSEWHERE
from mt.kernels.linear import pad_rows


class LossWeights(NamedTuple):
    """What a token's loss is made of; p and q are the distributions of the first and second pass.

    Cross-entropy is called CE and the Kullback-Leibler divergence KL.
    """

    first: float
    """Weight of CE of p."""
    second: float
    """Weight of CE of q."""
    forward: float
    """Weight of KL(p || q)."""
    reverse: float
    """Weight of KL(q || p)."""


def chunked_consistency(
    states: Float[Tensor, "2 tokens dim"],
    output: nn.Linear,
    targets: Int[Tensor, " tokens"],
    smoothing: float,
    weights: LossWeights,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Sum cross-entropy and divergence of two passes without ever holding all logits.

    Equals, with all logits in memory, the sum over all tokens of
    ``first * CE(p) + second * CE(q) + forward * KL(p || q) + reverse * KL(q || p)``, where CE is
    label-smoothed. Gradients flow through p and q alike, and are computed in closed form while the
    logits of a chunk are at hand. For the logits z that make p: ``d CE(p) / dz = p - target``,
    ``d KL(p || q) / dz = p * (log(p / q) - KL(p || q))`` and ``d KL(q || p) / dz = p - q``.

    Under autocast logits are products of half precision; all that follows is float32.

    Args:
        states: The decoder's outputs of both passes, for the same tokens.
        output: Maps them to logits.
        targets: The tokens that should come out.
        smoothing: Label smoothing.
        weights: The weights of the parts.

    Returns:
        The sum, which has a gradient, and the sum of the cross-entropies without smoothing,
        weighted likewise, which has none.
    """
    if torch.is_autocast_enabled(states.device.type):
        states = states.to(torch.get_autocast_dtype(states.device.type))
    loss, plain = _ChunkedConsistency.apply(  # type: ignore[no-untyped-call]
        states, output.weight, output.bias, targets, smoothing, weights
    )
    return loss, plain


class _ChunkedConsistency(torch.autograd.Function):
    """The gradient is computed in the forward pass, while each chunk's logits are at hand."""

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        weights: LossWeights,
    ) -> tuple[Tensor, Tensor]:
        exact = torch.promote_types(weight.dtype, torch.float32)
        most = (CHUNK if states.device.type == "cpu" else CHUNK_ELSEWHERE) // 2
        table = weight.to(states.dtype)
        loss, plain = (torch.zeros((), device=states.device, dtype=exact) for _ in range(2))
        of_states = torch.empty_like(states)
        of_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        of_bias = torch.zeros_like(bias) if bias is not None and ctx.needs_input_grad[2] else None
        for start in range(0, states.size(1), most):
            part = states[:, start : start + most]
            both = pad_rows(part.flatten(0, 1), states.dtype)
            logits = (both @ table.t())[: 2 * part.size(1)].to(exact)
            if bias is not None:
                logits += bias
            log_probabilities = torch.unflatten(logits.log_softmax(dim=1), 0, (2, -1))
            losses, plain_losses, errors = _compare(
                log_probabilities, targets[start : start + most, None], smoothing, weights
            )
            loss, plain = loss + losses.sum(), plain + plain_losses.sum()
            errors = pad_rows(errors.flatten(0, 1), states.dtype)
            found = (errors @ table)[: 2 * part.size(1)]
            of_states[:, start : start + most] = found.view_as(part)
            if of_weight is not None:
                of_weight += errors.t() @ both
            if of_bias is not None:
                of_bias += errors.sum(dim=0)
        ctx.save_for_backward(of_states, of_weight, of_bias)
        ctx.mark_non_differentiable(plain)
        return loss, plain

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        outer = gradients[0]
        of_states, of_weight, of_bias = ctx.saved_tensors
        return (
            of_states * outer.to(of_states.dtype),
            None if of_weight is None else of_weight * outer,
            None if of_bias is None else of_bias * outer,
            None,
            None,
            None,
        )


def _compare(
    log_probabilities: Float[Tensor, "2 tokens vocabulary"],
    reference: Int[Tensor, "tokens 1"],
    smoothing: float,
    weights: LossWeights,
) -> tuple[
    Float[Tensor, "tokens 1"], Float[Tensor, "tokens 1"], Float[Tensor, "2 tokens vocabulary"]
]:
    """Return each token's loss, its plain cross-entropy, and the gradient of the logits."""
    log_p, log_q = log_probabilities
    first, second, forward, reverse = weights
    right_p, right_q = log_p.gather(1, reference), log_q.gather(1, reference)
    plain = -(first * right_p + second * right_q)
    even = -(first * log_p.mean(1, keepdim=True) + second * log_q.mean(1, keepdim=True))
    errors = log_probabilities.exp()
    p, q = errors
    ratio = log_p - log_q
    from_q = torch.linalg.vecdot(p, ratio)[:, None]
    from_p = -torch.linalg.vecdot(q, ratio)[:, None]
    loss = (1 - smoothing) * plain + smoothing * even + forward * from_q + reverse * from_p

    of_p = torch.add(first + reverse - forward * from_q, ratio, alpha=forward).mul_(p)
    of_q = torch.add(second + forward - reverse * from_p, ratio, alpha=-reverse).mul_(q)
    of_p.sub_(q, alpha=reverse)
    of_q.sub_(p, alpha=forward)
    share = smoothing / log_p.size(1)
    for error, found, of_entropy in zip(errors, (of_p, of_q), (first, second), strict=True):
        right = torch.full_like(right_p, -of_entropy * (1 - smoothing))
        torch.sub(found, of_entropy * share, out=error).scatter_add_(1, reference, right)
    return loss, plain, errors
