"""Text in, a :class:`Score` with its unit, interval and signature out."""

from mt.evaluation.comet import refuse_missing_comet
from mt.evaluation.metrics import (
    Measurement,
    evaluate,
    measure,
    refuse_missing_tokenizer,
    split_into_words,
)
from mt.evaluation.score import (
    MetricName,
    Score,
    StringMetricName,
    TokenizerName,
    higher_is_better,
)
from mt.evaluation.surface import doubts, doubts_between, refuse_unless_text, suited_tokenizer

__all__ = [
    "Measurement",
    "MetricName",
    "Score",
    "StringMetricName",
    "TokenizerName",
    "doubts",
    "doubts_between",
    "evaluate",
    "higher_is_better",
    "measure",
    "refuse_missing_comet",
    "refuse_missing_tokenizer",
    "refuse_unless_text",
    "split_into_words",
    "suited_tokenizer",
]
