"""The compiled kernels compute what torch's operations do."""

import itertools
import math

import pytest
import torch

from mt.kernels.attention import cpu_attention
from mt.kernels.residual import add_dropped

pytestmark = pytest.mark.usefixtures("compiled")

ROUNDING = {torch.float32: 2e-6, torch.bfloat16: 2**-8}
"""What one rounding does to a number near 1, a few times over in float32 sums."""


def heads(batch, length, width, count, dtype, seed):
    """Draw states that lie in memory as a layer writes them, each between two others."""
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(batch, length, 3 * count * width, generator=generator).to(dtype)
    middle = states.chunk(3, dim=-1)[1]
    return middle.unflatten(-1, (count, width)).transpose(1, 2).detach().requires_grad_()


def attend(query, key, value, bias):
    """Compute attention in float64, as in the paper."""
    scores = 0.3 * query.double() @ key.double().mT + (0 if bias is None else bias.double())
    return scores.softmax(dim=-1) @ value.double()


# Below, at and above a vector of sixteen and a block of four, on every axis.
SIZES = [(1, 1, 1), (3, 5, 6), (4, 16, 32), (5, 17, 40), (33, 31, 16), (2, 48, 8)]


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize(("queries", "keys", "depth"), SIZES, ids=str)
@pytest.mark.parametrize("masked", ["no", "keys", "all"])
def test_attention_is_that_of_the_paper(dtype, queries, keys, depth, masked):
    batch, count = 3, 2
    query, key, value = (
        heads(batch, length, depth, count, dtype, seed)
        for seed, length in enumerate((queries, keys, keys))
    )
    bias = None
    if masked != "no":
        shape = (batch, 1, 1, keys) if masked == "keys" else (1, count, queries, keys)
        bias = torch.randn(shape, generator=torch.Generator().manual_seed(3))
        bias[torch.rand(shape, generator=torch.Generator().manual_seed(4)) < 0.3] = -1e38
        bias[..., 0] = 0.0
    found = cpu_attention(query, key, value, bias, 0.3)
    assert found.dtype == dtype
    assert found.grad_fn.name() == "_NativeAttentionBackward"
    expected = attend(query, key, value, bias)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(5)).to(dtype)
    gradients = torch.autograd.grad(found, (query, key, value), weights)
    wanted = torch.autograd.grad(expected, (query, key, value), weights.double())
    for ours, exact in zip((found, *gradients), (expected, *wanted), strict=True):
        scale = max(1.0, exact.abs().max().item())
        torch.testing.assert_close(
            ours.double(), exact.double(), rtol=0, atol=ROUNDING[dtype] * scale
        )


def test_what_is_dropped_forward_is_dropped_backward():
    rate, keys = 0.3, 40
    query, key = (heads(2, keys, 8, 3, torch.float32, seed) for seed in (1, 2))
    # With the identity for values, the context is the weights.
    value = torch.eye(keys).expand(2, 3, keys, keys)
    query, key = (torch.nn.functional.pad(part, (0, keys - 8)) for part in (query, key))
    query, key = (part.detach().requires_grad_() for part in (query, key))
    whole = cpu_attention(query, key, value, None, 0.3)
    torch.manual_seed(6)
    dropped = cpu_attention(query, key, value, None, 0.3, rate)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], whole[kept] / (1 - rate), rtol=1e-6, atol=0)
    # 9,600 draws: a share that is off by five standard deviations is seen once in a million runs.
    assert abs(kept.double().mean() - (1 - rate)) < 5 * math.sqrt(rate * (1 - rate) / kept.numel())
    weights = torch.randn(dropped.shape, generator=torch.manual_seed(7))
    plain = (0.3 * query @ key.mT).softmax(-1) * kept / (1 - rate)
    for ours, exact in zip(
        torch.autograd.grad(dropped, (query, key), weights),
        torch.autograd.grad(plain, (query, key), weights),
        strict=True,
    ):
        torch.testing.assert_close(ours, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
def test_a_residual_sum_drops_its_share_forward_and_backward(dtype):
    rate, shape = 0.1, (70, 11, 33)
    states = torch.randn(shape, generator=torch.manual_seed(1)).requires_grad_()
    added = torch.ones(shape, dtype=dtype).requires_grad_()
    torch.manual_seed(2)
    total = add_dropped(states, added, rate)
    assert total.dtype == torch.float32
    factors = total.detach() - states.detach()
    kept = factors.abs() > 0.5
    torch.testing.assert_close(factors, kept / (1 - rate), rtol=1e-6, atol=1e-6)
    assert abs(kept.double().mean() - (1 - rate)) < 5 * math.sqrt(rate * (1 - rate) / kept.numel())
    # Neighbours along each axis are dropped together no more often than chance has it.
    for axis in range(3):
        pairs = kept.unfold(axis, 2, 1).all(dim=-1).double()
        assert abs(pairs.mean() - (1 - rate) ** 2) < 0.01
    gradient = torch.randn(shape, generator=torch.manual_seed(3))
    of_states, of_added = torch.autograd.grad(total, (states, added), gradient)
    assert torch.equal(of_states, gradient)
    torch.testing.assert_close(
        of_added, (gradient * kept / (1 - rate)).to(dtype), rtol=2 * ROUNDING[dtype], atol=0
    )


def test_another_draw_drops_others():
    states, added = torch.zeros(100, 64), torch.ones(100, 64)
    one, other = (add_dropped(states, added, 0.5) for _ in range(2))
    together = ((one != 0) & (other != 0)).double().mean()
    assert abs(together - 0.25) < 0.03
    torch.manual_seed(5)
    again = add_dropped(states, added, 0.5)
    torch.manual_seed(5)
    assert torch.equal(again, add_dropped(states, added, 0.5))


def test_results_do_not_depend_on_the_number_of_threads():
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        query, key, value = (heads(7, 9, 8, 3, torch.bfloat16, seed) for seed in range(3))
        context = cpu_attention(query, key, value, None, 0.3, 0.2)
        context.backward(torch.ones_like(context))
        total = add_dropped(torch.zeros(101, 32), torch.ones(101, 32), 0.3)
        found.append([context, query.grad, key.grad, value.grad, total])
    torch.set_num_threads(1)
    for one, other in itertools.pairwise(found):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_numbers_that_are_not_finite_stay_so():
    query, key, value = (heads(2, 5, 8, 2, torch.bfloat16, seed).detach() for seed in range(3))
    value[0, 0, 0, 0] = math.nan
    context = cpu_attention(query, key, value, None, 0.3)
    assert context[0, 0, :, 0].isnan().all()
    assert context[1].isfinite().all()
    key[1, 0, 0, 0] = math.inf
    assert not cpu_attention(query, key, value, None, 0.3)[1, 0].isfinite().all()
