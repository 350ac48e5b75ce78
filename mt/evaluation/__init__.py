"""Text in, a :class:`Score` with its unit, interval and signature out."""

from mt.evaluation.metrics import evaluate
from mt.evaluation.score import MetricName, Score, higher_is_better
from mt.evaluation.surface import looks_like_subwords, looks_tokenized, refuse_subwords

__all__ = [
    "MetricName",
    "Score",
    "evaluate",
    "higher_is_better",
    "looks_like_subwords",
    "looks_tokenized",
    "refuse_subwords",
]
