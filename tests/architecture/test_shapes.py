"""While tests run, what passes through a function has the shapes that its annotations say."""

import pytest
import torch

from mt.kernels.linear import pad_rows
from mt.model.attention.config import AttentionConfig
from mt.model.transformer import TransformerState
from tests.shapes import check


def test_an_axis_has_one_size_in_all_arguments():
    attend, state = AttentionConfig().build(1, 4, "cross"), torch.ones(1, 1, 3, 4)
    assert attend(state, state, state).shape == state.shape
    for value in (state[:, :, 1:], state[0], state.bool()):
        with pytest.raises(TypeError, match=r"^Attend.forward: expected value .*key_len"):
            attend(state, state, value)


def test_functions_and_fields_are_checked():
    with pytest.raises(TypeError, match=r"^pad_rows: expected rows .* found torch.float32 among"):
        pad_rows(torch.ones(2, 3, 4), torch.float32)
    with pytest.raises(TypeError, match="expected visible .*source_len"):
        TransformerState((), torch.ones(2, 3, dtype=torch.bool), torch.ones(1, 2, 3, 4, 5, 6), 0)


def test_what_comes_out_is_checked_each_time_it_has_another_shape():
    results = iter([torch.ones(3, 256), torch.ones(3)])

    def give(rows):
        return next(results)

    give.__annotations__ = pad_rows.__annotations__
    checked = check(give)
    checked(torch.ones(3, 256))
    with pytest.raises(TypeError, match="expected return"):
        checked(torch.ones(3, 256))
