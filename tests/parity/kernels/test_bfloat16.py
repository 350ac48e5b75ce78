"""Layers by pairs of bfloat16 numbers are those of the rounded numbers in float64."""

import math
import operator

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from mt.kernels import consistency, cross_entropy, native
from mt.kernels.consistency import LossWeights, chunked_consistency
from mt.kernels.cross_entropy import SoftTargets, chunked_cross_entropy
from mt.kernels.linear import feed_forward, linear
from mt.processor import processor_flags

# A bfloat16 is off by up to 2^-8 of the number, a sum of up to a thousand products by 1e-5.
HALF, SUM = 2**-8, 1e-5


@pytest.fixture(autouse=True)
def _pairs(compiled, monkeypatch):
    if "avx512_bf16" not in processor_flags():
        pytest.skip("needs a processor with AVX512-BF16")
    # With matrix tiles it would be left to torch, which is faster there.
    monkeypatch.setattr(native, "_multiplies_pairs", lambda: True)


def draw(*shape, seed=1, dtype=torch.float32):
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to(dtype).requires_grad_()


def rounded(tensor):
    """Return what is multiplied, in float64, with a gradient of its own."""
    return None if tensor is None else tensor.detach().bfloat16().double().requires_grad_()


def assert_near(found, exact, off):
    assert found.shape == exact.shape
    scale = max(1.0, exact.abs().amax().item()) if exact.numel() else 1.0
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=off * scale)


