"""The attention of a CPU is torch's, values and gradients; that of a bias included."""

import itertools

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mt.kernels.attention import additive_mask, cpu_attention, dot_product_attention
from mt.kernels.dropout import dropout

BATCH, HEADS, QUERIES, KEYS = 2, 3, 4, 5
# One axis of size 1 at a time, all, and none: gradients are summed over what was broadcast.
BIASES = [None, *itertools.product((1, BATCH), (1, HEADS), (1, QUERIES), (KEYS,))]


def problem(dtype=torch.float64, bias=None):
    generator = torch.manual_seed(1)
    sizes = (QUERIES, 6), (KEYS, 6), (KEYS, 7)
    inputs = [torch.randn(BATCH, HEADS, *size, generator=generator) for size in sizes]
    if bias is not None:
        inputs.append(torch.randn(bias, generator=generator))
    return [part.to(dtype).requires_grad_() for part in inputs]


def results(attend, inputs):
    context = attend(*inputs)
    weights = torch.randn(context.shape, generator=torch.manual_seed(2)).to(context.dtype)
    return context, *torch.autograd.grad((context * weights).sum(), inputs)


@pytest.mark.parametrize("bias", BIASES, ids=str)
def test_equals_torch(bias):
    inputs = problem(bias=bias)

    def ours(query, key, value, bias=None):
        return cpu_attention(query, key, value, bias, scale=0.3)

    def torchs(query, key, value, bias=None):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=0.3)

    for found, expected in zip(results(ours, inputs), results(torchs, inputs), strict=True):
        # Sums of at most 24 float64 products near 1.
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("bias", [None, (1, HEADS, 1, KEYS)], ids=str)
def test_dropped_weights_equal_autograd(bias):
    inputs = problem(bias=bias)

    def ours(query, key, value, bias=None):
        torch.manual_seed(4)
        return cpu_attention(query, key, value, bias, scale=0.3, dropout=0.4)

    def plain(query, key, value, bias=0.0):
        torch.manual_seed(4)
        weights = (0.3 * query @ key.mT + bias).softmax(dim=-1)
        dropped = dropout(weights.flatten(0, 1), 0.4)
        assert 0 < (dropped == 0).sum() < dropped.numel()
        return dropped.view_as(weights) @ value

    for found, expected in zip(results(ours, inputs), results(plain, inputs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    inputs = problem(dtype)
    exact = cpu_attention(*(part.float() for part in inputs), None, 0.3)
    found = cpu_attention(*inputs, None, 0.3)
    assert found.dtype == dtype
    assert torch.equal(found, exact.to(dtype))


@pytest.mark.parametrize("keys", [5, 700])
@pytest.mark.parametrize("with_bias", [True, False])
def test_both_kernels_see_the_same_keys(keys, with_bias, monkeypatch):
    generator = torch.manual_seed(3)
    query, key, value = (torch.randn(2, 2, keys, 4, generator=generator) for _ in range(3))
    visible = torch.rand(2, 1, keys, keys, generator=generator) < 0.5
    visible[..., 0] = True
    bias = torch.randn(1, 2, keys, keys, generator=generator) if with_bias else None
    found = []
    for fused_from in (1, keys + 1):
        monkeypatch.setattr("mt.kernels.attention.FUSED_FROM", fused_from)
        found.append(dot_product_attention(query, key, value, visible, bias, 0.5))
    # Sums of at most 700 float32 products.
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)


def test_a_hidden_key_is_out_of_reach_of_every_score():
    visible = torch.tensor([[[[True, False, True]]]])
    bias = torch.full((1, 2, 1, 3), 100.0)
    for mask in (additive_mask(visible, None, torch.float32),
                 additive_mask(visible, bias, torch.float32)):  # fmt: skip
        assert torch.equal(mask.softmax(dim=-1), torch.tensor([0.5, 0.0, 0.5]).expand(mask.shape))
        assert mask.bfloat16().isfinite().all()  # to which autocast may turn it
    assert additive_mask(None, None, torch.float32) is None
    torch.testing.assert_close(additive_mask(None, bias, torch.float64), bias.double())
