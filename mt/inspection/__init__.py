"""Look at what a model looks at: record attention, draw it, explain a whole translation."""

from mt.inspection.attention import AttentionMap, cross_attention_of
from mt.inspection.explanation import Explanation, explain
from mt.inspection.page import save_page
from mt.inspection.pictures import picture_for_terminal, save_picture
from mt.inspection.reading import Reading, read_pair
from mt.inspection.recorder import AttentionRecord, record_attention

__all__ = [
    "AttentionMap",
    "AttentionRecord",
    "Explanation",
    "Reading",
    "cross_attention_of",
    "explain",
    "picture_for_terminal",
    "read_pair",
    "record_attention",
    "save_page",
    "save_picture",
]
