"""Cross-entropy in chunks is torch's cross-entropy at once, gradients included."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.profiler import ProfilerActivity, profile

from mt.kernels import native
from mt.kernels.cross_entropy import CHUNK, SoftTargets, chunked_cross_entropy

pytestmark = pytest.mark.usefixtures("each_way", "without_pairs")

DIM, VOCABULARY = 8, 37


def problem(tokens, bias=True, vocabulary=VOCABULARY, scale=1.0):
    torch.manual_seed(tokens)
    output = nn.Linear(DIM, vocabulary, bias=bias)
    with torch.no_grad():
        output.weight.mul_(scale)
    states = torch.randn(tokens, DIM, requires_grad=True)
    return states, output, torch.randint(0, vocabulary, (tokens,))


def reference(states, output, targets, smoothing):
    """Compute torch's loss and its gradients in float64."""
    states = states.detach().double().requires_grad_()
    weight = output.weight.detach().double().requires_grad_()
    inputs = [states, weight]
    if output.bias is not None:
        inputs.append(output.bias.detach().double().requires_grad_())
    logits = F.linear(states, weight, *inputs[2:])
    loss = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    plain = F.cross_entropy(logits, targets, reduction="sum")
    return loss.detach(), plain.detach(), torch.autograd.grad(loss, inputs)


def ours(states, output, targets, smoothing):
    smoothed, plain = chunked_cross_entropy(states, output, targets, smoothing)
    return smoothed, plain, torch.autograd.grad(smoothed, [states, *output.parameters()])


def check(given, smoothing, rtol=1e-5, atol=1e-5):
    # Float32 sums of up to a thousand tokens, summed in float64: each token rounds to 1e-7 of it.
    smoothed, plain, gradients = ours(*given, smoothing)
    expected, expected_plain, expected_gradients = reference(*given, smoothing)
    torch.testing.assert_close(smoothed.double(), expected, rtol=rtol, atol=atol)
    torch.testing.assert_close(plain.double(), expected_plain, rtol=rtol, atol=atol)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=10 * rtol, atol=10 * atol)


