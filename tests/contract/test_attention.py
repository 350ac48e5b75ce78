"""What every kind of attention keeps: a new member is tested because it exists."""

import copy
import inspect
import itertools
import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mt.kernels.attention import FUSED_FROM
from mt.model.attention.config import (
    AttentionConfig,
    GlobalConfig,
    PredictedConfig,
    ScopeConfig,
    ScoreConfig,
    WindowConfig,
)
from mt.model.attention.contract import DotProductScore
from mt.model.attention.dot import scaled_dot_product_attention
from mt.model.positions.config import AlibiConfig, NoPositionsConfig, ShawConfig, T5Config
from tests.covering import cover

SCORES = [kind() for kind in get_args(ScoreConfig)]
SCOPES = [GlobalConfig(), WindowConfig(width=2), PredictedConfig(width=3)]
assert {type(scope) for scope in SCOPES} == set(get_args(ScopeConfig))
DISTANCES = [
    NoPositionsConfig(),
    ShawConfig(longest=2),
    T5Config(buckets=4, longest=6),
    AlibiConfig(),
]
# batch, heads, queries, keys, depth, depth of the values; the last two take torch's fused kernel.
SHAPES = [
    (1, 1, 1, 1, 1, 1),
    (2, 3, 4, 5, 8, 8),
    (2, 1, 6, 3, 4, 2),
    (1, 2, 3, FUSED_FROM, 8, 8),
    (2, 2, 2, FUSED_FROM + 3, 4, 4),
]
MASKS = ["none", "padding", "causal", "each", "blind"]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
STANDS = {"counted": None, "later": 3, "together": torch.tensor([2])}
"""Where queries stand: at 0, 1, 2, ...; 3 later; all at one place, as in a step of a decoder."""
FACTORS = {
    "score": SCORES, "scope": SCOPES, "distances": DISTANCES, "shape": SHAPES, "mask": MASKS,
    "dtype": DTYPES, "stands": list(STANDS), "autocast": [False, True],
}  # fmt: skip

# Sums of up to 515 products of values near 1, and distances of up to 515: a hundred roundings each.
EXACT = {torch.float64: 1e-12, torch.float32: 1e-4}
ROUNDING = {torch.float64: 0.0, torch.float32: 0.0, torch.bfloat16: 2**-8, torch.float16: 2**-11}
# Scores, weights and their sums are each rounded to 8 bits, on values up to 4.
ROUGH = 5e-2


def name_of(part):
    if isinstance(part, tuple):
        return "x".join(map(str, part))
    return getattr(part, "kind", str(part).removeprefix("torch."))


def cases(*names, strength=2, **narrower):
    """Parametrize a test by cases in which any ``strength`` values of the named factors meet."""
    factors = {name: FACTORS[name] for name in names} | narrower
    chosen = [tuple(case.values()) for case in cover(factors, strength)]
    ids = ["-".join(map(name_of, case)) for case in chosen]
    return pytest.mark.parametrize(tuple(factors), chosen, ids=ids)


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


def make_mask(name, shape):
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
    if name == "blind":
        visible[:, :, 0] = False
        visible[1:] = False
    return visible


def full(visible, shape):
    batch, heads, queries, keys, *_ = shape
    if visible is None:
        return torch.ones(batch, heads, queries, keys, dtype=torch.bool)
    return visible.expand(batch, heads, queries, keys)


def build(shape, score, scope=GlobalConfig(), distances=NoPositionsConfig()):  # noqa: B008
    """Make a module none of whose parameters is 0."""
    _, heads, _, _, depth, _ = shape
    torch.manual_seed(heads)
    relative = distances.relative(heads, depth, causal=False)
    attend = AttentionConfig(score=score, scope=scope).build(heads, depth, "cross", relative)
    for parameter in attend.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return attend


