"""Cross-attention by words, tokens and layers."""

import pytest
import torch

from mt.errors import DataError
from mt.inspection.attention import cross_attention_of, merge_words
from mt.inspection.forced_decoding import force_decode
from mt.inspection.recorder import record_attention
from mt.text.tokenizer import END, START
from mt.text.words import word_ranges

SENTENCE = "abc hgfe dcba"


def attention_map(translator, source, target=None, **how):
    return cross_attention_of(force_decode(translator, source, target), **how)


@pytest.mark.slow
def test_every_row_of_words_and_of_tokens_sums_to_1(translator):
    for tokens in (False, True):
        for layer in (None, 1, 3):
            found = attention_map(translator, SENTENCE, layer=layer, tokens=tokens)
            assert tuple(found.weights.shape) == (len(found.target), len(found.source))
            torch.testing.assert_close(found.weights.sum(1), torch.ones(len(found.target)))


def test_without_a_target_it_explains_the_translation_of_any_beam(translator):
    found = attention_map(translator, SENTENCE)
    [own] = translator.translate_all([SENTENCE])
    assert force_decode(translator, SENTENCE).text == own.text
    assert found.source == [*SENTENCE.split(), "</s>"]


def test_a_given_target_is_explained_instead(translator):
    decoding = force_decode(translator, SENTENCE, " bad  cäfe ")
    assert decoding.text == "bad cäfe"
    assert cross_attention_of(decoding).target == ["bad", "cäfe", "</s>"]


def test_the_mean_over_layers_is_that_of_the_layers(translator):
    target = "bad cafe"
    layers = [attention_map(translator, SENTENCE, target, layer=n).weights for n in (1, 2, 3)]
    mean = attention_map(translator, SENTENCE, target).weights
    torch.testing.assert_close(mean, torch.stack(layers).mean(0))
    assert not torch.allclose(layers[0], layers[2], atol=1e-4)


def test_rows_are_those_of_decoding_step_by_step(translator, model, tokenizers):
    target = "bad cäfe"
    found = attention_map(translator, SENTENCE, target, layer=2, tokens=True)
    ((read,), (written,)) = (tokenizers.source.encode([text]) for text in (SENTENCE, target))
    assert found.source == [*tokenizers.source.tokens(read), "</s>"]
    assert found.target == [*tokenizers.target.tokens(written), "</s>"]
    assert "<0xC3>" in found.target
    with torch.no_grad(), record_attention(model) as record:
        state = model.start(torch.tensor([[*read, END]]), 1)
        for token in [START, *written]:
            _, state = model.step(torch.tensor([token]), state)
    steps = [call.weights for call in record.calls["decoder.1.cross_attention.attend"]]
    torch.testing.assert_close(
        found.weights, torch.cat(steps, dim=2)[0].mean(0), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("source", "target", "layer", "message"),
    [
        (" ", None, None, "source: expected a sentence"),
        (SENTENCE, "", None, "target: expected a sentence"),
        (SENTENCE, "bad", 4, "layer: expected 1 to 3, .* but got 4"),
        (SENTENCE, "bad", 0, "layer: expected 1 to 3"),
        ("ab " * 60, None, None, "source: expected fewer than 40 tokens"),
    ],
)
def test_mistakes_are_one_message(translator, source, target, layer, message):
    with pytest.raises(DataError, match=message):
        attention_map(translator, source, target, layer=layer)


def test_an_engine_without_a_model_is_refused(translator):
    translator.engine = object()
    with pytest.raises(TypeError, match="expected a TorchEngine, but found object"):
        attention_map(translator, SENTENCE)


def test_a_model_without_cross_attention_is_refused(translator):
    decoding = force_decode(translator, SENTENCE)
    decoding.attention.calls.clear()
    with pytest.raises(DataError, match="model: expected cross-attention to draw, .* has none"):
        cross_attention_of(decoding)


def test_source_tokens_add_up_and_target_tokens_are_averaged():
    source, target = ["▁Hun", "d", "▁geht", "</s>"], ["▁a", "▁do", "g"]
    weights = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.4, 0.4]])
    expected = torch.tensor([[0.3, 0.3, 0.4], [0.5, 0.3, 0.2]])
    merged = merge_words(weights, word_ranges(source), word_ranges(target))
    torch.testing.assert_close(merged, expected)


def test_a_shared_token_counts_for_both_words_and_a_word_without_tokens_for_nothing():
    merged = merge_words(
        torch.tensor([[0.75, 0.25]]), [range(1), range(2), range(0)], [range(0), range(1)]
    )
    torch.testing.assert_close(merged, torch.tensor([[0.0, 0.0, 0.0], [0.75, 1.0, 0.0]]))
