"""Our linear layer is torch's, in float32 and under autocast, whatever its height."""

import json

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mt import hardware
from mt.kernels import native
from mt.kernels.linear import ROWS, in_panels, linear, pad_rows
from mt.model.layers import Linear, lay_out
from mt.translation import load_translator
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS

LINES = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]


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


# Below, at and above a panel of outputs, a group of rows, and what a thread takes at once.
PANELS = [(1, 1, 1), (3, 7, native.PANEL - 1), (8, 5, native.PANEL), (97, 40, 3 * native.PANEL + 5)]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("rows", "inputs", "outputs"), PANELS, ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
@torch.no_grad()
def test_panels_give_the_product(rows, inputs, outputs, with_bias):
    weight, bias = draw(outputs, inputs, seed=2), draw(outputs, seed=3) if with_bias else None
    panels, wide = in_panels(weight), draw(rows, 2 * inputs)
    for states in (wide[:, :inputs], wide[:, ::2], draw(rows, 1, inputs), draw(inputs)):
        exact = F.linear(states.double(), weight.double(), bias.double() if with_bias else None)
        found = linear(states, torch.full_like(weight, torch.nan), bias, panels)
        # Sums of up to 40 products near 1, each rounded by 6e-8.
        torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("compiled")
@torch.no_grad()
def test_by_panels_a_row_is_the_same_alone_and_among_others():
    panels = in_panels(weight := draw(100, 300, seed=2))
    states, threads = draw(205, 300), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = linear(states, weight, None, panels)
    finally:
        torch.set_num_threads(threads)
    alone = torch.cat([linear(row[None], weight, None, panels) for row in states])
    assert torch.equal(together, alone)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("height", [native.PANEL, native.PANEL + 8])
def test_a_layer_that_is_laid_out_multiplies_by_its_blocks(height):
    layer, states = Linear(24, 3 * height, blocks=3), draw(5, 24)
    product = F.linear(states, layer.weight, layer.bias)
    with torch.no_grad():
        for laid_out in (False, True):
            if laid_out:
                lay_out(layer)
                if height % native.PANEL == 0:
                    layer.weight.fill_(torch.nan)  # panels are read, not these
            for blocks in (slice(None), slice(1), slice(1, 3)):
                found = layer(states, blocks)
                torch.testing.assert_close(found, torch.cat(product.split(height, 1)[blocks], 1))


@pytest.mark.usefixtures("compiled")
@torch.no_grad()
def test_what_the_kernel_is_not_made_for_is_left_to_torch():
    layer = Linear(24, 40)
    lay_out(layer)
    layer.bfloat16()
    states = draw(5, 24).bfloat16()
    assert torch.equal(layer(states), F.linear(states, layer.weight, layer.bias))


@pytest.mark.usefixtures("compiled")
def test_the_torch_engine_multiplies_by_panels():
    if not hardware.has_avx512():
        pytest.skip("panels are for processors with AVX-512")
    translator = load_translator(BUNDLE, "cpu", engine="torch")
    plain = translator.translate_all(LINES)
    for module in translator.engine.model.modules():
        if isinstance(module, Linear) and module.blocks == 1:  # of others some blocks do not fit
            module.weight = torch.nn.Parameter(torch.full_like(module.weight, torch.nan))
    assert translator.translate_all(LINES) == plain


@pytest.mark.usefixtures("compiled")
def test_what_has_a_gradient_is_left_to_torch():
    layer = Linear(24, 40)
    lay_out(layer)
    layer(draw(5, 24)).sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((40,), 5.0))
