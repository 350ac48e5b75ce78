"""The word view: its algebra by hand."""

import pytest
import torch

from mt.inspection.words import merge_words, places_of, words_of


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["▁ein", "▁Hun", "d", "</s>"], [("ein", 1), ("Hund", 2), ("</s>", 1)]),
        (["Hun", "d"], [("Hund", 2)]),
        (["▁", "<0xC3>", "<0xA4>", "h", "▁x"], [("äh", 4), ("x", 1)]),
        (["▁", "▁x"], [("▁", 1), ("x", 1)]),
        (["▁a", "<0xC3>"], [("a\ufffd", 2)]),
        (["▁a", "<0x1B>"], [("a\ufffd", 2)]),
        (["</s>"], [("</s>", 1)]),
        (["<s>", "<0xC3>", "<0xA4>", "▁x"], [("<s>", 1), ("ä", 2), ("x", 1)]),
    ],
)
def test_tokens_become_words(tokens, words):
    assert words_of(tokens) == words


def test_source_tokens_add_up_and_target_tokens_are_averaged():
    source, target = ["▁Hun", "d", "▁geht", "</s>"], ["▁a", "▁do", "g"]
    weights = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.4, 0.4]])
    expected = torch.tensor([[0.3, 0.3, 0.4], [0.5, 0.3, 0.2]])
    merged = merge_words(weights, places_of(source), places_of(target))
    torch.testing.assert_close(merged, expected)


def test_a_shared_token_counts_for_both_words_and_a_word_without_tokens_for_nothing():
    merged = merge_words(
        torch.tensor([[0.75, 0.25]]), [range(1), range(2), range(0)], [range(0), range(1)]
    )
    torch.testing.assert_close(merged, torch.tensor([[0.0, 0.0, 0.0], [0.75, 1.0, 0.0]]))
