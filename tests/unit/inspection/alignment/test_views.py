"""Names of views, and the weights they select."""

import pytest
import torch

from mt.errors import DataError
from mt.inspection.alignment.views import View, all_views


@pytest.mark.parametrize("text", ["plain:all", "shifted:all", "plain:2", "shifted:12.3"])
def test_a_name_is_read_as_it_is_written(text):
    assert str(View.parse(text)) == text


@pytest.mark.parametrize("text", ["", "2", "plain", "plain:", "plain:all.2", "odd:2", "plain:2.x"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(DataError, match="^--view: expected plain or shifted, .*; for example"):
        View.parse(text, "--view")


def test_all_views_of_a_model():
    one = ["1", "1.1", "1.2", "2"]
    expected = [f"{row}:{layer}" for row in ("plain", "shifted") for layer in ("all", *one)]
    assert list(map(str, all_views([2, 1]))) == expected
    assert list(map(str, all_views([1]))) == ["plain:1", "shifted:1"]
    assert all_views([]) == []


def test_a_view_by_hand():
    torch.manual_seed(1)
    layers = [torch.rand(2, 3, 5, 4), torch.rand(2, 2, 5, 4)]
    found = View.parse("plain:2.1").weights(layers)
    torch.testing.assert_close(found, layers[1][:, 0, :4])
    found = View.parse("shifted:1").weights(layers)
    torch.testing.assert_close(
        found, (layers[0][:, 0] + layers[0][:, 1] + layers[0][:, 2])[:, 1:] / 3
    )
    found = View.parse("plain:all").weights(layers)
    torch.testing.assert_close(found, (layers[0].mean(1) + layers[1].mean(1))[:, :4] / 2)
