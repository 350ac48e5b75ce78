"""Attention: compare a query with keys, and sum values accordingly. One small file per kind."""

from mt.model.attention.contract import Attended, Attention
from mt.model.attention.multi_head import KeysValues, MultiHeadAttention
from mt.model.attention.scaled_dot import ScaledDot

AttentionConfig = ScaledDot
"""The kinds of attention a recipe may choose; becomes a union with the second kind."""

__all__ = [
    "Attended",
    "Attention",
    "AttentionConfig",
    "KeysValues",
    "MultiHeadAttention",
    "ScaledDot",
]
