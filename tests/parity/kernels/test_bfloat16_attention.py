"""Attention by pairs of bfloat16 numbers is that of the rounded numbers in float64."""

import pytest
import torch

from mt.kernels.attention import cpu_attention
from mt.processor import processor_flags

pytestmark = pytest.mark.usefixtures("compiled")

# Below, at and above a vector, a panel, eight rows and a pair, on every axis.
SIZES = [
    (1, 1, 2), (3, 5, 6), (8, 16, 32), (13, 17, 34), (16, 33, 48), (33, 48, 64), (2, 65, 96),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _pairs():
    if "avx512_bf16" not in processor_flags():
        pytest.skip("needs a processor with AVX512-BF16")


def draw(batch, length, depth, heads, seed):
    """Draw states that lie in memory as a layer writes them, each between two others."""
    states = torch.randn(
        batch, length, 3 * heads * depth, generator=torch.Generator().manual_seed(seed)
    )
    middle = states.bfloat16().chunk(3, dim=-1)[1].unflatten(-1, (heads, depth))
    return middle.transpose(1, 2).detach().requires_grad_()


def rounded(numbers):
    return numbers.bfloat16().double()


@pytest.mark.parametrize(("queries", "keys", "depth"), SIZES, ids=str)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_attention_and_its_gradient(queries, keys, depth, masked, dropout):
    batch, heads, scale = 3, 2, 0.3
    query, key, value = (
        draw(batch, length, depth, heads, seed) for seed, length in enumerate((queries, keys, keys))
    )
    bias = torch.zeros(1, heads, queries, keys)
    if masked:
        torch.manual_seed(3)
        bias = bias.normal_().masked_fill_(torch.rand(bias.shape) < 0.3, -1e38)
        bias[..., 0] = 0.0
    torch.manual_seed(4)
    context = cpu_attention(query, key, value, bias, scale, dropout)
    assert context.grad_fn.name() == "_NativeAttentionBackward"
    factors = kept(4, (batch, heads, queries, keys), dropout).double() / (1 - dropout)
    q, k, v = (each.detach().double() for each in (query, key, value))
    softmax = (scale * q @ k.mT + bias.double()).softmax(dim=-1)
    weights = rounded(softmax.float() * factors.float())
    assert_near(context, weights @ v)
    gradient = draw(batch, queries, depth, heads, 5).detach()
    found = torch.autograd.grad(context, (query, key, value), gradient)
    g = gradient.double()
    errors = g @ v.mT * factors
    errors = (errors - (errors * softmax).sum(-1, keepdim=True)) * softmax * scale
    errors = rounded(errors.float())
    for ours, exact in zip(found, (errors @ k, errors.mT @ q, weights.mT @ g), strict=True):
        assert_near(ours, exact)


def test_states_between_others_of_an_odd_number_are_read_where_they_are():
    generator = torch.Generator().manual_seed(1)
    query, key, value, gradient = (
        torch.randn(3, 7, 13, generator=generator).bfloat16()[..., 1:].unflatten(-1, (2, 6))
        for _ in range(4)
    )
    given = [each.transpose(1, 2).detach().requires_grad_() for each in (query, key, value)]
    exact = [each.detach().double().requires_grad_() for each in given]
    context = cpu_attention(*given, None, 0.3)
    wanted = (0.3 * exact[0] @ exact[1].mT).softmax(dim=-1) @ exact[2]
    assert_near(context, wanted.detach())
    gradient = gradient.transpose(1, 2)
    found = torch.autograd.grad(context, given, gradient)
    for ours, theirs in zip(
        found, torch.autograd.grad(wanted, exact, gradient.double()), strict=True
    ):
        assert_near(ours, theirs)


def test_without_a_gradient_a_context_does_not_depend_on_other_queries():
    query, key, value = (draw(4, 17, 64, 4, seed) for seed in range(3))
    with torch.no_grad():
        all_of_them = cpu_attention(query, key, value, None, 0.125)[:, :, :16]
        few = cpu_attention(query[:, :, :16], key, value, None, 0.125)
    assert (all_of_them != few).double().mean() < 0.001  # sums in another order, in float


def kept(seed, shape, dropout):
    """Tell which weights an attention keeps that begins with a seed, of each key by itself."""
    batch, heads, queries, keys = shape
    query, key = (torch.zeros(batch, heads, n, 2).bfloat16() for n in (queries, keys))
    seen = []
    for number in range(keys):
        value = torch.zeros_like(key)
        value[:, :, number] = 1
        torch.manual_seed(seed)
        seen.append(cpu_attention(query.requires_grad_(), key, value, None, 1.0, dropout)[..., 0])
    return torch.stack(seen, dim=-1) > 0


def assert_near(found, exact):
    # A result is off by up to 2^-8, and one of many numbers that was rounded the other way by 2^-7.
    off = 1.5 * 2**-8 * max(1.0, exact.abs().amax().item())
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=off)
