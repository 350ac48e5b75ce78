"""Cross-entropy of two passes and their divergence in chunks, whose logits are never all in memory.

All devices compute it so, and a processor that is made for it by the compiled kernel, as with
:mod:`mt.kernels.cross_entropy`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mt.kernels import native
from mt.kernels.cross_entropy import CHUNK, CHUNK_ELSEWHERE, for_kernels
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

    Under autocast logits are products of half precision; all that follows is float32. On processors
    that are made for it the compiled kernel computes the whole, and rounds no logit.

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
    library = native.layer_library(states, (output.weight, output.bias))
    if library is not None:
        states = states.float()
    elif torch.is_autocast_enabled(states.device.type):
        states = states.to(torch.get_autocast_dtype(states.device.type))
    loss, plain = _ChunkedConsistency.apply(  # type: ignore[no-untyped-call]
        library, states, output.weight, output.bias, targets, smoothing, weights
    )
    return loss, plain


class _Given(NamedTuple):
    """What the loss and its gradients are computed from."""

    states: Float[Tensor, "2 tokens dim"]
    weight: Float[Tensor, "vocabulary dim"]
    bias: Float[Tensor, " vocabulary"] | None
    targets: Int[Tensor, " tokens"]
    smoothing: float
    weights: LossWeights
    wanted: Sequence[bool]
    """Which gradients are: of states, weight and bias."""


class _Found(NamedTuple):
    """The sums of :func:`chunked_consistency`, and gradients of the first, as far as wanted."""

    loss: Float[Tensor, ""]
    plain: Float[Tensor, ""]
    of_states: Float[Tensor, "2 tokens dim"]
    of_weight: Float[Tensor, "vocabulary dim"] | None
    of_bias: Float[Tensor, " vocabulary"] | None


class _ChunkedConsistency(torch.autograd.Function):
    """The gradient is computed in the forward pass, while each chunk's logits are at hand."""

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any,
        library: native.Library | None,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        weights: LossWeights,
    ) -> tuple[Tensor, Tensor]:
        wanted = ctx.needs_input_grad[1:4]
        given = _Given(states, weight, bias, targets, smoothing, weights, wanted)
        found = _in_chunks(given) if library is None else _by_kernel(library, given)
        ctx.save_for_backward(*found[2:])
        ctx.mark_non_differentiable(found.plain)
        return found.loss, found.plain

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        outer, saved = gradients[0], ctx.saved_tensors
        found = (None if each is None else each * outer.to(each.dtype) for each in saved)
        return None, *found, None, None, None


def _by_kernel(library: native.Library, given: _Given) -> _Found:
    """Compute it by the compiled kernel, which rounds what it multiplies to half precision."""
    states, weight, bias, targets, smoothing, weights, (_, wants_weight, wants_bias) = given
    targets = for_kernels(targets, states.size(1), len(weight))
    rows = states.transpose(0, 1).contiguous()  # both passes over a token lie side by side
    rounded, of_rows = torch.empty_like(rows, dtype=torch.bfloat16), torch.empty_like(rows)
    normalisers, right, divergences = rows.new_empty(3, *rows.shape[:2])
    of_weight = torch.empty_like(weight) if wants_weight or wants_bias else None
    of_bias = None if bias is None or not wants_bias else torch.empty_like(bias)
    library.mt_bfloat16_consistency(
        False, *native.addresses(rows, rounded, weight, bias, targets), 1 - smoothing, *weights,
        *native.addresses(normalisers, right, divergences, of_rows, of_weight, of_bias),
        *native.layer_sizes(rows, weight),
    )  # fmt: skip
    # What smoothing gives to all tokens alike is taken off at once, for which no logits are needed.
    share, entropies = smoothing / len(weight), rows.new_tensor(weights[:2])
    sum_of_rows, count = weight.sum(dim=0), len(rows) * entropies.sum()
    sum_of_states = (rows * entropies[:, None]).sum(dim=(0, 1))
    sum_of_logits = (sum_of_states * sum_of_rows).sum()
    of_rows.sub_(share * entropies[:, None] * sum_of_rows)
    if of_weight is not None:
        of_weight.sub_(share * sum_of_states)
    if bias is not None:
        sum_of_logits += count * bias.sum()
    if of_bias is not None:
        of_bias.sub_(share * count)
    normalisers, right, divergences = (x.double() for x in (normalisers, right, divergences))
    plain = (entropies * (normalisers - right)).sum()
    loss = (entropies * (normalisers - (1 - smoothing) * right)).sum() - share * sum_of_logits
    loss += (divergences * divergences.new_tensor(weights[2:])).sum()
    found = _Found(loss.float(), plain.float(), of_rows.transpose(0, 1), of_weight, of_bias)
    return found if wants_weight else found._replace(of_weight=None)


def _in_chunks(given: _Given) -> _Found:
    """Compute it by torch's operations, a few hundred tokens at a time."""
    states, weight, bias, targets, smoothing, weights, (_, wants_weight, wants_bias) = given
    exact = torch.promote_types(weight.dtype, torch.float32)
    most = (CHUNK if states.device.type == "cpu" else CHUNK_ELSEWHERE) // 2
    table = weight.to(states.dtype)
    loss, plain = (torch.zeros((), device=states.device, dtype=exact) for _ in range(2))
    of_states = torch.empty_like(states)
    of_weight = torch.zeros_like(weight) if wants_weight else None
    of_bias = torch.zeros_like(bias) if bias is not None and wants_bias else None
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
    return _Found(loss, plain, of_states, of_weight, of_bias)


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
