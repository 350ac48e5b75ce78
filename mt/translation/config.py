"""The section ``translation`` of a recipe; reading it loads no torch."""

from pydantic import NonNegativeFloat, PositiveInt

from mt.config import StrictConfig


class TranslationConfig(StrictConfig):
    """How a trained model translates unless told otherwise."""

    beam: PositiveInt = 5
    """Hypotheses kept at every step; 1 is greedy search."""
    length_penalty: NonNegativeFloat = 1.0
    """Finished hypotheses are ranked by log-probability / length ** length_penalty."""
