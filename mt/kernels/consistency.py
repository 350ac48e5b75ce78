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
from mt.kernels.cross_entropy import CHUNK, CHUNK_ELSEWHERE, widest
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
    """Of every token what its loss consists of, and gradients of the sum, as far as wanted.

    The gradients are those with target distributions that give ``1 - smoothing`` to the target, and
    nothing to the others.
    """

    sums: Float[Tensor, "3 tokens 2"]
    """Logarithms of normalisers and logits of targets, of p and of q; KL(p || q) and KL(q || p)."""
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
        exact = torch.promote_types(weight.dtype, torch.float32)
        wanted = ctx.needs_input_grad[1:4]
        given = _Given(states, weight, bias, targets, smoothing, weights, wanted)
        found = _in_chunks(given) if library is None else _by_kernel(library, given)
        # The part of the target distributions that is the same for every token is taken off at
        # once, as in the cross-entropy of one pass.
        share, entropies = smoothing / len(weight), weights[:2]
        sum_of_rows, count = weight.to(exact).sum(dim=0), states.size(1) * sum(entropies)
        sum_of_states = _weigh(states.sum(dim=1, dtype=exact), *entropies)
        sum_of_logits = (sum_of_states * sum_of_rows).sum()
        if bias is not None:
            sum_of_logits += count * bias.to(exact).sum()
        for of_pass, entropy in zip(found.of_states, entropies, strict=True):
            of_pass.sub_((share * entropy * sum_of_rows).to(states.dtype))
        if found.of_weight is not None:
            found.of_weight.sub_((share * sum_of_states).to(weight.dtype))
        if found.of_bias is not None:
            found.of_bias.sub_(share * count)
        ctx.save_for_backward(*found[1:])
        normaliser, wanted_logit, divergence = found.sums.sum(dim=1, dtype=widest(states.device))
        plain = _weigh(normaliser - wanted_logit, *entropies).to(exact)
        loss = _weigh(normaliser - (1 - smoothing) * wanted_logit, *entropies)
        loss += _weigh(divergence, *weights[2:]) - share * sum_of_logits
        ctx.mark_non_differentiable(plain)
        return loss.to(exact), plain

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        outer, saved = gradients[0], ctx.saved_tensors
        found = (None if each is None else each * outer.to(each.dtype) for each in saved)
        return None, *found, None, None, None


def _weigh(both: Tensor, first: float, second: float) -> Tensor:
    """Add what is known of p to what is known of q, each times its weight."""
    return first * both[0] + second * both[1]


def _by_kernel(library: native.Library, given: _Given) -> _Found:
    """Compute it by the compiled kernel, which rounds what it multiplies to half precision."""
    states, weight, bias, targets, smoothing, weights, (_, wants_weight, wants_bias) = given
    targets = native.checked_targets(targets, states.size(1), len(weight))
    rows = states.transpose(0, 1).contiguous()  # both passes over a token lie side by side
    rounded, of_rows = torch.empty_like(rows, dtype=torch.bfloat16), torch.empty_like(rows)
    sums = rows.new_empty(3, len(rows), 2)
    of_weight = torch.empty_like(weight) if wants_weight or wants_bias else None
    of_bias = None if bias is None or not wants_bias else torch.empty_like(bias)
    library.mt_bfloat16_consistency(
        False, *native.addresses(rows, rounded, weight, bias, targets), 1 - smoothing, *weights,
        *native.addresses(*sums, of_rows, of_weight, of_bias), *native.layer_sizes(rows, weight),
    )  # fmt: skip
    return _Found(sums, of_rows.transpose(0, 1), of_weight if wants_weight else None, of_bias)


def _in_chunks(given: _Given) -> _Found:
    """Compute it by torch's products, a few hundred tokens at a time."""
    states, weight, bias, targets, smoothing, weights, (_, wants_weight, wants_bias) = given
    exact = torch.promote_types(weight.dtype, torch.float32)
    most = (CHUNK if states.device.type == "cpu" else CHUNK_ELSEWHERE) // 2
    table, count = weight.to(states.dtype), states.size(1)
    sums = torch.empty(3, count, 2, dtype=exact, device=states.device)
    of_states = torch.empty_like(states)
    of_weight = torch.zeros_like(weight) if wants_weight else None
    of_bias = torch.zeros_like(bias) if bias is not None and wants_bias else None
    for start in range(0, count, most):
        chosen = slice(start, start + most)
        part = states[:, chosen].flatten(0, 1)
        both = pad_rows(part, states.dtype)
        product = both @ table.t()
        if bias is not None:  # in half precision a difference of logits would be lost beside it
            product = product.to(exact) + bias
        sums[:, chosen] = _turn_into_errors(
            product[: len(part)], targets[chosen], 1 - smoothing, weights, exact
        )
        product[len(part) :].zero_()
        errors = product.to(states.dtype)
        of_states[:, chosen] = torch.unflatten((errors @ table)[: len(part)], 0, (2, -1))
        if of_weight is not None:
            of_weight += errors.t() @ both
        if of_bias is not None:
            of_bias += errors.sum(dim=0)
    return _Found(sums, of_states, of_weight, of_bias)


def _turn_into_errors(
    logits: Float[Tensor, "rows vocabulary"],
    targets: Int[Tensor, " tokens"],
    share: float,
    weights: LossWeights,
    exact: torch.dtype,
) -> Float[Tensor, "3 tokens 2"]:
    """Write the gradient in the place of logits, whose rows are all of p and then all of q.

    Returns:
        ``sums`` of :class:`_Found`.
    """
    library = native.library(logits)
    if library is not None:
        sums = torch.empty(3, len(targets), 2)
        targets = native.checked_targets(targets, len(logits) // 2, logits.size(1))
        library.mt_consistency(
            logits.dtype == torch.bfloat16, *native.addresses(logits, targets), share, *weights,
            *native.addresses(*sums), *native.sizes(logits),
        )  # fmt: skip
        return sums
    first, second, forward, reverse = weights
    reference = targets[:, None]
    both = torch.unflatten(logits.to(exact), 0, (2, -1))
    wanted_logits = torch.stack([each.gather(1, reference) for each in both])
    log_p, log_q = log_probabilities = both.log_softmax(dim=2)
    normalisers = wanted_logits - torch.stack(
        [each.gather(1, reference) for each in (log_p, log_q)]
    )
    ratio = log_p - log_q
    p, q = log_probabilities.exp_()
    with torch.autocast(logits.device.type, enabled=False):  # which would round
        from_q = torch.linalg.vecdot(p, ratio)[:, None]
        from_p = -torch.linalg.vecdot(q, ratio)[:, None]
    of_p = torch.add(first + reverse - forward * from_q, ratio, alpha=forward).mul_(p)
    of_q = torch.add(second + forward - reverse * from_p, ratio, alpha=-reverse).mul_(q)
    of_p.sub_(q, alpha=reverse)
    of_q.sub_(p, alpha=forward)
    halves = torch.unflatten(logits, 0, (2, -1))
    for half, errors, entropy in zip(halves, (of_p, of_q), weights[:2], strict=True):
        errors.scatter_add_(1, reference, torch.full_like(from_q, -share * entropy))
        half.copy_(errors)
    return torch.stack([normalisers, wanted_logits, torch.stack([from_q, from_p])])[..., 0].mT
