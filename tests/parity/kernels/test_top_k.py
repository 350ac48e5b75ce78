"""The largest entries that are found in blocks, or compiled, are those that torch finds."""

import pytest
import torch

from mt.kernels.top_k import BLOCK, top_k
from tests.covering import cover

pytestmark = pytest.mark.usefixtures("each_way")

SHAPES = {
    "width": [3, BLOCK, 10 * BLOCK - 1, 10 * BLOCK, 10 * BLOCK + 1, 8003],
    "count": [0, 1, 2, 10, 65],
    "impossible": [False, True],
}


@pytest.mark.parametrize(tuple(SHAPES), [tuple(case.values()) for case in cover(SHAPES)])
def test_equals_torch(width, count, impossible):
    generator = torch.manual_seed(width + count)
    # A shuffled range has no ties, which topk may break as it likes.
    rows = torch.stack([torch.randperm(width, generator=generator).float() for _ in range(5)])
    if impossible:
        rows[:, [0, width // 2]] = -torch.inf
        count = min(count, width - 2)
    values, indices = top_k(rows, count)
    expected = rows.topk(min(count, width), dim=-1)
    assert torch.equal(values, expected.values)
    assert torch.equal(indices, expected.indices)


@pytest.mark.parametrize("index", [0, BLOCK - 1, BLOCK, 10 * BLOCK - 1, 10 * BLOCK, 10 * BLOCK + 4])
def test_finds_an_entry_at_every_border(index):
    rows = torch.zeros(1, 10 * BLOCK + 5)
    rows[0, index] = 1.0
    assert top_k(rows, 1)[1].item() == index


def test_values_are_right_even_with_ties():
    rows = torch.randint(0, 4, (7, 1000), generator=torch.manual_seed(1)).float()
    values, indices = top_k(rows, 5)
    assert torch.equal(values, rows.topk(5).values)
    assert torch.equal(values, rows.gather(1, indices))
    assert all(len(set(row)) == 5 for row in indices.tolist())
