"""Label-smoothed cross-entropy in chunks, whose logits are never all in memory.

Chunks save memory on every device, so that all devices compute it so; a CPU takes smaller ones, and
a processor that is made for it the compiled kernel, which holds fewer logits still.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

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


class SoftTargets(NamedTuple):
    """What other models predict for the same tokens, as a part of the target distribution.

    The mean of their distributions is that part. No gradient flows to them. Every output is of as
    many words as that of the model that learns, and all have states for the same tokens.

    Source: Hinton et al. (2015), section 2; Kim and Rush (2016), section 3.1.
    """

    states: Sequence[Float[Tensor, "tokens _"]]
    """Each decoder's outputs."""
    outputs: Sequence[nn.Linear]
    """What maps them to logits."""
    share: float
    """How large that part is; the rest is that of the target, with smoothing."""


def chunked_cross_entropy(
    states: Float[Tensor, "tokens dim"],
    output: nn.Linear,
    targets: Int[Tensor, " tokens"],
    smoothing: float,
    soft: SoftTargets | None = None,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Sum label-smoothed and plain cross-entropy without ever holding all logits.

    Equals torch's plain way, which holds all logits and their gradient:
    ``F.cross_entropy(output(states), targets, reduction="sum", label_smoothing=smoothing)``.
    Here the logits of a few hundred tokens are made, used for the loss and for their gradient, and
    forgotten: the largest matrix of a small model never leaves the cache.

    Under autocast torch rounds the softmax to half precision where its gradient is computed; what
    is reported for a token is then off by at most 0.004 nats, up or down. Without gradient it is
    not, nor by the compiled kernels, where these are enabled. On processors that are made for it
    one of them computes the whole, and rounds no logit, if there are no soft targets.

    Returns:
        The smoothed sum, which has a gradient, and the plain sum, which has none and is of the
        targets alone.

    Raises:
        ValueError: Soft targets are of other tokens or words.
    """
    for theirs, layer in zip(soft.states, soft.outputs, strict=True) if soft else ():
        found, expected = (len(theirs), layer.out_features), (len(states), output.out_features)
        if found != expected:
            raise ValueError(f"soft targets: expected {expected} tokens and words, found {found}")
    library = None if soft else native.layer_library(states, (output.weight, output.bias))
    if library is not None:
        states = states.float()
    elif torch.is_autocast_enabled(states.device.type):
        states = states.to(torch.get_autocast_dtype(states.device.type))
    smoothed, plain = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        library, states, output.weight, output.bias, targets, smoothing, soft,
        torch.is_grad_enabled(),
    )  # fmt: skip
    return smoothed, plain


class _Given(NamedTuple):
    """What the loss and its gradients are computed from."""

    states: Float[Tensor, "tokens dim"]
    weight: Float[Tensor, "vocabulary dim"]
    bias: Float[Tensor, " vocabulary"] | None
    targets: Int[Tensor, " tokens"]
    share: float
    """Of the target distribution what the target itself is given."""
    soft: SoftTargets | None
    wanted: Sequence[bool]
    """Which gradients are: of states, weight and bias."""


class _Found(NamedTuple):
    """Of every token what its loss consists of, and gradients of the sum, as far as wanted.

    The gradients are those with a target distribution that gives ``share`` to the target, its share
    to what other models predict, and nothing else to the others.
    """

    normaliser: Float[Tensor, "tokens 1"]
    wanted_logit: Float[Tensor, "tokens 1"]
    expected_logit: Float[Tensor, "tokens 1"] | None
    """The mean by what other models predict, if there are any."""
    of_states: Float[Tensor, "tokens dim"] | None
    of_weight: Float[Tensor, "vocabulary dim"] | None
    of_bias: Float[Tensor, " vocabulary"] | None


class _ChunkedCrossEntropy(torch.autograd.Function):
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
        soft: SoftTargets | None,
        grad_enabled: bool,
    ) -> tuple[Tensor, Tensor]:
        exact = torch.promote_types(weight.dtype, torch.float32)
        # needs_input_grad ignores torch.no_grad.
        wanted = [grad_enabled and each for each in ctx.needs_input_grad[1:4]]
        hard_share = 1 - (soft.share if soft else 0.0)
        share_of_target = hard_share * (1 - smoothing)
        given = _Given(states, weight, bias, targets, share_of_target, soft, wanted)
        found = _in_chunks(given) if library is None else _by_kernel(library, given)
        # The part of the target distribution that is the same for every token is taken off at once.
        # The sum of all logits is the product of the sums of states and rows; it needs no logits.
        sum_of_rows = weight.to(exact).sum(dim=0)
        sum_of_states = states.sum(dim=0, dtype=exact)
        biases = 0.0 if bias is None else len(states) * bias.to(exact).sum()
        share = hard_share * smoothing / len(weight)
        if found.of_states is not None:
            found.of_states.sub_((share * sum_of_rows).to(states.dtype))
        if found.of_weight is not None:
            found.of_weight.sub_((share * sum_of_states).to(weight.dtype))
        if found.of_bias is not None:
            found.of_bias.sub_(share * len(states))
        ctx.save_for_backward(*found[3:])
        normaliser, wanted_logit, dtype = *found[:2], widest(states.device)
        loss = (normaliser - share_of_target * wanted_logit).sum(dtype=dtype)
        if soft and found.expected_logit is not None:
            loss -= soft.share * found.expected_logit.sum(dtype=dtype)
        with torch.autocast(states.device.type, enabled=False):
            smoothed = (loss - share * (sum_of_states @ sum_of_rows + biases)).to(exact)
        plain = (normaliser - wanted_logit).sum(dtype=dtype).to(exact)
        ctx.mark_non_differentiable(plain)
        return smoothed, plain

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        outer, saved = gradients[0], ctx.saved_tensors
        found = (None if each is None else each * outer.to(each.dtype) for each in saved)
        return None, *found, None, None, None, None


def _by_kernel(library: native.Library, given: _Given) -> _Found:
    """Compute it by the compiled kernel, which rounds what it multiplies to half precision."""
    states, weight, bias, targets, share, _, (_, of_weight, of_bias) = given
    states, targets = states.contiguous(), native.checked_targets(targets, len(states), len(weight))
    rounded = torch.empty_like(states, dtype=torch.bfloat16)
    normaliser, wanted_logit = states.new_empty(2, len(states), 1)
    found = _Found(
        normaliser,
        wanted_logit,
        None,
        torch.empty_like(states),
        torch.empty_like(weight) if of_weight or of_bias else None,
        None if bias is None or not of_bias else torch.empty_like(bias),
    )
    library.mt_bfloat16_cross_entropy(
        False, *native.addresses(states, rounded, weight, bias, targets), share,
        *native.addresses(normaliser, wanted_logit, *found[3:]),
        *native.layer_sizes(states, weight),
    )  # fmt: skip
    return found if of_weight else found._replace(of_weight=None)


def _in_chunks(given: _Given) -> _Found:
    """Compute it by torch's products, a few hundred tokens at a time."""
    states, weight, bias, targets, share, soft, wanted = given
    exact = torch.promote_types(weight.dtype, torch.float32)
    most = CHUNK if states.device.type == "cpu" else CHUNK_ELSEWHERE
    if soft and states.device.type != "cpu":  # logits, distributions and errors exist in float32
        most //= 4
    table, count = weight.to(states.dtype), len(states)
    height = count + -count % ROWS
    state_gradient = states.new_empty(height, states.size(1)) if any(wanted) else None
    weight_gradient = torch.zeros_like(weight) if wanted[1] else None
    bias_gradient = None if bias is None or not wanted[2] else torch.zeros_like(bias)
    # The same memory for every chunk: it stays in the cache, and no page is faulted in twice.
    products = states.new_empty(min(most, height), len(table))
    share_of_chunk, exact_share = torch.empty_like(table), torch.empty_like(weight)
    normalisers, wanted_logits = torch.empty(2, count, 1, dtype=exact, device=states.device)
    expected_logits = torch.empty_like(normalisers) if soft else None
    others = _OtherLogits(soft, products) if soft else None
    for start in range(0, count, most):
        chosen = slice(start, start + most)
        real, reference = states[chosen], targets[chosen, None]
        chunk = pad_rows(real, states.dtype)
        product = _product(chunk, table, bias, products)
        logits = product[: len(real)]
        wanted_logits[chosen] = logits.gather(1, reference).to(exact)
        if state_gradient is None and soft is None:
            normalisers[chosen] = logits.to(exact).logsumexp(dim=1, keepdim=True)
            continue
        # d loss / d logits = softmax - target distribution.
        of_others = others.of(chosen) if others else None
        normaliser, expected = _turn_into_errors(logits, reference, share, exact, of_others)
        # By torch, without others: a target is next to impossible.
        if not others and not normaliser.isfinite().all():
            normaliser = _normaliser(real, table, bias, exact)
        normalisers[chosen] = normaliser
        if expected_logits is not None and expected is not None:
            expected_logits[chosen] = expected
        if state_gradient is None:
            continue
        errors = product
        errors[len(real) :].zero_()
        torch.mm(errors, table, out=state_gradient[start : start + len(chunk)])
        if weight_gradient is not None:
            torch.mm(errors.t(), chunk, out=share_of_chunk)
            weight_gradient += exact_share.copy_(share_of_chunk)
        if bias_gradient is not None:
            bias_gradient += errors.sum(dim=0)
    of_states = None if state_gradient is None else state_gradient[:count]
    return _Found(
        normalisers, wanted_logits, expected_logits, of_states, weight_gradient, bias_gradient
    )


class _SoftLogits(NamedTuple):
    """What other models predict for a chunk, and its share of the target distribution."""

    logits: Float[Tensor, "models tokens vocabulary"]
    share: float


class _OtherLogits:
    """Computes the logits of other models chunk by chunk, in the same memory for each."""

    def __init__(self, soft: SoftTargets, products: Float[Tensor, "most vocabulary"]) -> None:
        self.soft = soft
        self.tables = [output.weight.to(products.dtype) for output in soft.outputs]
        self.products = products.new_empty(len(self.tables), *products.shape)

    def of(self, chosen: slice) -> _SoftLogits:
        """Return those of some of the tokens, until the next chunk takes their place."""
        count = len(self.soft.states[0][chosen])
        for states, output, table, room in zip(
            self.soft.states, self.soft.outputs, self.tables, self.products, strict=True
        ):
            _product(pad_rows(states[chosen], room.dtype), table, output.bias, room)
        return _SoftLogits(self.products[:, :count], self.soft.share)


def _product(
    chunk: Float[Tensor, "rows dim"],
    table: Float[Tensor, "vocabulary dim"],
    bias: Float[Tensor, " vocabulary"] | None,
    room: Float[Tensor, "most vocabulary"],
) -> Float[Tensor, "rows vocabulary"]:
    """Compute logits where there is room for them."""
    product = torch.mm(chunk, table.t(), out=room[: len(chunk)])
    if bias is not None:
        product += bias.to(product.dtype)  # of another dtype, it would copy all products
    return product


def widest(device: torch.device) -> torch.dtype:
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
    others: _SoftLogits | None,
) -> tuple[Float[Tensor, "tokens 1"], Float[Tensor, "tokens 1"] | None]:
    """Write softmax in the place of logits, less ``share`` at targets and what others predict.

    Returns:
        The logarithm of each normaliser, NaN where rounding has left nothing to tell it by, and the
        mean logit by what other models predict, if there are any.
    """
    library = native.library(logits)
    if library is not None:
        normaliser, expected = torch.empty(2, *targets.shape, dtype=torch.float32)
        targets = targets.contiguous()
        soft, soft_share = others or (None, 0.0)
        count, stride = (0, 0) if soft is None else (len(soft), soft.stride(0))
        library.mt_cross_entropy(
            logits.dtype == torch.bfloat16, *native.addresses(logits, soft), count, stride,
            soft_share, *native.addresses(expected, targets), share, normaliser.data_ptr(),
            *native.sizes(logits),
        )  # fmt: skip
        return normaliser, None if soft is None else expected
    if others is not None:
        mean = torch.zeros(logits.shape, dtype=exact, device=logits.device)
        for theirs in others.logits:
            mean.add_(torch.softmax(theirs.to(exact), dim=1), alpha=1 / len(others.logits))
        errors = logits.to(exact, copy=True)
        expected = (mean * errors).sum(dim=1, keepdim=True)
        normaliser = errors.logsumexp(dim=1, keepdim=True)
        errors.sub_(normaliser).exp_().sub_(mean, alpha=others.share)
        logits.copy_(errors.scatter_add_(1, targets, torch.full_like(normaliser, -share)))
        return normaliser, expected
    wanted_logit = logits.gather(1, targets).to(exact)
    probability = torch.softmax(logits, dim=1, out=logits).gather(1, targets).to(exact)
    _put(logits, targets, (probability - share).to(logits.dtype))
    imprecise = probability < torch.finfo(exact).tiny
    return (wanted_logit - probability.log()).masked_fill_(imprecise, math.nan), None


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
