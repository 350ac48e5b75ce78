"""Our attention over several heads is that of torch with the same weights."""

import pytest
import torch
from torch import nn

from mt.model.attention.config import AttentionConfig
from mt.model.attention.multi_head import MultiHeadAttention

DIM, HEADS = 24, 4


@pytest.fixture
def pair():
    torch.manual_seed(1)
    theirs = nn.MultiheadAttention(DIM, HEADS, batch_first=True).double()
    nn.init.normal_(theirs.in_proj_bias)
    nn.init.normal_(theirs.out_proj.bias)
    ours = MultiHeadAttention(
        DIM, HEADS, AttentionConfig().build(HEADS, DIM // HEADS, "cross")
    ).double()
    with torch.no_grad():
        ours.in_proj.weight.copy_(theirs.in_proj_weight)
        ours.in_proj.bias.copy_(theirs.in_proj_bias)
        ours.out_proj.weight.copy_(theirs.out_proj.weight)
        ours.out_proj.bias.copy_(theirs.out_proj.bias)
    return ours, theirs


@pytest.fixture
def real():
    return torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]], dtype=torch.bool)


def states(length):
    return torch.randn(3, length, DIM, dtype=torch.float64, generator=torch.manual_seed(2))


def close(ours, theirs):
    # Both compute in float64 and differ in the order of a few sums.
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-12)


def test_self_attention(pair, real):
    ours, theirs = pair
    x = states(5)
    query, memory = ours.project_self(x, torch.arange(5))
    expected, _ = theirs(x, x, x, key_padding_mask=~real, need_weights=False)
    close(ours(query, memory, real[:, None, None], torch.arange(5)), expected)


def test_causal_self_attention(pair):
    ours, theirs = pair
    x = states(5)
    visible = torch.ones(5, 5, dtype=torch.bool).tril()
    query, memory = ours.project_self(x, torch.arange(5))
    expected, _ = theirs(x, x, x, attn_mask=~visible, need_weights=False)
    close(ours(query, memory, visible[None, None], torch.arange(5)), expected)


def test_cross_attention(pair, real):
    ours, theirs = pair
    x, source = states(7), states(5) + 1
    context = ours(
        ours.project_query(x), ours.project_memory(source), real[:, None, None], torch.arange(7)
    )
    expected, weights = theirs(
        x, source, source, key_padding_mask=~real, average_attn_weights=False
    )
    close(context, expected)
    memory = ours.project_memory(source)
    explained = ours.attend.explain(
        ours.project_query(x), memory.key, memory.value, real[:, None, None]
    )
    # The readable form computes in float32.
    torch.testing.assert_close(explained.weights.double(), weights, atol=1e-6, rtol=0)


def test_projections_together_and_apart_are_the_same(pair):
    ours, _ = pair
    x = states(5)
    query, memory = ours.project_self(x, torch.arange(5))
    close(query, ours.project_query(x))
    close(memory.key, ours.project_memory(x).key)
    close(memory.value, ours.project_memory(x).value)


def test_gradients_are_those_of_torch(pair, real):
    ours, theirs = pair
    x = states(5)
    query, memory = ours.project_self(x, torch.arange(5))
    ours(query, memory, real[:, None, None], torch.arange(5)).square().sum().backward()
    theirs(x, x, x, key_padding_mask=~real, need_weights=False)[0].square().sum().backward()
    close(ours.in_proj.weight.grad, theirs.in_proj_weight.grad)
    close(ours.in_proj.bias.grad, theirs.in_proj_bias.grad)
    close(ours.out_proj.weight.grad, theirs.out_proj.weight.grad)


def test_fresh_projections_are_drawn_as_three_matrices_and_biases_are_zero():
    torch.manual_seed(1)
    attend = AttentionConfig().build(4, 32, "cross")
    fresh = MultiHeadAttention(128, 4, attend)
    for matrix in (*fresh.in_proj.weight.chunk(3), fresh.out_proj.weight):
        bound = (6 / (128 + 128)) ** 0.5  # Glorot and Bengio (2010), equation 16
        assert 0.99 * bound < matrix.abs().max() <= bound
    assert not fresh.in_proj.bias.any()
    assert not fresh.out_proj.bias.any()


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"^heads: expected a divisor of dim 24, but found 5$"):
        MultiHeadAttention(DIM, 5, AttentionConfig().build(HEADS, DIM // HEADS, "cross"))
