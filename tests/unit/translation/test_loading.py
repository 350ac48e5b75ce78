import pytest
import torch

from mt.bundle import Metadata, open_bundle, write_bundle
from mt.config import StrictConfig
from mt.errors import BundleError, ConfigError
from mt.model.attention.config import AttentionConfig, WindowConfig
from mt.model.config import TransformerConfig
from mt.model.loading import load_model
from mt.model.positions.config import ShawConfig
from mt.native.compiler import load_native
from mt.translation.config import BeamConfig, TranslationConfig
from mt.translation.engines.ctranslate2.engine import CTranslate2Engine
from mt.translation.engines.native.engine import NativeEngine
from mt.translation.engines.torch import TorchEngine
from mt.translation.loading import load_translator
from tests.engines import skip_without


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
    def save(weights, config=Saved()):  # noqa: B008 - it cannot change
        metadata = Metadata(update=1, languages=("xx", "yy"), parameters=1, max_tokens=40)
        write_bundle(tmp_path / "bundle", weights, config, tokenizers, metadata)
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
    translator = load_translator(path, device="cpu", engine="torch")
    assert translator.config.search == Saved().translation.search
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


def local(model_config):
    window = AttentionConfig(scope=WindowConfig(width=2))
    return model_config.model_copy(update={"self_attention": window})


def with_shaw(model_config):
    return model_config.model_copy(update={"positions": ShawConfig()})


@pytest.mark.parametrize(
    ("asked", "cuda", "config", "expected"),
    [
        ({}, False, Saved(), NativeEngine),
        ({}, True, Saved(), TorchEngine),
        ({"device": "cpu"}, True, Saved(), NativeEngine),
        ({"precision": "float32"}, False, Saved(), CTranslate2Engine),
        ({}, False, Saved(model=with_shaw(Saved().model)), CTranslate2Engine),
        ({"engine": "torch"}, False, Saved(), TorchEngine),
        ({}, False, Saved(translation=TranslationConfig(engine="torch")), TorchEngine),
        ({}, False, Saved(model=local(Saved().model)), TorchEngine),
    ],
)
def test_the_engine_suits_the_model_and_the_machine(
    save, tokenizers, monkeypatch, asked, cuda, config, expected
):
    if expected is NativeEngine:
        skip_without("native")
    monkeypatch.setattr("mt.translation.engines.sees_cuda", lambda: cuda)
    monkeypatch.setattr("mt.hardware.choose_device", lambda _: torch.device("cpu"))
    model = config.model.build(tokenizers.source.size, tokenizers.target.size)
    path = save(dict(model.named_parameters()), config)
    translator = load_translator(path, **asked)
    assert type(translator.engine) is expected
    assert len(translator.translate_all(["abcd", "", "efgh ijkl"])) == 3


def test_a_model_that_the_engine_cannot_run_is_told(save, tokenizers):
    config = Saved(model=local(Saved().model))
    model = config.model.build(tokenizers.source.size, tokenizers.target.size)
    path = save(dict(model.named_parameters()), config)
    with pytest.raises(ConfigError, match="it cannot compute the window scope of self-attention"):
        load_translator(path, engine="ctranslate2")
    with pytest.raises(ConfigError, match="it is used on CPUs, not on cuda"):
        load_translator(path, device="cuda", engine="ctranslate2")


def test_a_machine_without_a_compiler_takes_ctranslate2(
    model, save, monkeypatch, tmp_path, request
):
    monkeypatch.setenv("PATH", str(tmp_path))
    load_native.cache_clear()
    request.addfinalizer(load_native.cache_clear)
    path = save(dict(model.named_parameters()))
    assert type(load_translator(path, "cpu").engine) is CTranslate2Engine
    with pytest.raises(ConfigError, match=r"native can run, but .*(VNNI|g\+\+ installed|Linux)"):
        load_translator(path, engine="native")


def test_a_model_that_native_cannot_run_is_told(save, tokenizers):
    config = Saved(model=with_shaw(Saved().model))
    model = config.model.build(tokenizers.source.size, tokenizers.target.size)
    path = save(dict(model.named_parameters()), config)
    with pytest.raises(ConfigError, match="it cannot compute shaw positions"):
        load_translator(path, engine="native")
