"""Text in, a :class:`Score` with its unit, interval and signature out."""

from mt.evaluation.metrics import evaluate, refuse_missing_tokenizer
from mt.evaluation.score import MetricName, Score, TokenizerName, higher_is_better
from mt.evaluation.surface import doubts, doubts_between, refuse_unless_text, suited_tokenizer

__all__ = [
    "MetricName",
    "Score",
    "TokenizerName",
    "doubts",
    "doubts_between",
    "evaluate",
    "higher_is_better",
    "refuse_missing_tokenizer",
    "refuse_unless_text",
    "suited_tokenizer",
]