def definition(attend, config, query, key, value, visible, positions):
    """Compute in float64 what the papers define, all at once and nothing in place.

    Args:
        attend: Whose parameters are used.
        config: The score, scope and distances of ``attend``.
        key: What ``attend`` prepared.
        visible: ``True`` where a query may look; not broadcast.
        positions: Where each query stands.
    """
    score, scope, relative = attend.score, attend.scope, attend.relative
    depth, columns = query.size(-1), torch.arange(key.size(2))
    if config["score"].kind == "additive":
        asked = torch.einsum("bhqd,hde->bhqe", query, score.query_projection)
        inner = torch.tanh(asked[:, :, :, None] + key[:, :, None])
        scores = torch.einsum("bhqke,he->bhqk", inner, score.score_vector)
    elif config["score"].kind == "bilinear":
        scores = torch.einsum("bhqd,hde,bhke->bhqk", query, score.matrix, key)
    else:
        scores = torch.einsum("bhqd,bhkd->bhqk", query, key)
        if config["score"].kind == "scaled_dot":
            scores = scores / math.sqrt(depth)

    last = visible.sum(dim=-1, keepdim=True) - 1
    if config["scope"].kind == "window":
        centre = torch.minimum(positions[:, None], last)
        visible = visible & ((columns - centre).abs() <= config["scope"].width)
    elif config["scope"].kind == "predicted":
        hidden = torch.tanh(torch.einsum("bhqd,hde->bhqe", query, scope.position_projection))
        share = torch.einsum("bhqe,he->bhq", hidden, scope.position_vector).sigmoid()
        centre = last * share[..., None]
        scores = scores - (columns - centre) ** 2 / (2 * (config["scope"].width / 2) ** 2)
        visible = visible & ((columns - centre).abs() <= config["scope"].width)

    distance = columns - positions[:, None]
    if config["distances"].kind == "alibi":
        head = torch.arange(1, query.size(1) + 1, dtype=torch.float64)[:, None, None]
        scores = scores - distance.abs() * 2 ** (-8 * head / query.size(1))
    elif config["distances"].kind == "t5":
        scores = scores + relative.table[:, relative.bucket(distance)]
    elif config["distances"].kind == "shaw":
        longest = config["distances"].longest
        clipped = distance.clamp(-longest, longest) + longest
        scores = scores + torch.einsum("bhqd,qkd->bhqk", query, relative.keys[clipped]) / depth**0.5

    powers = (scores - scores.detach().amax(dim=-1, keepdim=True)).exp() * visible
    weights = powers / (powers.sum(dim=-1, keepdim=True) + ~visible.any(dim=-1, keepdim=True))
    context = weights @ value
    if config["distances"].kind == "shaw":
        context = context + torch.einsum("bhqk,qkd->bhqd", weights, relative.values[clipped])
    return context, weights, scores.masked_fill(~visible, -torch.inf)


