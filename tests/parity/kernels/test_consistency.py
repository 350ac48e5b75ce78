"""Two passes compared in chunks are two passes compared at once, gradients included."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from mt.kernels.consistency import LossWeights, chunked_consistency
from mt.kernels.cross_entropy import CHUNK

pytestmark = pytest.mark.usefixtures("each_way", "without_pairs")

DIM, VOCABULARY = 8, 37
WEIGHTS = LossWeights(0.7, 0.2, 1.5, 0.4)


def problem(tokens, bias=True, scale=1.0):
    torch.manual_seed(tokens)
    output = nn.Linear(DIM, VOCABULARY, bias=bias)
    with torch.no_grad():
        output.weight.mul_(scale)
    states = torch.randn(2, tokens, DIM, requires_grad=True)
    return states, output, torch.randint(0, VOCABULARY, (tokens,))


def reference(states, output, targets, smoothing, weights):
    """Compute the loss with all logits in memory."""
    log_p, log_q = output(states).log_softmax(dim=-1)

    def entropies(smoothing):
        p, q = (
            F.cross_entropy(each, targets, reduction="sum", label_smoothing=smoothing)
            for each in (log_p, log_q)
        )
        return weights.first * p + weights.second * q

    def divergence(log_p, log_q):
        return F.kl_div(log_q, log_p, reduction="sum", log_target=True)

    divergences = weights.forward * divergence(log_p, log_q)
    divergences += weights.reverse * divergence(log_q, log_p)
    return entropies(smoothing) + divergences, entropies(0.0)


def check(given, smoothing, weights, tolerance):
    states, output, targets = given
    exact = states.detach().double().requires_grad_(), nn.Linear(DIM, VOCABULARY).double()
    exact[1].bias = None if output.bias is None else exact[1].bias
    exact[1].load_state_dict(output.state_dict())
    for found, wanted in zip(
        with_gradients(chunked_consistency, states, output, targets, smoothing, weights),
        with_gradients(reference, *exact, targets, smoothing, weights),
        strict=True,
    ):
        torch.testing.assert_close(found.double(), wanted, rtol=tolerance, atol=tolerance)


def with_gradients(compute, states, output, *more):
    loss, plain = compute(states, output, *more)
    return [loss, plain, *torch.autograd.grad(loss, [states, *output.parameters()])]


@pytest.mark.parametrize("tokens", [0, 1, CHUNK // 2 - 1, CHUNK // 2, CHUNK // 2 + 1, CHUNK + 7])
def test_equals_torch_at_the_borders_of_chunks(tokens):
    check(problem(tokens), 0.1, WEIGHTS, 1e-4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_equals_torch_in_each_part(bias, part, smoothing):
    weights = LossWeights(*(float(number == part) for number in range(4)))
    check(problem(20, bias), smoothing, weights, 1e-5)


def test_far_logits_have_finite_divergences():
    # Logits of about a hundred: most probabilities are zero in float32, their logarithms are not.
    check(problem(50, scale=100.0), 0.1, WEIGHTS, 1e-2)


def test_float64_stays_float64():
    states, output, targets = problem(30)
    given = states.detach().double().requires_grad_(), output.double(), targets
    check(given, 0.1, WEIGHTS, 1e-12)


def test_the_gradient_scales_with_what_follows():
    states, output, targets = problem(20)
    once, quarter = (
        torch.autograd.grad(
            chunked_consistency(states, output, targets, 0.1, WEIGHTS)[0] / scale,
            [states, *output.parameters()],
        )
        for scale in (1, 4)
    )
    for whole, part in zip(once, quarter, strict=True):
        assert torch.equal(whole / 4, part)  # a power of two is exact


def test_bf16_products_are_those_of_autocast():
    states, output, targets = problem(300)
    with torch.autocast("cpu", torch.bfloat16):
        ours = with_gradients(chunked_consistency, states, output, targets, 0.1, WEIGHTS)
        theirs = with_gradients(reference, states, output, targets, 0.1, WEIGHTS)
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-3, atol=0)
    for found, wanted in zip(ours[2:], theirs[2:], strict=True):
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < 2**-6 * wanted.norm()


def test_large_biases_hide_no_small_divergence():
    torch.manual_seed(3)
    output, first = nn.Linear(32, 500), torch.randn(60, 32)
    nn.init.normal_(output.bias, std=3.0)
    states = torch.stack([first, first + 0.1 * torch.randn(60, 32)])
    given = states, output, torch.arange(60), 0.0, LossWeights(0, 0, 1, 1)
    exact = chunked_consistency(*given)[0]
    with torch.autocast("cpu", torch.bfloat16):
        found = chunked_consistency(*given)[0]
    # Rounded products are off by 2^-8; were logits rounded with their biases, this would be by 7 %.
    torch.testing.assert_close(found, exact, rtol=0.02, atol=0)
