import pytest
import torch

from mt.bundle import Metadata, open_bundle, write_bundle
from mt.config import StrictConfig
from mt.errors import BundleError
from mt.model.config import TransformerConfig
from mt.model.loading import load_model
from mt.translation.config import BeamConfig, TranslationConfig
from mt.translation.translator import load_translator


class Saved(StrictConfig):
    """What a translator reads of a recipe."""

    model: TransformerConfig = TransformerConfig(
        dim=16, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=1
    )
    translation: TranslationConfig = TranslationConfig(
        search=BeamConfig(size=2, length_penalty=0.3)
    )


@pytest.fixture
def model(tokenizers):
    torch.manual_seed(1)
    return Saved().model.build(tokenizers.source.size, tokenizers.target.size)


@pytest.fixture
def save(tmp_path, tokenizers):
    def save(weights):
        metadata = Metadata(update=1, languages=("xx", "yy"), parameters=1, max_tokens=40)
        write_bundle(tmp_path / "bundle", weights, Saved(), tokenizers, metadata)
        return tmp_path / "bundle"

    return save


def test_a_saved_model_is_the_same_model(model, save, tokenizers):
    weights = dict(model.named_parameters())
    loaded = load_model(open_bundle(save(weights)), tokenizers)
    assert loaded.output.weight is loaded.source_embedding.table
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, weights[name])


def test_a_translator_searches_as_its_bundle_says(model, save):
    path = save(dict(model.named_parameters()))
    translator = load_translator(path, device="cpu")
    assert translator.config == Saved().translation
    assert translator.max_tokens == 40
    assert not translator.engine.model.training
    assert len(list(translator.translate(["abcd", "", "efgh ijkl"]))) == 3


@pytest.mark.parametrize("change", ["missing", "unknown", "narrow"])
def test_weights_of_another_model_are_refused_by_name(model, save, tokenizers, change):
    weights = dict(model.named_parameters())
    name = "encoder.0.feed_forward.linear2.bias"
    if change == "unknown":
        weights["extra"] = torch.zeros(1)
        name = "extra"
    elif change == "missing":
        del weights[name]
    else:
        weights[name] = torch.zeros(1)  # would fill the whole bias without a word
    bundle = open_bundle(save(weights))
    with pytest.raises(BundleError, match=rf"bundle: expected the weights .* {name}"):
        load_model(bundle, tokenizers)