@cases(*FACTORS, strength=3)
def test_both_forms_and_the_gradient_are_those_of_the_definition(
    score, scope, distances, shape, mask, dtype, stands, autocast
):
    config = {"score": score, "scope": scope, "distances": distances}
    if distances.kind == "shaw":
        shape = (*shape[:5], shape[4])  # its vectors are added to keys and to values
    # Under autocast the parameters of a model stay float32.
    parameters_of = torch.float32 if autocast and dtype != torch.float64 else dtype
    attend = build(shape, **config).to(parameters_of)
    query, key, value = make(shape, dtype)
    visible = make_mask(mask, shape)
    positions = STANDS[stands]
    if isinstance(positions, int):
        positions = positions + torch.arange(query.size(2))
    half = dtype if dtype in {torch.bfloat16, torch.float16} else torch.bfloat16
    with torch.autocast("cpu", half, enabled=autocast):
        key = attend.prepare_keys(key).detach()
        inputs = [part.requires_grad_() for part in (query, key, value)]
        direction = torch.randn(query.shape[:3] + value.shape[3:], dtype=torch.float64).to(dtype)
        found = attend.explain(*inputs, visible, positions)
        fast = attend(*inputs, visible, positions)
    parameters = list(attend.parameters())
    slopes = torch.autograd.grad(
        fast, [*inputs, *parameters], direction.to(fast.dtype), allow_unused=True
    )

    product = isinstance(attend.score, DotProductScore) and distances.kind != "shaw"
    fused = product and key.size(2) >= FUSED_FROM

    exact = copy.deepcopy(attend).double()
    doubles = [part.detach().double().requires_grad_() for part in inputs]
    places = torch.arange(query.size(2)) if positions is None else positions.expand(query.size(2))
    expected = definition(exact, config, *doubles, full(visible, shape), places)
    context, weights, scores = expected
    wanted = torch.autograd.grad(
        context, [*doubles, *exact.parameters()], direction.double(), allow_unused=True
    )

    tolerance = EXACT[torch.float32]
    assert found.weights.dtype == found.scores.dtype == torch.float32
    assert found.context.dtype == dtype
    assert fast.dtype == dtype or (autocast and fused)
    for one, other in ((found.weights, weights), (found.scores, scores)):
        torch.testing.assert_close(one.double(), other, atol=tolerance, rtol=tolerance)
    assert torch.equal(found.weights == 0, weights.float() == 0)
    rounding = ROUNDING[dtype]
    torch.testing.assert_close(
        found.context.double(), context, atol=tolerance, rtol=tolerance + rounding
    )

    # Half precision is one rounding of the exact result, but where torch's kernel computes in it
    # or the score prepares its query in it.
    rough = product and (dtype == half or autocast) and dtype != torch.float64
    rough &= fused or score.kind == "bilinear"
    if distances.kind != "alibi":  # a penalty is float32 whatever the model computes in
        tolerance = EXACT.get(dtype, tolerance)
    tolerance = ROUGH if rough else tolerance
    torch.testing.assert_close(fast.double(), context, atol=tolerance, rtol=tolerance + rounding)
    largest = max(slope.norm() for slope in wanted if slope is not None)
    for one, other in zip(slopes, wanted, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            error = (one.double() - other).norm()
            assert error <= (2 * ROUNDING[one.dtype] + tolerance) * largest


def test_the_gradient_taken_under_autocast_is_no_other():
    inputs = [part.requires_grad_() for part in make((2, 3, 4, 5, 8, 8))]
    context = build((2, 3, 4, 5, 8, 8), SCORES[0])(*inputs)
    outside = torch.autograd.grad(context.sum(), inputs, retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        inside = torch.autograd.grad(context.sum(), inputs)
    assert all(map(torch.equal, inside, outside))


def test_gradients_of_gradients_are_refused_rather_than_wrong():
    inputs = [part.requires_grad_() for part in make((1, 1, 2, 3, 2, 2), torch.float64)]
    context = build((1, 1, 2, 3, 2, 2), SCORES[0])(*inputs)
    (slope,) = torch.autograd.grad(context.square().sum(), inputs[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@cases("score", "scope", "distances", "shape", mask=MASKS[1:])
def test_a_hidden_key_has_no_influence_at_all(score, scope, distances, shape, mask):
    if distances.kind == "shaw":
        shape = (*shape[:5], shape[4])
    attend, visible = build(shape, score, scope, distances), make_mask(mask, shape)
    query, key, value = make(shape)
    used = full(visible, shape).any(dim=2)[..., None]
    others = [torch.where(used, old, 9 * old + 5) for old in (key, value)]
    for form in (attend, lambda *given: attend.explain(*given).context):
        before, after = (
            form(query, attend.prepare_keys(one), other, visible)
            for one, other in ((key, value), others)
        )
        assert torch.equal(before, after)


@pytest.mark.parametrize("score", SCORES, ids=name_of)
def test_large_scores_do_not_overflow(score):
    shape = (1, 1, 2, 3, 4, 4)
    attend, (query, key, value) = build(shape, score), make(shape)
    visible = torch.tensor([[True, True, False], [False, True, True]])[None, None]
    given = 1e4 * query, attend.prepare_keys(1e4 * key), value, visible
    context = attend(*given)
    assert context.isfinite().all()
    torch.testing.assert_close(context, attend.explain(*given).context)


def test_the_context_lies_in_memory_so_that_heads_are_joined_without_a_copy():
    context = build(SHAPES[1], SCORES[0])(*make(SHAPES[1]))
    assert context.transpose(1, 2).is_contiguous()


# The equations, one number at a time


@pytest.mark.parametrize("score", SCORES, ids=name_of)
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

    equation = {
        "dot": lambda _, q, k: sum(q[i] * k[i] for i in range(6)),
        "scaled_dot": lambda _, q, k: sum(q[i] * k[i] for i in range(6)) / math.sqrt(6),
        "bilinear": bilinear,
        "additive": additive,
    }[score.kind]
    with torch.no_grad():
        expected = torch.zeros(2, 3, 4, 5, dtype=torch.float64)
        for position in itertools.product(*map(range, expected.shape)):
            sentence, head, row, column = position
            expected[position] = equation(
                head, query[sentence, head, row], key[sentence, head, column]
            )
        found = module(query, module.prepare_keys(key))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


@cases("score", dtype=[torch.float32, torch.bfloat16])
def test_keys_are_prepared_in_the_dtype_of_the_model(score, dtype):
    key = make((2, 3, 4, 5, 8, 8))[1].to(dtype)
    attend = build((2, 3, 4, 5, 8, 8), score)
    projection = getattr(attend.score, "key_projection", torch.eye(8).expand(3, 8, 8))
    found = attend.prepare_keys(key)
    assert found.dtype == dtype
    expected = key.double() @ projection.to(dtype).double()
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-6 + ROUNDING[dtype])


@torch.no_grad()
def test_bilinear_scores_start_as_spread_as_those_of_the_scaled_dot_product():
    torch.manual_seed(1)
    query, key, _ = make((1, 2, 300, 300, 64, 1))
    for score in SCORES:
        if score.kind in {"bilinear", "scaled_dot"}:
            # The variance of a product of 64 normal numbers, over 64; 600 rows are independent.
            assert score.build(2, 64)(query, key).std().item() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("mask", MASKS)
def test_scaled_dot_is_a_triple_loop(mask):
    shape = (2, 2, 3, 4, 5, 3)
    query, key, value = make(shape)
    visible = make_mask(mask, shape)
    seen = full(visible, shape).tolist()
    expected = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    shares = torch.zeros(2, 2, 3, 4, dtype=torch.float64)
    for batch, head, row in itertools.product(range(2), range(2), range(3)):
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


@cases("mask", "dtype", "autocast", shape=[*SHAPES[:3], SHAPES[4]])
def test_the_equation_of_the_paper_is_what_models_use(mask, dtype, autocast, shape):
    inputs, visible = make(shape, dtype), make_mask(mask, shape)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = scaled_dot_product_attention(*inputs, visible)
        theirs = build(shape, SCORES[0]).explain(*inputs, visible)
    assert ours.context.dtype == dtype
    # The score is scaled in one and the query in the other.
    for one, other in zip(ours, theirs, strict=True):
        rounding = ROUNDING[dtype] if one is ours.context else 0.0
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6 + rounding)


@pytest.mark.parametrize("mask", MASKS)
def test_scaled_dot_is_that_of_torch(mask):
    for shape in SHAPES:
        inputs, visible = make(shape, torch.float64), make_mask(mask, shape)
        expected = F.scaled_dot_product_attention(*inputs, attn_mask=visible).nan_to_num()
        torch.testing.assert_close(
            build(shape, SCORES[0])(*inputs, visible), expected, atol=1e-12, rtol=1e-12
        )


def test_queries_and_keys_must_agree_in_depth():
    query, _, value = make((1, 1, 2, 3, 4, 4))
    unchecked = inspect.unwrap(scaled_dot_product_attention)  # the test run checks shapes before
    with pytest.raises(ValueError, match=r"^depth: expected .* found 4 and 5$"):
        unchecked(query, torch.ones(1, 1, 3, 5), value)
