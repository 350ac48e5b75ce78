"""Search for the most probable translation; it knows a scorer of next tokens, never a model."""

from collections.abc import Sequence

import torch

from mt.translation.config import SearchConfig
from mt.translation.contract import Hypothesis
from mt.translation.search.beam import beam_search
from mt.translation.search.contract import Limits, S, Score, Scorer
from mt.translation.search.greedy import greedy_search
from mt.translation.search.processors import ForcePrefix, NoRepeatNgram, Processor, Suppress


def run_search(  # noqa: PLR0917 - all that a search depends on
    config: SearchConfig,
    scorer: Scorer[S],
    state: S,
    limits: Limits,
    device: torch.device,
    processors: Sequence[Processor] = (),
    score: Score | None = None,
) -> list[list[Hypothesis]]:
    """Search as a config says; see :func:`beam_search`.

    Args:
        config: How to search.
        scorer: Scores the next token.
        state: Before the first step, with ``config.kept`` equal rows a sentence.
        limits: Marks and lengths.
        device: Where the scorer's tensors are.
        processors: Change the log-probabilities of every step, in this order.
        score: Ranks finished hypotheses; ``None``: as the config says.

    Returns:
        Of each sentence, in order: finished hypotheses, at least one, best first.
    """
    score, beam = score or config.score, config.kept
    if beam == 1:
        found = greedy_search(scorer, state, limits, device, processors, score)
        return [[hypothesis] for hypothesis in found]
    return beam_search(scorer, state, limits, device, beam, processors, score)


__all__ = [
    "ForcePrefix",
    "Hypothesis",
    "Limits",
    "NoRepeatNgram",
    "Processor",
    "Scorer",
    "Suppress",
    "beam_search",
    "greedy_search",
    "run_search",
]
