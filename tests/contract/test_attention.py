"""What every kind of attention keeps: a new member is tested because it exists."""

import inspect
import itertools
import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import TypeCheckError

from mt.kernels.attention import FUSED_FROM
from mt.model.attention.config import (
    AttentionConfig,
    GlobalConfig,
    PredictedConfig,
    ScopeConfig,
    ScoreConfig,
    WindowConfig,
)
from mt.model.attention.dot import scaled_dot_product_attention

KINDS = get_args(ScoreConfig)
SCOPES = [GlobalConfig(), WindowConfig(width=2), PredictedConfig(width=3)]
assert {type(scope) for scope in SCOPES} == set(get_args(ScopeConfig))
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


class Whole:
    """A kind of attention that prepares its keys itself, whatever the shape of what comes."""

    def __init__(self, config):
        self.config = config
        self.made = {}

    def module(self, query):
        heads, depth = query.size(1), query.size(3)
        if (heads, depth) not in self.made:
            torch.manual_seed(heads)
            self.made[heads, depth] = self.config.build(heads, depth, "cross")
        return self.made[heads, depth].to(query.dtype)

    def __call__(self, query, key, value, *rest):
        module = self.module(query)
        return module(query, module.prepare_keys(key), value, *rest)

    def explain(self, query, key, value, *rest):
        module = self.module(query)
        if query.dtype != torch.float32:  # the readable form computes in float32
            module = module.float()
            query, key = query.float(), key.float()
        return module.explain(query, module.prepare_keys(key), value, *rest)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.model_fields["kind"].default)
def everywhere(request):
    """A kind of attention in global scope."""
    return Whole(AttentionConfig(score=request.param()))


@pytest.fixture(params=KINDS, ids=lambda kind: kind.model_fields["kind"].default)
def score(request):
    return request.param()


@pytest.fixture(params=SCOPES, ids=lambda scope: scope.kind)
def attend(request, score):
    """A kind of attention in some scope."""
    return Whole(AttentionConfig(score=score, scope=request.param))


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
    context, weights, scores = attend.explain(*make(shape, dtype), visible)
    seen = full(visible, shape) & scores.isfinite()  # a scope hides more
    assert context.dtype == dtype
    assert weights.dtype == scores.dtype == torch.float32
    assert weights.min() >= 0
    assert not weights[~seen].any()
    if isinstance(attend.config.scope, GlobalConfig):
        assert torch.equal(seen, full(visible, shape))
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
def test_no_query_learns_of_a_key_hidden_from_it(everywhere, keys):
    shape = (1, 2, 4, keys, 8, 8)
    query, key, value = make(shape)
    visible = torch.ones(1, 1, 4, keys, dtype=torch.bool)
    visible[:, :, 1, 3] = visible[:, :, 3, 3] = False
    before = everywhere(query, key, value, visible)
    key[:, :, 3], value[:, :, 3] = 3.0, -7.0
    after = everywhere(query, key, value, visible)
    # Other rows change; these two may not, beyond the order of a sum in a blocked kernel.
    torch.testing.assert_close(before[:, :, [1, 3]], after[:, :, [1, 3]], atol=1e-6, rtol=0)
    assert not torch.equal(before[:, :, [0, 2]], after[:, :, [0, 2]])


