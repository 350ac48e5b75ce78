"""The compiled kernels compute what torch's operations do."""

import itertools
import math
import platform

import pytest
import torch

from mt.kernels import native
from mt.kernels.attention import _natively, cpu_attention
from mt.kernels.consistency import LossWeights, chunked_consistency
from mt.kernels.cross_entropy import chunked_cross_entropy
from mt.kernels.linear import in_panels, linear
from mt.kernels.residual import add_dropped
from mt.kernels.top_k import top_k
from mt.native import compiler
from mt.native.compiler import load_native
from mt.processor import processor_flags

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
SIZES = [(1, 1, 1), (3, 5, 6), (4, 16, 32), (5, 17, 33), (5, 17, 40), (33, 31, 16), (2, 48, 8)]


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
        # In bfloat16 what is multiplied may be rounded as well.
        rounding = ROUNDING[dtype] * (2 if dtype == torch.bfloat16 else 1)
        torch.testing.assert_close(ours.double(), exact.double(), rtol=0, atol=rounding * scale)


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize("sizes", [(1, 1, 16), (1, 15, 32), (5, 17, 48), (16, 4, 16)], ids=str)
@pytest.mark.parametrize("masked", ["no", "keys", "all"])
def test_a_few_queries_attend_to_a_cache_where_it_lies(dtype, sizes, masked, monkeypatch):
    queries, keys, depth = sizes
    batch, count = 3, 2
    query = heads(batch, queries, depth, count, dtype, 1)
    # What lies beside the slots that are used would be seen in the result.
    cache = torch.full((2, batch, count, keys + 3, depth), torch.nan, dtype=dtype)
    key, value = cache[:, :, :, :keys].normal_(generator=torch.manual_seed(2))
    bias = None
    if masked != "no":
        shape = (batch, 1, 1, keys) if masked == "keys" else (1, count, queries, keys)
        bias = torch.randn(shape, generator=torch.manual_seed(3))
        bias[torch.rand(shape, generator=torch.manual_seed(4)) < 0.3] = -1e38
    for other in ("_NativeAttention", "_CPUAttention"):
        monkeypatch.delattr(f"mt.kernels.attention.{other}")
    with torch.inference_mode():
        found = cpu_attention(query, key, value, bias, 0.3)
    assert found.dtype == dtype
    assert found.transpose(1, 2).is_contiguous(), "the heads of a position lie side by side"
    expected = attend(query, key, value, bias)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2 * ROUNDING[dtype])


def test_a_translator_leaves_what_has_a_gradient_to_torch(monkeypatch):
    monkeypatch.setattr(native, "_enabled", None)
    assert native.enable_without_gradient()
    query, key, value = (heads(2, 5, 16, 2, torch.float32, seed) for seed in range(3))
    assert cpu_attention(query, key, value, None, 0.3).grad_fn.name() == "_CPUAttentionBackward"
    monkeypatch.delattr("mt.kernels.attention._CPUAttention")
    with torch.no_grad():
        found = cpu_attention(query, key, value, None, 0.3)
    torch.testing.assert_close(found, attend(query, key, value, None).float())


def test_shapes_that_do_not_fit_are_left_to_torch_which_refuses_them():
    query, key, value = (heads(2, 5, 16, 2, torch.float32, seed) for seed in range(3))
    assert _natively(query, key, value, None)
    assert not _natively(query, key[:1], value[:1], None)
    assert not _natively(query, key, value[:, :, :4], None)
    assert not _natively(query, key[..., :8], value[..., :8], None)


@pytest.mark.parametrize("keys", [1, 15, 16, 17])
def test_a_query_that_sees_nothing_attends_evenly_as_by_torch(keys):
    query, key, value = (heads(2, keys, 8, 2, torch.float32, seed).detach() for seed in range(3))
    lowest = torch.full((1, 1, 1, keys), torch.finfo(torch.float32).min / 2)
    expected = value.mean(dim=2, keepdim=True).expand_as(value)
    torch.testing.assert_close(cpu_attention(query, key, value, lowest, 0.3), expected)
    nothing = torch.full((1, 1, 1, keys), -math.inf)
    assert cpu_attention(query, key, value, nothing, 0.3).isnan().all()


