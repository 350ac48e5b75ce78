"""Tensors in, tensors out: encoder-decoder models and what they are made of."""

from mt.model.contract import DecoderState, EncoderDecoder, count_parameters
from mt.model.transformer import Transformer, TransformerConfig

ModelConfig = TransformerConfig
"""The architectures a recipe may choose; becomes a union with the second one."""

__all__ = [
    "DecoderState",
    "EncoderDecoder",
    "ModelConfig",
    "Transformer",
    "TransformerConfig",
    "count_parameters",
]