@pytest.mark.parametrize("tokens", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_torch_at_the_borders_of_chunks(tokens, smoothing):
    check(problem(tokens), smoothing)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_equals_torch_with_and_without_bias(bias, smoothing):
    check(problem(60, bias), smoothing)


@pytest.mark.parametrize("scale", [30, 100, 300, 3000])
@pytest.mark.parametrize("bias", [True, False])
def test_probabilities_too_small_for_float32_are_still_exact(scale, bias):
    # Logits in the thousands are rounded by 1e-4 before the loss sees them, the largest by 1e-3.
    given = problem(200, bias, scale=scale)
    check(given, 0.1, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("gap", [80.0, 87.0, 88.0, 95.0, 101.0, 103.0, 104.0, 200.0])
def test_a_single_unlikely_token_costs_its_gap(gap):
    output = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        output.weight.copy_(torch.tensor([[0.0], [gap]]))
    states = torch.ones(1, 1, requires_grad=True)
    _, plain = chunked_cross_entropy(states, output, torch.tensor([0]), 0.0)
    # -log(softmax) of the lower of two logits is log(1 + exp(gap)), which is the gap.
    assert plain.item() == pytest.approx(gap, rel=1e-6)


def test_the_gradient_scales_with_what_follows():
    states, output, targets = problem(20)
    parameters = [states, *output.parameters()]
    once = torch.autograd.grad(chunked_cross_entropy(states, output, targets, 0.1)[0], parameters)
    third = torch.autograd.grad(
        chunked_cross_entropy(states, output, targets, 0.1)[0] / 4, parameters
    )
    for whole, part in zip(once, third, strict=True):
        assert torch.equal(whole / 4, part)  # a power of two is exact


def test_the_plain_loss_has_no_gradient():
    smoothed, plain = chunked_cross_entropy(*problem(5), 0.1)
    assert smoothed.requires_grad
    assert not plain.requires_grad
    assert plain.dtype == smoothed.dtype == torch.float32


def test_no_tokens_cost_nothing():
    states, output, targets = problem(0)
    smoothed, plain, gradients = ours(states, output, targets, 0.1)
    assert smoothed.item() == plain.item() == 0
    assert not any(gradient.any() for gradient in gradients)


def test_without_gradients_the_value_is_the_same():
    given = problem(CHUNK + 3)
    with torch.no_grad():
        without = chunked_cross_entropy(*given, 0.1)
    with torch.inference_mode():
        inferred = chunked_cross_entropy(*given, 0.1)
    recorded = chunked_cross_entropy(*given, 0.1)
    for one, other, third in zip(recorded, without, inferred, strict=True):
        # A kernel rounds the logarithm of a normaliser otherwise than torch, by 1e-7 of it.
        assert one.item() == pytest.approx(other.item(), rel=1e-6 if native._enabled else 0)
        assert other.item() == third.item()


def test_without_gradients_logits_are_the_only_product(monkeypatch):
    calls, product = [], torch.mm

    def counted(*given, **named):
        calls.append(given)
        return product(*given, **named)

    monkeypatch.setattr(torch, "mm", counted)
    given = problem(2 * CHUNK)
    with torch.no_grad():
        chunked_cross_entropy(*given, 0.1)
    assert len(calls) == 2
    smoothed, _ = chunked_cross_entropy(*given, 0.1)
    assert smoothed.requires_grad
    assert len(calls) == 2 + 2 * 3  # and two for the gradients


@pytest.mark.parametrize("bias", [True, False])
def test_bf16_products_are_those_of_autocast(bias):
    states, output, targets = problem(300, bias)
    with torch.autocast("cpu", torch.bfloat16):
        smoothed, plain, gradients = ours(states, output, targets, 0.1)
        logits = output(states)
        loss = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=0.1)
    expected = torch.autograd.grad(loss, [states, *output.parameters()])
    # bf16 has 8 bits: a logit near 1 is off by 2^-9, at random, and 300 of them make the sum; what
    # is summed of them is about 300 * log(37). A gradient is a product of two numbers rounded so.
    torch.testing.assert_close(smoothed, loss, rtol=1e-3, atol=0)
    assert smoothed.dtype == plain.dtype == torch.float32
    for found, wanted in zip(gradients, expected, strict=True):
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < 2**-7 * wanted.norm()


def test_without_gradients_half_precision_rounds_the_logits_alone():
    states, output, targets = problem(40, bias=False, scale=4.0)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        _, plain = chunked_cross_entropy(states, output, targets, 0.1)
        logits = output(states)
    assert logits.dtype == torch.bfloat16
    expected = F.cross_entropy(logits.double(), targets, reduction="sum")
    torch.testing.assert_close(plain.double(), expected, rtol=1e-6, atol=1e-5)


def test_a_sharp_right_answer_costs_little_and_a_sharp_wrong_one_its_margin():
    output = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        output.weight.copy_(torch.eye(3) * 50)
    states = torch.eye(3, requires_grad=True)
    for shift, expected in ((0, 0.0), (1, 150.0)):
        targets = torch.arange(3).roll(shift)
        smoothed, plain = chunked_cross_entropy(states, output, targets, 0.0)
        assert plain.item() == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert smoothed.item() == plain.item()
    even, _ = chunked_cross_entropy(states, output, torch.arange(3), 0.3)
    # A third of 0.3 goes to each token; the two wrong ones cost 50 each, in three rows.
    assert even.item() == pytest.approx(3 * 0.2 * 50, rel=1e-6)


def test_float64_stays_float64():
    states, output, targets = problem(CHUNK + 5)
    states, output = states.detach().double().requires_grad_(), output.double()
    assert ours(states, output, targets, 0.1)[0].dtype == torch.float64
    # Nothing is rounded to float32 on the way: sums of about 500 terms.
    check((states, output, targets), 0.1, rtol=1e-12, atol=1e-12)


def test_no_matrix_of_logits_in_half_precision_is_copied():
    states, output, targets = problem(CHUNK + 7, vocabulary=500)
    with (
        profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled,
        torch.autocast("cpu"),
    ):
        ours(states, output, targets, 0.1)
    copied = [event.input_shapes[0] for event in profiled.events() if event.name == "aten::copy_"]
    assert copied  # the profiler sees copies, such as that of the gradient of the weights
    assert not [shape for shape in copied if len(shape) == 2 and shape[1] == 500], copied


def others(tokens):
    """Two models of other widths, one of them without a bias."""
    generator = torch.Generator().manual_seed(tokens)
    wide, narrow = nn.Linear(12, VOCABULARY), nn.Linear(6, VOCABULARY, bias=False)
    outputs = [each.requires_grad_(False) for each in (wide, narrow)]
    states = [3 * torch.randn(tokens, each.in_features, generator=generator) for each in outputs]
    return SoftTargets(states, outputs, 0.7)


def mixed(soft, targets, smoothing):
    """Compute the target distributions, in float64."""
    predicted = [
        F.linear(*(each.double() for each in (states, *output.parameters()))).softmax(dim=1)
        for states, output in zip(soft.states, soft.outputs, strict=True)
    ]
    hard = F.one_hot(targets, VOCABULARY) * (1 - smoothing) + smoothing / VOCABULARY
    return soft.share * sum(predicted) / len(predicted) + (1 - soft.share) * hard


@pytest.mark.parametrize("tokens", [0, 1, CHUNK - 1, CHUNK + 1])
@pytest.mark.parametrize("bias", [True, False])
def test_soft_targets_are_a_part_of_the_target_distribution(tokens, bias):
    states, output, targets = problem(tokens, bias)
    soft = others(tokens)
    loss, plain = chunked_cross_entropy(states, output, targets, 0.1, soft)
    exact = [each.detach().double().requires_grad_() for each in (states, *output.parameters())]
    log_probabilities = F.linear(*exact).log_softmax(dim=1)
    wanted = -(mixed(soft, targets, 0.1) * log_probabilities).sum()
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-5, atol=1e-5)
    wanted_plain = -log_probabilities.gather(1, targets[:, None]).sum()
    torch.testing.assert_close(plain.double(), wanted_plain, rtol=1e-5, atol=1e-5)
    found = torch.autograd.grad(loss, [states, *output.parameters()])
    for each, gradient in zip(found, torch.autograd.grad(wanted, exact), strict=True):
        torch.testing.assert_close(each.double(), gradient, rtol=1e-4, atol=1e-4)


