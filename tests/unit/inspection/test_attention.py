"""Where the decoder looked: word by word, token by token, layer by layer."""

import pytest
import torch

from mt.errors import DataError
from mt.inspection import cross_attention_of, read_pair, record_attention
from mt.text.tokenizer import END, START

SENTENCE = "abc hgfe dcba"


def look(translator, source, target=None, **how):
    return cross_attention_of(read_pair(translator, source, target), **how)


@pytest.mark.slow
def test_every_row_of_words_and_of_tokens_sums_to_1(translator):
    for tokens in (False, True):
        for layer in (None, 1, 3):
            seen = look(translator, SENTENCE, layer=layer, tokens=tokens)
            assert tuple(seen.weights.shape) == (len(seen.target), len(seen.source))
            torch.testing.assert_close(seen.weights.sum(1), torch.ones(len(seen.target)))


@pytest.mark.slow
def test_without_a_target_it_explains_the_translation_of_any_beam(translator):
    seen = look(translator, SENTENCE)
    [own] = translator.translate_all([SENTENCE])
    assert read_pair(translator, SENTENCE).text == own.text
    assert seen.source == [*SENTENCE.split(), "</s>"]


def test_a_given_target_is_explained_instead(translator):
    reading = read_pair(translator, SENTENCE, " bad  cäfe ")
    assert reading.text == "bad cäfe"
    assert cross_attention_of(reading).target == ["bad", "cäfe", "</s>"]


def test_the_mean_over_layers_is_that_of_the_layers(translator):
    target = "bad cafe"
    layers = [look(translator, SENTENCE, target, layer=n).weights for n in (1, 2, 3)]
    mean = look(translator, SENTENCE, target).weights
    torch.testing.assert_close(mean, torch.stack(layers).mean(0))
    assert not torch.allclose(layers[0], layers[2], atol=1e-4)


def test_tokens_are_where_the_decoder_looked_as_it_wrote_them(translator, model, tokenizers):
    target = "bad cäfe"
    seen = look(translator, SENTENCE, target, layer=2, tokens=True)
    ((read,), (written,)) = (tokenizers.source.encode([text]) for text in (SENTENCE, target))
    assert seen.source == [*tokenizers.source.tokens(read), "</s>"]
    assert seen.target == [*tokenizers.target.tokens(written), "</s>"]
    assert "<0xC3>" in seen.target
    with torch.no_grad(), record_attention(model) as record:
        state = model.start(torch.tensor([[*read, END]]), 1)
        for token in [START, *written]:
            _, state = model.step(torch.tensor([token]), state)
    steps = [call.weights for call in record.calls["decoder.1.cross_attention.attend"]]
    torch.testing.assert_close(
        seen.weights, torch.cat(steps, dim=2)[0].mean(0), atol=1e-6, rtol=1e-5
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
def test_mistakes_are_told(translator, source, target, layer, message):
    with pytest.raises(DataError, match=message):
        look(translator, source, target, layer=layer)


def test_an_engine_without_a_model_is_refused(translator):
    translator.engine = object()
    with pytest.raises(TypeError, match="expected a TorchEngine, but found object"):
        look(translator, SENTENCE)


def test_a_model_without_cross_attention_is_told(translator):
    reading = read_pair(translator, SENTENCE)
    reading.attention.calls.clear()
    with pytest.raises(DataError, match="model: expected cross-attention to draw, .* has none"):
        cross_attention_of(reading)
