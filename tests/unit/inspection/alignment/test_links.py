"""From weights to links, by hand."""

import pytest
import torch

from mt.inspection.alignment.links import (
    argmax_links,
    joined_links,
    joint_weights,
    keep_marks_apart,
)
from mt.inspection.alignment.symmetry import JOININGS


def test_words_without_tokens_have_no_links():
    weights = torch.tensor([[0.0, 0.0, 0.0], [0.75, 0.75, 0.0]])
    assert argmax_links(weights) == {(0, 1), (1, 1)}


WEIGHTS = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.4, 0.5]])


def test_each_word_is_linked_to_the_largest_weight_of_its_row_or_column():
    # Rows: target 0 has source 0, target 1 has 2. Columns: source 1 has target 1.
    assert argmax_links(WEIGHTS) == {(0, 0), (2, 1), (1, 1)}


def test_two_directions_by_hand():
    reverse = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    expected = torch.tensor([[0.63, 0.16, 0.03], [0.01, 0.08, 0.35]]).sqrt()
    torch.testing.assert_close(joint_weights(WEIGHTS, reverse), expected)
    assert joined_links(WEIGHTS, reverse, "joint") == {(0, 0), (2, 1), (1, 0)}
    assert argmax_links(reverse.T) == {(0, 0), (1, 0), (2, 1)}
    assert joined_links(WEIGHTS, reverse, "intersection") == {(0, 0), (2, 1)}
    assert joined_links(WEIGHTS, reverse, "union") == {(0, 0), (2, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("how", JOININGS)
def test_one_direction_needs_no_joining(how):
    assert joined_links(WEIGHTS, None, how) == argmax_links(WEIGHTS)


def test_marks_are_linked_to_marks_alone():
    source, target = ["Yes", ",", "50", "%", "!"], ["Ja", "–", "50", "Prozent", "!?", "."]
    found = frozenset({(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (3, 3), (3, 5), (4, 4), (4, 5)})
    assert found - keep_marks_apart(found, source, target) == {(0, 1), (1, 2), (3, 5)}
