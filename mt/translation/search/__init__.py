"""Search for the likeliest translation; it knows a scorer of next tokens, never a model."""

from mt.translation.search.beam import beam_search
from mt.translation.search.contract import Hypothesis, Limits, Scorer
from mt.translation.search.greedy import greedy_search

__all__ = ["Hypothesis", "Limits", "Scorer", "beam_search", "greedy_search"]
