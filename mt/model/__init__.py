"""Tensors in, tensors out: encoder-decoder models and what they are made of."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from mt.config import StrictConfig
from mt.model.contract import DecoderState, EncoderDecoder, count_parameters
from mt.model.recurrent import Recurrent, RecurrentConfig
from mt.model.transformer import Transformer, TransformerConfig

ModelConfig = Annotated[TransformerConfig | RecurrentConfig, Field(discriminator="kind")]
"""The architectures a recipe may choose."""


class _Section(StrictConfig):
    model: ModelConfig


def parse_model(values: Mapping[str, Any], where: str) -> TransformerConfig | RecurrentConfig:
    """Validate a recipe's section ``model`` by itself; see :meth:`StrictConfig.parse`."""
    return _Section.parse({"model": values}, where).model


__all__ = [
    "DecoderState",
    "EncoderDecoder",
    "ModelConfig",
    "Recurrent",
    "RecurrentConfig",
    "Transformer",
    "TransformerConfig",
    "count_parameters",
    "parse_model",
]
