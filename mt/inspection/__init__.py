"""Look at what a model looks at: record attention, view it by words, draw it."""

from mt.inspection.attention import AttentionMap, cross_attention_of
from mt.inspection.pictures import picture_for_terminal, refuse_unknown_format, save_picture
from mt.inspection.recorder import Tape, record_attention

__all__ = [
    "AttentionMap",
    "Tape",
    "cross_attention_of",
    "picture_for_terminal",
    "record_attention",
    "refuse_unknown_format",
    "save_picture",
]
