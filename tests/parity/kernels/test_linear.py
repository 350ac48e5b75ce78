"""Our linear layer is torch's, in float32 and under autocast, whatever its height."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mt.kernels.linear import ROWS, linear, pad_rows
from mt.model.layers import Linear


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=torch.manual_seed(seed)).requires_grad_()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, ROWS // 2), (ROWS, 3), (ROWS + 1, 1), (7,)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_under_autocast_results_and_gradients_are_those_of_autocast(shape, with_bias):
    states, weight = draw(*shape, 8), draw(6, 8, seed=2)
    bias = draw(6, seed=3) if with_bias else None
    given = [states, weight, *([bias] if with_bias else [])]
    found = []
    for multiply in (linear, F.linear):
        with torch.autocast("cpu", torch.bfloat16):
            product = multiply(states, weight, bias)
        assert product.dtype == torch.bfloat16
        loss = (product.float() * draw(*shape, 6, seed=4).detach()).sum()
        found.append([product, *torch.autograd.grad(loss, given)])
    for ours, theirs in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        # bf16 rounds by 2^-9; sums of up to a thousand terms near 1 are rounded once at their end,
        # in another order before that.
        torch.testing.assert_close(
            ours.float(), theirs.float(), rtol=2e-2, atol=2e-2 * max(1, len(states)) ** 0.5
        )


def test_without_autocast_it_is_the_layer_of_torch():
    layer = Linear(8, 6)
    states = draw(3, 5, 8)
    assert torch.equal(layer(states), F.linear(states, layer.weight, layer.bias))


def test_heights_are_few():
    for rows in (1, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS):
        matrix = pad_rows(torch.ones(rows, 3), torch.bfloat16)
        assert len(matrix) % ROWS == 0
        assert rows <= len(matrix) < rows + ROWS
        assert matrix[:rows].float().sum() == 3 * rows
        assert not matrix[rows:].any()


def test_rows_that_need_no_copy_are_not_copied():
    matrix = torch.ones(ROWS, 3)
    assert pad_rows(matrix, torch.float32).data_ptr() == matrix.data_ptr()
