"""What every kind of attention keeps: a new member is tested because it exists."""

import inspect
import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import TypeCheckError

from mt.model.attention import AttentionConfig, ScaledDot
from mt.model.attention.scaled_dot import FUSED_FROM, scaled_dot_product_attention

UNION = get_args(AttentionConfig)
# A union, a union annotated with its discriminator, or a single class.
KINDS = (get_args(UNION[0]) or UNION) if UNION else (AttentionConfig,)
# batch, heads, queries, keys, depth, depth of the values; the last two take torch's fused kernel.
SHAPES = [
    (1, 1, 1, 1, 1, 1),
    (2, 3, 4, 5, 8, 8),
    (2, 1, 6, 3, 4, 2),
    (1, 2, 3, FUSED_FROM, 8, 8),
    (2, 2, 2, FUSED_FROM + 3, 4, 4),
]
# float32 sums of up to 515 products round to about 1e-6 of values near 1; bf16 has 8 bits, and both
# scores and weights are rounded to them: two roundings of 2^-8 on values up to 4.
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.bfloat16: 5e-2,
}
MASKS = ["none", "padding", "causal", "each", "partly_blind"]


def make(shape, dtype=torch.float32, seed=0):
    batch, heads, queries, keys, depth, value_depth = shape
    generator = torch.Generator().manual_seed(seed)

    def draw(*size):
        return torch.randn(*size, generator=generator, dtype=torch.float64).to(dtype)

    return (
        draw(batch, heads, queries, depth),
        draw(batch, heads, keys, depth),
        draw(batch, heads, keys, value_depth),
    )


def mask(name, shape):
    batch, heads, queries, keys, *_ = shape
    if name == "none":
        return None
    generator = torch.Generator().manual_seed(7)
    if name == "padding":
        lengths = torch.randint(1, keys + 1, (batch,), generator=generator)
        return (torch.arange(keys) < lengths[:, None])[:, None, None]
    if name == "causal":
        return torch.ones(1, 1, queries, keys, dtype=torch.bool).tril()
    visible = torch.rand(batch, heads, queries, keys, generator=generator) < 0.6
    visible[..., 0] = True
    if name == "partly_blind":
        visible[:, :, 0] = False
    return visible


@pytest.fixture(params=KINDS, ids=lambda kind: kind.model_fields["kind"].default)
def attend(request):
    return request.param().build()