# Below, at and above eight rows, a panel of columns, and what is taken or added up at once.
SIZES = [
    (0, 4, 6), (1, 2, 2), (7, 34, 50), (8, 32, 64), (65, 30, 96), (512, 66, 34), (1031, 96, 70),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SIZES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_layer_and_its_gradients(rows, inputs, outputs, dtype, with_bias):
    states, weight = draw(rows, 1, inputs, dtype=dtype), draw(outputs, inputs, seed=2)
    bias = draw(outputs, seed=3) if with_bias else None
    with torch.autocast("cpu", torch.bfloat16):
        product = linear(states, weight, bias)
    assert product.grad_fn.name() == "_NativeLinearBackward"
    assert product.dtype == torch.bfloat16
    given = [states, weight, *([bias] if with_bias else [])]
    exact_given = [rounded(states), rounded(weight)]
    exact_given += [bias.detach().double().requires_grad_()] if with_bias else []
    exact = F.linear(*exact_given)
    assert_near(product, exact, HALF)
    errors = draw(rows, 1, outputs, seed=4).detach().bfloat16()
    found = torch.autograd.grad(product, given, errors)
    wanted = torch.autograd.grad(exact, exact_given, errors.double())
    for ours, theirs, of in zip(found, wanted, given, strict=True):
        assert ours.dtype == of.dtype
        assert_near(ours, theirs, HALF if of.dtype == torch.bfloat16 else SUM)


@pytest.mark.parametrize("frozen", [0, 1, 2, (0, 1), (1, 2)], ids=str)
def test_what_is_frozen_gets_no_gradient_and_the_rest_its_own(frozen):
    given = [draw(40, 34), draw(50, 34, seed=2), draw(50, seed=3)]
    with torch.autocast("cpu", torch.bfloat16):
        linear(*given).float().square().sum().backward()
    whole = [each.grad for each in given]
    for number, each in enumerate(given):
        chosen = number == frozen if isinstance(frozen, int) else number in frozen
        each.grad = None
        each.requires_grad_(not chosen)
    with torch.autocast("cpu", torch.bfloat16):
        linear(*given).float().square().sum().backward()
    for each, gradient in zip(given, whole, strict=True):
        if each.requires_grad:
            torch.testing.assert_close(each.grad, gradient, rtol=SUM, atol=SUM)
        else:
            assert each.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("frozen", [(), (0,), (1, 2), (3, 4), (0, 1, 2), (0, 2, 4)], ids=str)
def test_relu_between_two_layers_is_that_of_torch(frozen, dtype):
    given = [draw(1031, 34, dtype=dtype), draw(70, 34, seed=2), draw(70, seed=3)]
    given += [draw(46, 70, seed=4), draw(46, seed=5)]
    for number in frozen:
        given[number].requires_grad_(False)
    learnt = [each for each in given if each.requires_grad]
    errors = draw(1031, 46, seed=6).detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        states, weight, bias, *second = given
        ours = feed_forward(*given)
        apart = linear(F.relu(linear(states, weight, bias)), *second)
    assert ours.grad_fn.name() == "_NativeFeedForwardBackward"
    found, wanted = (torch.autograd.grad(each, learnt, errors) for each in (ours, apart))
    for pair in zip((ours, *found), (apart, *wanted), strict=True):
        assert torch.equal(*pair)


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_relu_without_biases_keeps_what_is_no_number(rows):
    states, weight, other = draw(rows, 34), draw(70, 34, seed=2), draw(46, 70, seed=3)
    with torch.no_grad():
        states[:1, 0] = math.nan
    with torch.autocast("cpu", torch.bfloat16):
        found = feed_forward(states, weight, None, other, None)
        apart = linear(F.relu(linear(states, weight, None)), other, None)
    assert torch.equal(found.isnan(), apart.isnan())
    assert torch.equal(found[1:], apart[1:])


def test_relu_of_minus_zero_has_no_gradient():
    states, weight, bias = torch.zeros(3, 4).requires_grad_(), draw(8, 4), torch.full((8,), -0.0)
    with torch.autocast("cpu", torch.bfloat16):
        feed_forward(states, weight, bias, draw(2, 8), None).sum().backward()
    assert not states.grad.any()


def test_states_that_are_one_vector():
    states, weight, bias = draw(34), draw(50, 34, seed=2).detach(), draw(50, seed=3)
    with torch.autocast("cpu", torch.bfloat16):
        linear(states, weight, bias).sum().backward()
    assert_near(states.grad, rounded(weight).sum(dim=0), SUM)
    assert torch.equal(bias.grad, torch.ones(50))


@pytest.mark.parametrize("bias", [draw(50).double(), draw(100)[::2]], ids=["float64", "apart"])
def test_biases_of_another_kind_are_left_to_torch(bias):
    with torch.autocast("cpu", torch.bfloat16):
        product = linear(draw(5, 34), draw(50, 34), bias)
    assert product.grad_fn.name() == "_FewHeightsBackward"


def test_sizes_that_do_not_fit_are_left_to_torch_which_refuses_them():
    first, second = (draw(32, 64), None), (draw(16, 32), draw(16))
    with torch.autocast("cpu", torch.bfloat16):
        assert native.layer_library(draw(10, 64), first, second)
        assert not native.layer_library(draw(10, 62), first, second)
        assert not native.layer_library(draw(10, 64), second, first)
        assert not native.layer_library(draw(10, 64), (first[0], draw(16)))


def test_blocks_of_a_weight_and_what_does_not_lie_in_rows():
    weight, states = draw(96, 34), draw(40, 9, 34, seed=2)
    with torch.autocast("cpu", torch.bfloat16):
        product = linear(states.transpose(0, 1)[::2], weight[32:64], None)
    product.sum().backward()  # whose gradient is one number for all
    assert_near(product, rounded(states).transpose(0, 1)[::2] @ rounded(weight)[32:64].T, HALF)
    every_second = rounded(states)[:, ::2].sum(dim=(0, 1)).expand(32, 34)
    assert_near(weight.grad[32:64], every_second, SUM)
    assert not weight.grad[:32].any()
    assert not weight.grad[64:].any()


@pytest.mark.parametrize("sizes", [(33, 50), (34, 49)], ids=str)
def test_odd_sizes_are_left_to_torch(sizes):
    inputs, outputs = sizes
    with torch.autocast("cpu", torch.bfloat16):
        product = linear(draw(5, inputs), draw(outputs, inputs), None)
    assert product.grad_fn.name() == "_FewHeightsBackward"


def problem(tokens, dim, vocabulary, bias, monkeypatch):
    """Draw states, a layer and targets, of which torch's products must compute nothing."""
    monkeypatch.delattr(cross_entropy, "_in_chunks")
    output = nn.Linear(dim, vocabulary, bias=bias)
    with torch.no_grad():
        for seed, each in enumerate(output.parameters()):
            each.copy_(draw(*each.shape, seed=seed + 2))
    return draw(tokens, dim), output, torch.arange(tokens) * 7 % vocabulary


def ours(states, output, targets, smoothing):
    with torch.autocast("cpu", torch.bfloat16):
        return chunked_cross_entropy(states, output, targets, smoothing)


@pytest.mark.parametrize("tokens", [0, 1, 16, 17, 513, 1030])
@pytest.mark.parametrize(("dim", "vocabulary"), [(2, 2), (34, 50), (32, 320), (8, 1002)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_cross_entropy_and_its_gradients(tokens, dim, vocabulary, bias, monkeypatch):
    states, output, targets = problem(tokens, dim, vocabulary, bias, monkeypatch)
    smoothed, plain = ours(states, output, targets, 0.1)
    exact_given = [rounded(states), rounded(output.weight)]
    exact_given += [output.bias.detach().double().requires_grad_()] if bias else []
    logits = F.linear(*exact_given)
    exact = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=0.1)
    # The mean logit, which smoothing needs, is of numbers that are not rounded.
    torch.testing.assert_close(smoothed.double(), exact, rtol=HALF / 10, atol=0.1)
    exact_plain = F.cross_entropy(logits, targets, reduction="sum")
    torch.testing.assert_close(plain.double(), exact_plain, rtol=SUM, atol=SUM)
    found = torch.autograd.grad(smoothed, [states, *output.parameters()])
    for each, wanted in zip(found, torch.autograd.grad(exact, exact_given), strict=True):
        assert each.dtype == torch.float32
        # What is summed of them is rounded, up or down at random, before terms cancel each other.
        assert (each - wanted).norm() <= HALF * max(wanted.norm(), tokens**0.5 / 2)


@pytest.mark.parametrize("gap", [1.0, 87.0, 104.0, 1024.0])
@pytest.mark.parametrize("vocabulary", [2, 34])
def test_an_unlikely_token_costs_its_gap(gap, vocabulary):
    output = nn.Linear(2, vocabulary, bias=False)
    nn.init.constant_(output.weight, -1e4)
    with torch.no_grad():
        output.weight[:2] = torch.tensor([[0.0, 0.0], [gap, 0.0]])
    states = torch.tensor([[1.0, 0.0]]).requires_grad_()
    _, plain = ours(states, output, torch.tensor([0]), 0.0)
    assert plain.item() == pytest.approx(math.log1p(math.exp(-gap)) + gap, rel=1e-5)


def test_soft_targets_are_left_to_torchs_products(monkeypatch):
    output, states = nn.Linear(34, 50), draw(40, 34)
    soft = SoftTargets([draw(40, 34, seed=8).detach()], [nn.Linear(34, 50)], 0.7)
    found = []
    for here in (True, False):
        monkeypatch.setattr(native, "_multiplies_pairs", lambda here=here: here)
        with torch.autocast("cpu", torch.bfloat16):
            loss, plain = chunked_cross_entropy(states, output, torch.arange(40), 0.1, soft)
        found.append([loss, plain, *torch.autograd.grad(loss, [states, *output.parameters()])])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def passes(tokens, dim, vocabulary, bias, monkeypatch):
    """Draw the states of two passes, that are alike as far as those of dropout are."""
    states, output, targets = problem(tokens, dim, vocabulary, bias, monkeypatch)
    monkeypatch.delattr(consistency, "_in_chunks")
    again = states + 0.5 * draw(tokens, dim, seed=7)
    return torch.stack([states, again]).detach().requires_grad_(), output, targets


def compared(states, output, targets, smoothing, weights):
    with torch.autocast("cpu", torch.bfloat16):
        return chunked_consistency(states, output, targets, smoothing, weights)


ALL_OF_IT = LossWeights(0.7, 0.2, 1.5, 0.4)


@pytest.mark.parametrize("tokens", [0, 1, 8, 9, 257, 515])
@pytest.mark.parametrize(("dim", "vocabulary"), [(2, 2), (34, 50), (8, 1002)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_two_passes_and_their_gradients(tokens, dim, vocabulary, bias, monkeypatch):
    given = passes(tokens, dim, vocabulary, bias, monkeypatch)
    assert_consistent(*given, 0.1, ALL_OF_IT)


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_each_part_of_what_compares_two_passes(part, smoothing, monkeypatch):
    weights = LossWeights(*(float(number == part) for number in range(4)))
    assert_consistent(*passes(40, 34, 50, True, monkeypatch), smoothing, weights)


def assert_consistent(states, output, targets, smoothing, weights):
    loss, plain = compared(states, output, targets, smoothing, weights)
    exact_given = [rounded(states), rounded(output.weight)]
    exact_given += [] if output.bias is None else [output.bias.detach().double().requires_grad_()]
    log_p, log_q = F.linear(*exact_given).log_softmax(dim=-1)

    def entropies(smoothing):
        options = {"reduction": "sum", "label_smoothing": smoothing}
        both = (F.cross_entropy(each, targets, **options) for each in (log_p, log_q))
        return sum(map(operator.mul, weights[:2], both))

    forward = F.kl_div(log_q, log_p, reduction="sum", log_target=True)
    reverse = F.kl_div(log_p, log_q, reduction="sum", log_target=True)
    exact = entropies(smoothing) + weights.forward * forward + weights.reverse * reverse
    # The mean logit, which smoothing needs, is of numbers that are not rounded.
    torch.testing.assert_close(loss.double(), exact, rtol=HALF / 10, atol=0.1)
    torch.testing.assert_close(plain.double(), entropies(0.0), rtol=SUM, atol=SUM)
    found = torch.autograd.grad(loss, [states, *output.parameters()])
    for each, wanted in zip(found, torch.autograd.grad(exact, exact_given), strict=True):
        assert each.dtype == torch.float32
        assert (each - wanted).norm() <= HALF * max(wanted.norm(), targets.numel() ** 0.5 / 2)


def test_of_two_passes_what_is_frozen_gets_no_gradient(monkeypatch):
    states, output, targets = passes(40, 34, 50, True, monkeypatch)
    compared(states, output, targets, 0.1, ALL_OF_IT)[0].backward()
    gradients = states.grad.clone(), output.bias.grad.clone()
    states.grad = output.bias.grad = output.weight.grad = None
    output.weight.requires_grad_(False)
    compared(states, output, targets, 0.1, ALL_OF_IT)[0].backward()
    assert output.weight.grad is None
    assert torch.equal(states.grad, gradients[0])
    assert torch.equal(output.bias.grad, gradients[1])


@pytest.mark.parametrize("gap", [1.0, 87.0, 104.0, 1024.0])
def test_passes_far_apart_differ_by_their_gap(gap):
    # Of two tokens p prefers the first by `gap`, and q neither. If p gives r to the second,
    # KL(q || p) = log(1 / 2) - (log(1 - r) + log(r)) / 2.
    output = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        output.weight.copy_(torch.tensor([[gap, 0.0], [0.0, 0.0]]))
    states = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]]).requires_grad_()
    loss, _ = compared(states, output, torch.tensor([0]), 0.0, LossWeights(0, 0, 0, 1))
    log_r = -gap - math.log1p(math.exp(-gap))
    exact = math.log(0.5) - (math.log1p(-math.exp(log_r)) + log_r) / 2
    assert loss.item() == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("target", [-1, 50, -100])
def test_targets_that_are_no_tokens_are_refused(target, monkeypatch):
    states, output, targets = problem(20, 34, 50, True, monkeypatch)
    targets[7] = target
    with pytest.raises(IndexError, match="from 0 to 49"):
        ours(states, output, targets, 0.1)
    with pytest.raises(IndexError, match="from 0 to 49"):
        compared(torch.stack([states, states]), output, targets, 0.1, ALL_OF_IT)


def test_frozen_outputs_get_no_gradient(monkeypatch):
    states, output, targets = problem(40, 34, 50, True, monkeypatch)
    ours(states, output, targets, 0.1)[0].backward()
    gradients = states.grad.clone(), output.bias.grad.clone()
    states.grad = output.bias.grad = output.weight.grad = None
    output.weight.requires_grad_(False)
    ours(states, output, targets, 0.1)[0].backward()
    assert output.weight.grad is None
    assert torch.equal(states.grad, gradients[0])
    assert torch.equal(output.bias.grad, gradients[1])


def test_numbers_that_are_not_finite_stay_so(monkeypatch):
    states, output, targets = problem(20, 34, 50, False, monkeypatch)
    with torch.no_grad():
        states[3, 4] = math.inf
    loss, _ = ours(states, output, targets, 0.1)
    loss.backward()
    assert not loss.isfinite()
    assert not output.weight.grad.isfinite().all()


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    states, output, targets = problem(700, 34, 130, True, monkeypatch)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            hidden = draw(34, 34, seed=9)
            with torch.autocast("cpu", torch.bfloat16):
                layer = linear(states, hidden, None)
            loss, plain = ours(layer, output, targets, 0.1)
            other, _ = compared(torch.stack([layer, -layer]), output, targets, 0.1, ALL_OF_IT)
            gradients = torch.autograd.grad(loss + other, [states, hidden, *output.parameters()])
            found.append([layer, loss, plain, other, *gradients])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(*pair) for pair in zip(found[0], other, strict=True))