@pytest.mark.parametrize("broadcast", ["keys", "turned"])
def test_a_bias_that_does_not_lie_in_rows_is_left_to_torch(broadcast):
    query, key, value = (heads(2, 5, 8, 2, torch.float32, seed) for seed in range(3))
    bias = torch.randn(2, 2, 5, 5, generator=torch.manual_seed(1))
    bias = bias.mT if broadcast == "turned" else bias[..., :1].expand(2, 2, 5, 5)
    found = cpu_attention(query, key, value, bias, 0.3)
    torch.testing.assert_close(found, attend(query, key, value, bias).float())


def test_slices_of_a_cache_and_expanded_gradients_are_read_where_they_lie():
    cache = torch.randn(3, 2, 9, 8, generator=torch.manual_seed(1)).requires_grad_()
    query = heads(3, 4, 8, 2, torch.float32, 2)
    found = cpu_attention(query, cache[:, :, :5], cache[:, :, 2:7], None, 0.3)
    expected = attend(query, cache[:, :, :5], cache[:, :, 2:7], None)
    for ours, exact in zip(
        (found, *torch.autograd.grad(found.sum(), (query, cache))),
        (expected, *torch.autograd.grad(expected.sum(), (query, cache))),
        strict=True,
    ):
        torch.testing.assert_close(ours, exact.float(), rtol=0, atol=1e-5)


def test_what_is_dropped_forward_is_dropped_backward():
    rate, keys = 0.3, 40
    query, key = (heads(2, keys, keys, 3, torch.float32, seed) for seed in (1, 2))
    # With the identity for values, the context is the weights.
    value = torch.eye(keys).expand(2, 3, keys, keys).requires_grad_()
    whole = cpu_attention(query, key, value, None, 0.3)
    torch.manual_seed(6)
    dropped = cpu_attention(query, key, value, None, 0.3, rate)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], whole[kept] / (1 - rate), rtol=1e-6, atol=0)
    assert_share(kept, 1 - rate)
    weights = torch.randn(dropped.shape, generator=torch.manual_seed(7))
    plain = ((0.3 * query @ key.mT).softmax(-1) * kept / (1 - rate)) @ value
    for ours, exact in zip(
        torch.autograd.grad(dropped, (query, key, value), weights),
        torch.autograd.grad(plain, (query, key, value), weights),
        strict=True,
    ):
        torch.testing.assert_close(ours, exact, rtol=1e-5, atol=1e-5)


def assert_share(drawn, share):
    """Hold a share of random draws to five standard deviations, seen once in a million runs."""
    deviation = math.sqrt(share * (1 - share) / drawn.numel())
    assert abs(drawn.double().mean() - share) < 5 * deviation


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
    assert_share(kept, 1 - rate)
    gradient = torch.randn(shape, generator=torch.manual_seed(3))
    of_states, of_added = torch.autograd.grad(total, (states, added), gradient)
    assert torch.equal(of_states, gradient)
    torch.testing.assert_close(
        of_added, (gradient * kept / (1 - rate)).to(dtype), rtol=2 * ROUNDING[dtype], atol=0
    )


@pytest.mark.parametrize("distance", [1, 2, 16, 33, 64, 1024, 4096])
def test_elements_are_dropped_independently_of_each_other(distance):
    kept = (add_dropped(torch.zeros(4096, 64), torch.ones(4096, 64), 0.5) != 0).flatten()
    assert_share(kept[distance:] == kept[:-distance], 0.5)


def test_draws_are_independent_even_where_they_count_through_the_same_numbers(monkeypatch):
    golden, shift = 0x9E3779B9, 1000  # what the counter goes up by in native.cpp
    kept = []
    for seed in (5 << 32 | 7, 6 << 32 | (7 + shift * golden) % 2**32, 5 << 33 | 7):
        monkeypatch.setattr(torch, "randint", lambda *_, seed=seed: torch.tensor(seed))
        kept.append((add_dropped(torch.zeros(4096, 64), torch.ones(4096, 64), 0.5) != 0).flatten())
    assert_share(kept[0][shift:] == kept[1][:-shift], 0.5)
    assert_share(kept[0] == kept[2], 0.5)


