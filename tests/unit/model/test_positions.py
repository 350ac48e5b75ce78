import numpy as np
import pytest
import torch

from mt.model.positions import Learned, LearnedPositions, Sinusoidal


def of_the_paper(length, dim):
    """Equation of section 3.5 in float64: sines at even dimensions, cosines at odd ones."""
    table = np.zeros((length, dim))
    for position in range(length):
        for i in range(0, dim, 2):
            angle = position / 10_000 ** (i / dim)
            table[position, i] = np.sin(angle)
            if i + 1 < dim:
                table[position, i + 1] = np.cos(angle)
    return table


@pytest.mark.parametrize("dim", [1, 2, 6, 7, 64])
@pytest.mark.parametrize(("start", "length"), [(0, 1), (0, 300), (255, 1), (250, 90), (700, 3)])
def test_sinusoids_are_those_of_the_paper_in_another_order(dim, start, length):
    expected = of_the_paper(start + length, dim)[start:]
    table = Sinusoidal().build(dim)(start, length)
    halves = np.concatenate((expected[:, 0::2], expected[:, 1::2]), axis=1)
    # An angle near 700 has a float32 spacing of 6e-5, and its wavelength is rounded as well.
    np.testing.assert_allclose(table.numpy(), halves, atol=2e-4)


def test_sinusoids_stay_the_same_while_their_table_grows():
    positions = Sinusoidal().build(8)
    before = positions(0, 200).clone()
    positions(0, 1000)
    assert torch.equal(positions(0, 200), before)
    assert positions(0, 1000).shape == (1000, 8)


def test_sinusoids_are_not_saved_and_follow_their_module():
    positions = Sinusoidal().build(8).double()
    assert not positions.state_dict()
    assert positions(900, 5).dtype == torch.float64


def test_learned_positions_past_the_last_share_its_vector():
    positions = Learned(longest=5).build(4)
    assert isinstance(positions, LearnedPositions)
    assert torch.equal(positions(0, 5), positions.table)
    assert torch.equal(positions(3, 4), positions.table[[3, 4, 4, 4]])
    assert torch.equal(positions(90, 1), positions.table[[4]])
