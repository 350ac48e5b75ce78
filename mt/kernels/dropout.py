"""Dropout that does not dominate the time of a small model on a CPU."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def dropout(states: Tensor, rate: float) -> Tensor:
    """Zero each element with probability ``rate``, and scale the others up.

    torch draws one random number per element from a serial generator, which on a CPU takes longer
    than the layer that is dropped out. Here eight elements share one 64-bit draw, a byte each. This
    is an approximation: on a CPU the rate is rounded to a multiple of 1/256 below 1 (0.1 becomes
    0.1016), and the survivors are scaled by the rounded rate, so that the expectation is exact
    in float32; in bf16 the factor itself is rounded, by at most 0.2 %. Other devices use torch's
    own dropout. Where compiled kernels are enabled (:mod:`mt.kernels.native`), those drop attention
    weights and sublayers, at the exact rate.

    Source: Srivastava et al. (2014).
    """
    if states.device.type != "cpu":
        return F.dropout(states, rate)
    factors = dropout_factors(states, rate)
    return states if factors is None else states * factors


def dropout_factors(states: Tensor, rate: float) -> Tensor | None:
    """Draw what :func:`dropout` multiplies states on a CPU by; ``None``: nothing is dropped."""
    threshold = min(round(rate * 256), 255)
    if threshold == 0:
        return None
    return _keep_mask(states, threshold).mul_(256 / (256 - threshold))


def _keep_mask(states: Tensor, threshold: int) -> Tensor:
    """Draw 1 with probability ``1 - threshold / 256``, otherwise 0, in the dtype of ``states``.

    Arithmetic on bytes is many times faster than a comparison and the conversion of its truth
    values: a draw that is limited to two neighbouring numbers is one of them.
    """
    words = torch.empty((states.numel() + 7) // 8, dtype=torch.int64)
    draws = words.random_(-(2**63), None).view(torch.int8)[: states.numel()]
    least = threshold - 128
    return draws.clamp_(least - 1, least).sub_(least - 1).to(states.dtype).view(states.shape)