def test_the_state_of_torch_decides_what_is_dropped():
    states, added = torch.zeros(100, 64), torch.ones(100, 64)
    first, other = (add_dropped(states, added, 0.5) for _ in range(2))
    assert not torch.equal(first, other)
    torch.manual_seed(5)
    again = add_dropped(states, added, 0.5)
    torch.manual_seed(5)
    assert torch.equal(again, add_dropped(states, added, 0.5))


@pytest.fixture
def threads():
    """Let a test change how many threads there are."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_results_do_not_depend_on_the_number_of_threads(threads):
    found = []
    for count in (1, 2, 3):
        threads(count)
        torch.manual_seed(1)
        query, key, value = (heads(7, 9, 8, 3, torch.bfloat16, seed) for seed in range(3))
        context = cpu_attention(query, key, value, None, 0.3, 0.2)
        context.backward(torch.ones_like(context))
        total = add_dropped(torch.zeros(101, 32), torch.ones(101, 32), 0.3)
        output = torch.nn.Linear(8, 50)
        loss, _ = chunked_cross_entropy(total[:, :8], output, torch.arange(101) % 50, 0.1)
        loss.backward()
        gradients = [query.grad, key.grad, value.grad, output.weight.grad]
        found.append([context, total, loss, *gradients])
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
    states, weight = torch.full((3, 8), math.inf), torch.nn.Linear(8, 20)
    loss, _ = chunked_cross_entropy(states, weight, torch.arange(3), 0.1)
    loss.backward()
    assert not loss.isfinite()
    assert not weight.weight.grad.isfinite().all()


def test_targets_may_lie_apart():
    states, output = torch.randn(6, 8, generator=torch.manual_seed(1)), torch.nn.Linear(8, 20)
    targets = torch.arange(12)[::2]
    found = []
    for chosen in (targets, targets.contiguous()):
        loss, _ = chunked_cross_entropy(states, output, chosen, 0.1)
        found.append(torch.autograd.grad(loss, output.weight)[0])
    assert torch.equal(*found)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs a processor of x86-64")
@pytest.mark.parametrize(
    ("processor", "flag"),
    [("x86-64", "sse2"), ("haswell", "avx2"), ("skylake-avx512", "avx512f")],
)
def test_compiled_for_others_kernels_compute_what_torch_does(monkeypatch, request, processor, flag):
    if flag not in processor_flags():
        pytest.skip(f"needs a processor with {flag}")
    command = [f"-march={processor}" if "-march" in word else word for word in compiler._COMPILE]
    query, key, value = (heads(3, 17, 32, 2, torch.float32, seed) for seed in range(3))
    states = torch.randn(13, 40, generator=torch.Generator().manual_seed(4))
    weight = torch.randn(70, 40, generator=torch.Generator().manual_seed(5))
    logits = torch.randn(5, 999, generator=torch.Generator().manual_seed(6))
    output, targets = torch.nn.Linear(8, 43), torch.arange(9)
    both = torch.randn(2, 9, 8, generator=torch.Generator().manual_seed(7)).requires_grad_()

    def compute():
        context = cpu_attention(query, key, value, None, 0.3)
        gradients = torch.autograd.grad(context.square().sum(), (query, key, value))
        with torch.no_grad():
            step = cpu_attention(query[:, :, :1], key, value, None, 0.3)
            product = linear(states, weight, None, in_panels(weight))
        halves = [each.bfloat16() for each in (query, key, value)]
        halved = cpu_attention(*halves, None, 0.3)
        of_halves = torch.autograd.grad(halved.float().square().sum(), halves)
        loss, _ = chunked_consistency(both, output, targets, 0.1, LossWeights(0.5, 0.5, 1, 1))
        compared = [loss, *torch.autograd.grad(loss, (both, *output.parameters()))]
        found = [context, *gradients, step, product, *top_k(logits, 10), halved, *of_halves]
        return [*found, *compared]

    monkeypatch.setattr(native, "_enabled", None)
    expected = compute()
    monkeypatch.setattr(compiler, "_COMPILE", tuple(command))
    load_native.cache_clear()
    request.addfinalizer(load_native.cache_clear)
    monkeypatch.setattr(native, "_enabled", native._load())
    assert native._enabled is not None
    for found, wanted in zip(compute(), expected, strict=True):
        rounding = 10 * ROUNDING.get(found.dtype, 0)  # sums of up to 40 numbers; indices are equal
        torch.testing.assert_close(found, wanted, atol=rounding, rtol=rounding)