@pytest.fixture(params=SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def shape(request):
    return request.param


@pytest.fixture(params=MASKS)
def visible(request, shape):
    return mask(request.param, shape)


def full(visible, shape):
    batch, heads, queries, keys, *_ = shape
    if visible is None:
        return torch.ones(batch, heads, queries, keys, dtype=torch.bool)
    return visible.expand(batch, heads, queries, keys)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_weights_are_a_distribution_over_the_visible_keys(attend, shape, visible, dtype):
    context, weights = attend.explain(*make(shape, dtype), visible)
    seen = full(visible, shape)
    assert context.dtype == dtype
    assert weights.dtype == torch.float32
    assert weights.min() >= 0
    assert not weights[~seen].any()
    # A sum of at most 515 float32 numbers that together make 1.
    torch.testing.assert_close(
        weights.sum(dim=-1), seen.any(dim=-1).float(), atol=1e-5, rtol=0, check_dtype=False
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_fast_form_is_the_readable_one(attend, shape, visible, dtype):
    inputs = make(shape, dtype)
    fast, readable = attend(*inputs, visible), attend.explain(*inputs, visible).context
    assert fast.dtype == readable.dtype == dtype
    # The readable form computes in float32, whatever comes.
    tolerance = max(TOLERANCE[dtype], TOLERANCE[torch.float32])
    torch.testing.assert_close(fast, readable, atol=tolerance, rtol=tolerance)


def test_a_hidden_key_has_no_influence_at_all(attend, shape, visible):
    query, key, value = make(shape)
    seen = full(visible, shape)
    used = seen.any(dim=2)[..., None]
    other_key, other_value = (torch.where(used, old, 9 * old + 5) for old in (key, value))
    for form in (attend, lambda *given: attend.explain(*given).context):
        assert torch.equal(
            form(query, key, value, visible), form(query, other_key, other_value, visible)
        )


@pytest.mark.parametrize("keys", [5, FUSED_FROM + 1])
def test_no_query_learns_of_a_key_hidden_from_it(attend, keys):
    shape = (1, 2, 4, keys, 8, 8)
    query, key, value = make(shape)
    visible = torch.ones(1, 1, 4, keys, dtype=torch.bool)
    visible[:, :, 1, 3] = visible[:, :, 3, 3] = False
    before = attend(query, key, value, visible)
    key[:, :, 3], value[:, :, 3] = 3.0, -7.0
    after = attend(query, key, value, visible)
    # Other rows change; these two may not, beyond the order of a sum in a blocked kernel.
    torch.testing.assert_close(before[:, :, [1, 3]], after[:, :, [1, 3]], atol=1e-6, rtol=0)
    assert not torch.equal(before[:, :, [0, 2]], after[:, :, [0, 2]])


@pytest.mark.parametrize("keys", [1, 6, FUSED_FROM])
@pytest.mark.parametrize("form", ["fast", "readable"])
def test_who_sees_nothing_gets_zeros_and_poisons_no_gradient(attend, keys, form):
    shape = (2, 2, 3, keys, 4, 4)
    inputs = [part.requires_grad_() for part in make(shape)]
    visible = torch.ones(2, 1, 3, keys, dtype=torch.bool)
    visible[0, :, 1] = False
    visible[1] = False
    if form == "fast":
        context = attend(*inputs, visible)
    else:
        context, weights = attend.explain(*inputs, visible)
        assert not weights[0, :, 1].any()
        assert not weights[1].any()
    assert not context[0, :, 1].any()
    assert not context[1].any()
    assert context[0, :, 0].any()
    for gradient in torch.autograd.grad(context.square().sum(), inputs):
        assert gradient.isfinite().all()
        assert not gradient[1].any()


def test_the_order_of_the_keys_does_not_matter(attend, shape, visible):
    query, key, value = make(shape, torch.float64)
    order = torch.randperm(key.size(2), generator=torch.Generator().manual_seed(3))
    moved = None if visible is None else visible.expand(full(visible, shape).shape)[..., order]
    torch.testing.assert_close(
        attend(query, key, value, visible),
        attend(query, key[:, :, order], value[:, :, order], moved),
        atol=TOLERANCE[torch.float64],
        rtol=0,
    )


def test_each_query_is_answered_by_itself(attend, shape, visible):
    query, key, value = make(shape, torch.float64)
    order = torch.randperm(query.size(2), generator=torch.Generator().manual_seed(3))
    moved = None if visible is None else full(visible, shape)[:, :, order]
    torch.testing.assert_close(
        attend(query, key, value, visible)[:, :, order],
        attend(query[:, :, order], key, value, moved),
        atol=TOLERANCE[torch.float64],
        rtol=0,
    )


@pytest.mark.parametrize("name", ["none", "padding", "each", "partly_blind"])
@pytest.mark.parametrize("size", [(2, 2, 3, 4, 2, 2), (1, 1, 2, FUSED_FROM, 2, 2)])
def test_gradients_are_those_of_the_function(attend, name, size):
    # torch's default tolerances of gradcheck are made for float64.
    inputs = [part.requires_grad_() for part in make(size, torch.float64)]
    visible = mask(name, size)
    fast_mode = size[3] >= FUSED_FROM  # a random direction instead of each of 2048 elements
    assert torch.autograd.gradcheck(
        lambda *given: attend(*given, visible), inputs, fast_mode=fast_mode
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_scaled_dot_is_that_of_torch(shape, visible, dtype):
    inputs = make(shape, dtype)
    expected = F.scaled_dot_product_attention(*inputs, attn_mask=visible).nan_to_num()
    ours = ScaledDot().build()(*inputs, visible)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(ours, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", MASKS)
def test_scaled_dot_is_a_triple_loop(name):
    shape = (2, 2, 3, 4, 5, 3)
    query, key, value = make(shape)
    visible = mask(name, shape)
    seen = full(visible, shape).tolist()
    expected = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    shares = torch.zeros(2, 2, 3, 4, dtype=torch.float64)
    for batch in range(2):
        for head in range(2):
            for row in range(3):
                powers = [
                    math.exp(
                        sum(
                            float(query[batch, head, row, i]) * float(key[batch, head, column, i])
                            for i in range(5)
                        )
                        / math.sqrt(5)
                    )
                    if seen[batch][head][row][column]
                    else 0.0
                    for column in range(4)
                ]
                for column in range(4):
                    share = powers[column] / (sum(powers) or 1.0)
                    shares[batch, head, row, column] = share
                    expected[batch, head, row] += share * value[batch, head, column].double()
    context, weights = scaled_dot_product_attention(query, key, value, visible)
    # Sums of five float32 products near 1: a few roundings of 6e-8 each.
    torch.testing.assert_close(weights.double(), shares, atol=1e-6, rtol=0)
    torch.testing.assert_close(context.double(), expected, atol=1e-6, rtol=1e-6)


def test_large_scores_do_not_overflow(attend):
    query, key, value = make((1, 1, 2, 3, 4, 4))
    visible = torch.tensor([[True, True, False], [False, True, True]])[None, None]
    context = attend(query * 1e4, key * 1e4, value, visible)
    assert context.isfinite().all()
    torch.testing.assert_close(context, attend.explain(query * 1e4, key * 1e4, value, visible)[0])


def test_queries_and_keys_must_agree_in_depth():
    query, _, value = make((1, 1, 2, 3, 4, 4))
    unchecked = inspect.unwrap(scaled_dot_product_attention)  # the test run checks shapes before
    with pytest.raises(ValueError, match=r"^depth: expected .* found 4 and 5$"):
        unchecked(query, torch.ones(1, 1, 3, 5), value)


def test_the_test_run_checks_shapes(attend):
    query, key, value = make((1, 1, 2, 3, 4, 4))
    with pytest.raises(TypeCheckError, match="key_len"):
        attend(query, key, value[:, :, 1:], None)