def test_soft_targets_in_half_precision_are_near_those_of_float32():
    states, output, targets = problem(300)
    soft, found = others(300), []
    for enabled in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss, _ = chunked_cross_entropy(states, output, targets, 0.1, soft)
        found.append([loss, *torch.autograd.grad(loss, [states, *output.parameters()])])
    for half, whole in zip(*found, strict=True):
        assert half.dtype == torch.float32
        assert (half - whole).norm() < 2**-6 * whole.norm()


def test_without_gradient_soft_targets_count_too():
    states, output, targets = problem(20)
    soft = others(20)
    learnt = chunked_cross_entropy(states, output, targets, 0.1, soft)
    with torch.no_grad():
        told = chunked_cross_entropy(states, output, targets, 0.1, soft)
    assert all(torch.equal(*pair) for pair in zip(learnt, told, strict=True))


@pytest.mark.parametrize(("tokens", "words"), [(19, VOCABULARY), (21, VOCABULARY), (20, 36)])
def test_soft_targets_of_other_tokens_or_words_are_refused(tokens, words):
    states, output, targets = problem(20)
    soft = SoftTargets([torch.randn(tokens, 8)], [nn.Linear(8, words)], 0.5)
    with pytest.raises(ValueError, match="soft targets"):
        chunked_cross_entropy(states, output, targets, 0.1, soft)
