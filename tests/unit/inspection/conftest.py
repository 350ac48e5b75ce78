import pytest
import torch

from mt.model.config import TransformerConfig
from mt.translation.config import BeamConfig, TranslationConfig
from mt.translation.engines.torch import TorchEngine
from mt.translation.translator import Translator


@pytest.fixture
def config():
    return TransformerConfig(dim=16, encoder_layers=2, decoder_layers=3, heads=4, feed_forward=32)


@pytest.fixture
def model(config, tokenizers):
    torch.manual_seed(5)
    return config.build(tokenizers.source.size, tokenizers.target.size).eval()


@pytest.fixture
def translator(model, tokenizers):
    engine = TorchEngine(model, torch.device("cpu"))
    return Translator(
        engine, tokenizers, TranslationConfig(search=BeamConfig(size=3)), 40, ("xx", "yy")
    )