@pytest.mark.parametrize("keys", [1, 6, FUSED_FROM])
@pytest.mark.parametrize("form", ["fast", "readable", "autocast"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_who_sees_nothing_gets_zeros_and_poisons_no_gradient(attend, keys, form, dtype):
    shape = (2, 2, 3, keys, 4, 4)
    inputs = [part.requires_grad_() for part in make(shape, dtype)]
    visible = torch.ones(2, 1, 3, keys, dtype=torch.bool)
    visible[0, :, 1] = False
    visible[1] = False
    if form == "fast":
        context = attend(*inputs, visible)
    elif form == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            context = attend(*inputs, visible)
    else:
        context, weights, _ = attend.explain(*inputs, visible)
        assert not weights[0, :, 1].any()
        assert not weights[1].any()
    assert not context[0, :, 1].any()
    assert not context[1].any()
    assert context[0, :, 0].any()
    for gradient in torch.autograd.grad(context.square().sum(), inputs):
        assert gradient.isfinite().all()
        assert not gradient[1].any()


def test_the_order_of_the_keys_does_not_matter(everywhere, shape, visible):
    query, key, value = make(shape, torch.float64)
    order = torch.randperm(key.size(2), generator=torch.Generator().manual_seed(3))
    moved = None if visible is None else visible.expand(full(visible, shape).shape)[..., order]
    torch.testing.assert_close(
        everywhere(query, key, value, visible),
        everywhere(query, key[:, :, order], value[:, :, order], moved),
        atol=TOLERANCE[torch.float64],
        rtol=0,
    )


def test_each_query_is_answered_by_itself(everywhere, shape, visible):
    query, key, value = make(shape, torch.float64)
    order = torch.randperm(query.size(2), generator=torch.Generator().manual_seed(3))
    moved = None if visible is None else full(visible, shape)[:, :, order]
    torch.testing.assert_close(
        everywhere(query, key, value, visible)[:, :, order],
        everywhere(query[:, :, order], key, value, moved),
        atol=TOLERANCE[torch.float64],
        rtol=0,
    )


@pytest.mark.slow
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


def test_gradients_of_gradients_are_refused_rather_than_wrong():
    inputs = [part.requires_grad_() for part in make((1, 1, 2, 3, 2, 2), torch.float64)]
    context = AttentionConfig().build(1, 2, "cross")(*inputs)
    (slope,) = torch.autograd.grad(context.square().sum(), inputs[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_the_readable_form_stays_exact_under_autocast(attend):
    query, key, value = make((2, 2, 4, 6, 8, 8))
    module = attend.module(query)
    key = module.prepare_keys(key)
    exact = module.explain(3 * query, key, value)
    with torch.autocast("cpu", torch.bfloat16):
        found = module.explain(3 * query, key, value)
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_scaled_dot_is_that_of_torch(shape, visible, dtype):
    inputs = make(shape, dtype)
    expected = F.scaled_dot_product_attention(*inputs, attn_mask=visible).nan_to_num()
    ours = AttentionConfig().build(shape[1], shape[4], "cross")(*inputs, visible)
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
    context, weights, _ = scaled_dot_product_attention(query, key, value, visible)
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


@pytest.mark.parametrize("name", MASKS)
def test_the_equation_of_the_paper_is_what_models_use(name):
    shape = (2, 2, 3, 4, 6, 3)
    inputs, visible = make(shape), mask(name, shape)
    ours = AttentionConfig().build(2, 6, "cross").explain(*inputs, visible)
    # The query is scaled in one and the score in the other.
    for one, other in zip(ours, scaled_dot_product_attention(*inputs, visible), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


def loop(score, query, key):
    """Compute scores one by one, in float64."""
    batch, heads, queries, _ = query.shape
    scores = torch.zeros(batch, heads, queries, key.size(2), dtype=torch.float64)
    for position in itertools.product(*map(range, scores.shape)):
        sentence, head, row, column = position
        scores[position] = score(head, query[sentence, head, row], key[sentence, head, column])
    return scores


def test_each_score_is_its_equation_in_a_loop(score):
    query, key, _ = make((2, 3, 4, 5, 6, 6), torch.float64)
    torch.manual_seed(4)
    module = score.build(3, 6).double()

    def additive(head, q, k):
        total = 0.0
        for unit in range(6):
            asked = sum(q[i] * module.query_projection[head, i, unit] for i in range(6))
            offered = sum(k[i] * module.key_projection[head, i, unit] for i in range(6))
            total += module.score_vector[head, unit] * math.tanh(asked + offered)
        return total

    def bilinear(head, q, k):
        return sum(
            q[i] * module.matrix[head, i, j] * k[j]
            for i, j in itertools.product(range(6), range(6))
        )

    scorers = {
        "dot": lambda _, q, k: sum(q[i] * k[i] for i in range(6)),
        "scaled_dot": lambda _, q, k: sum(q[i] * k[i] for i in range(6)) / math.sqrt(6),
        "bilinear": bilinear,
        "additive": additive,
    }
    with torch.no_grad():
        expected = loop(scorers[score.kind], query, key)
        found = module(query, module.prepare_keys(key))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 9])
def test_a_window_is_the_keys_near_the_place(score, width):
    query, key, value = make((2, 2, 7, 5, 4, 4))
    lengths = torch.tensor([5, 3])
    visible = (torch.arange(5) < lengths[:, None])[:, None, None]
    attend = Whole(AttentionConfig(score=score, scope=WindowConfig(width=width)))
    _, weights, _ = attend.explain(query, key, value, visible)
    for sentence, row, column in itertools.product(range(2), range(7), range(5)):
        length = int(lengths[sentence])
        centre = min(row, length - 1)
        seen = column < length and abs(column - centre) <= width
        assert bool((weights[sentence, :, row, column] > 0).all()) == seen
    if width == 9:
        wide = Whole(AttentionConfig(score=score)).explain(query, key, value, visible)
        assert torch.equal(weights, wide.weights)


def test_places_shift_a_window(score):
    query, key, value = make((1, 1, 1, 6, 4, 4))
    attend = Whole(AttentionConfig(score=score, scope=WindowConfig(width=1)))
    _, weights, _ = attend.explain(query, key, value, None, torch.tensor([4]))
    assert (weights[0, 0, 0] > 0).tolist() == [False, False, False, True, True, True]


@torch.no_grad()
def test_a_predicted_place_is_its_equation(score):
    query, key, value = make((2, 2, 3, 7, 4, 4))
    lengths = torch.tensor([7, 4])
    visible = (torch.arange(7) < lengths[:, None])[:, None, None]
    attend = Whole(AttentionConfig(score=score, scope=PredictedConfig(width=2)))
    _, weights, _ = attend.explain(query, key, value, visible)
    module = attend.module(query)
    scores = module.score(query, module.prepare_keys(key))
    projection, vector = module.scope.position_projection, module.scope.position_vector
    expected = torch.zeros(2, 2, 3, 7)
    for sentence, head, row in itertools.product(range(2), range(2), range(3)):
        length = int(lengths[sentence])
        hidden = torch.tanh(query[sentence, head, row] @ projection[head])
        centre = (length - 1) / (1 + math.exp(-float(hidden @ vector[head])))
        powers = [
            math.exp(float(scores[sentence, head, row, column]) - (column - centre) ** 2 / 2)
            if abs(column - centre) <= 2
            else 0.0
            for column in range(length)
        ]
        for column in range(length):
            expected[sentence, head, row, column] = powers[column] / sum(powers)
    torch.testing.assert_close(weights, expected, atol=1e-6, rtol=1e-5)
