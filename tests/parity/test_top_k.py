"""The largest entries of wide rows, against torch's own."""

import pytest
import torch

from mt.kernels.top_k import BLOCK, top_k


@pytest.mark.parametrize("vocabulary", [3, 63, 64, 65, 500, 640, 641, 8003])
@pytest.mark.parametrize("count", [1, 2, 10])
@pytest.mark.parametrize("spoilt", [False, True])
def test_top_k_is_torchs(vocabulary, count, spoilt):
    generator = torch.manual_seed(vocabulary + count)
    # A shuffled range has no ties, which topk may break as it likes.
    rows = [torch.randperm(vocabulary, generator=generator).float() for _ in range(5)]
    scores = torch.stack(rows)
    if spoilt:
        scores[:, [0, vocabulary // 2]] = -torch.inf
        count = min(count, vocabulary - 2)
    values, tokens = top_k(scores, count)
    expected = scores.topk(min(count, vocabulary), dim=-1)
    assert torch.equal(values, expected.values)
    assert torch.equal(tokens, expected.indices)


@pytest.mark.parametrize(
    "column", [0, BLOCK - 1, BLOCK, 10 * BLOCK - 1, 10 * BLOCK, 10 * BLOCK + 4]
)
def test_top_k_looks_everywhere(column):
    scores = torch.zeros(1, 10 * BLOCK + 5)
    scores[0, column] = 1.0
    assert top_k(scores, 1)[1].item() == column


def test_values_are_right_even_with_ties():
    scores = torch.randint(0, 4, (7, 1000), generator=torch.manual_seed(1)).float()
    values, tokens = top_k(scores, 5)
    assert torch.equal(values, scores.topk(5).values)
    assert torch.equal(values, scores.gather(1, tokens))
    assert all(len(set(row)) == 5 for row in tokens.tolist())
