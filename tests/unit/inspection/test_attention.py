"""The word view: its algebra by hand, and what it tells of a model."""

import pytest
import torch

from mt.errors import DataError
from mt.inspection import cross_attention_of, record_attention
from mt.inspection.attention import merge_words, words_of
from mt.text.tokenizer import END, START

SENTENCE = "abc hgfe dcba"


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["▁ein", "▁Hun", "d", "</s>"], [("ein", 1), ("Hund", 2), ("</s>", 1)]),
        (["Hun", "d"], [("Hund", 2)]),
        (["▁", "<0xC3>", "<0xA4>", "h", "▁x"], [("äh", 4), ("x", 1)]),
        (["▁", "▁x"], [("▁", 1), ("x", 1)]),
        (["▁a", "<0xC3>"], [("a\ufffd", 2)]),
        (["▁a", "<0x1B>"], [("a\ufffd", 2)]),
        (["</s>"], [("</s>", 1)]),
    ],
)
def test_pieces_become_words(pieces, words):
    assert words_of(pieces) == words


def test_source_pieces_add_up_and_target_pieces_are_averaged():
    source, target = ["▁Hun", "d", "▁geht", "</s>"], ["▁a", "▁do", "g"]
    weights = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.4, 0.4]])
    expected = torch.tensor([[0.3, 0.3, 0.4], [0.5, 0.3, 0.2]])
    torch.testing.assert_close(merge_words(weights, source, target), expected)


def test_every_row_of_words_and_of_pieces_sums_to_1(translator):
    for pieces in (False, True):
        for layer in (None, 1, 3):
            seen = cross_attention_of(translator, SENTENCE, layer=layer, pieces=pieces)
            assert tuple(seen.weights.shape) == (len(seen.target), len(seen.source))
            torch.testing.assert_close(seen.weights.sum(1), torch.ones(len(seen.target)))


def test_without_a_target_it_explains_the_translation_of_any_beam(translator):
    seen = cross_attention_of(translator, SENTENCE)
    assert [seen.text] == translator.translate_all([SENTENCE])
    assert seen.source == [*SENTENCE.split(), "</s>"]


def test_a_given_target_is_explained_instead(translator):
    seen = cross_attention_of(translator, SENTENCE, " bad  cäfe ")
    assert seen.text == "bad cäfe"
    assert seen.target == ["bad", "cäfe", "</s>"]


def test_the_mean_over_layers_is_that_of_the_layers(translator):
    target = "bad cafe"
    layers = [cross_attention_of(translator, SENTENCE, target, layer=n).weights for n in (1, 2, 3)]
    mean = cross_attention_of(translator, SENTENCE, target).weights
    torch.testing.assert_close(mean, torch.stack(layers).mean(0))
    assert not torch.allclose(layers[0], layers[2], atol=1e-4)


def test_pieces_are_where_the_decoder_looked_as_it_wrote_them(translator, model, tokenizers):
    target = "bad cäfe"
    seen = cross_attention_of(translator, SENTENCE, target, layer=2, pieces=True)
    ((read,), (written,)) = (tokenizers.source.encode([text]) for text in (SENTENCE, target))
    assert seen.source == [*tokenizers.source.pieces(read), "</s>"]
    assert seen.target == [*tokenizers.target.pieces(written), "</s>"]
    assert "<0xC3>" in seen.target
    with torch.no_grad(), record_attention(model) as tape:
        state = model.start(torch.tensor([[*read, END]]), 1)
        for piece in [START, *written]:
            _, state = model.step(torch.tensor([piece]), state)
    steps = torch.cat(tape.calls["decoder.1.cross_attention"], dim=2)[0].mean(0)
    torch.testing.assert_close(seen.weights, steps, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("source", "target", "layer", "message"),
    [
        (" ", None, None, "source: expected a sentence"),
        (SENTENCE, "", None, "target: expected a sentence"),
        (SENTENCE, "bad", 4, "layer: expected 1 to 3, .* but got 4"),
        (SENTENCE, "bad", 0, "layer: expected 1 to 3"),
        ("ab " * 60, None, None, "source: expected fewer than 40 pieces"),
    ],
)
def test_mistakes_are_told(translator, source, target, layer, message):
    with pytest.raises(DataError, match=message):
        cross_attention_of(translator, source, target, layer=layer)


def test_an_engine_without_a_model_is_refused(translator):
    translator.engine = object()
    with pytest.raises(TypeError, match="expected a TorchEngine, but found object"):
        cross_attention_of(translator, SENTENCE)
