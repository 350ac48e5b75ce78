"""Search for the most probable translation; it knows a scorer of next tokens, never a model."""

from collections.abc import Sequence

import torch

from mt.translation.config import DiverseBeamConfig, SamplingConfig, SearchConfig
from mt.translation.contract import Hypothesis
from mt.translation.search.beam import beam_search
from mt.translation.search.constrained import constrained_search
from mt.translation.search.contract import Coverage, Limits, S, Score, Scorer
from mt.translation.search.diverse import diverse_beam_search
from mt.translation.search.greedy import greedy_search
from mt.translation.search.processors import (
    ForcePrefix,
    MinimumLength,
    NoRepeatNgram,
    Processor,
    Suppress,
)
from mt.translation.search.sampling import Sampler
from mt.translation.search.wording import BeginWith, Forbid


def run_search(  # noqa: PLR0917 - all that a search depends on
    config: SearchConfig,
    scorer: Scorer[S],
    state: S,
    limits: Limits,
    device: torch.device,
    processors: Sequence[Processor] = (),
    score: Score | None = None,
    coverage: Coverage[S] | None = None,
) -> list[list[Hypothesis]]:
    """Search as a config says that does not sample; see :func:`beam_search`.

    Args:
        config: How to search.
        scorer: Scores the next token.
        state: Before the first step, with ``config.kept`` equal rows a sentence.
        limits: Marks and lengths.
        device: Where the scorer's tensors are.
        processors: Change the log-probabilities of every step, in this order.
        score: Ranks finished hypotheses; ``None``: as the config says.
        coverage: What is added to that; ``None``: nothing.

    Returns:
        Of each sentence, in order: finished hypotheses, at least one, best first.
    """
    score, beam = score or config.score, config.kept
    if beam == 1 and coverage is None:
        found = greedy_search(scorer, state, limits, device, processors, score)
        return [[hypothesis] for hypothesis in found]
    if isinstance(config, DiverseBeamConfig):
        return diverse_beam_search(
            config, scorer, state, limits, device, processors, score, coverage
        )
    return beam_search(scorer, state, limits, device, beam, processors, score, coverage)


def sample(  # noqa: PLR0917 - all that a search depends on
    config: SamplingConfig,
    sources: Sequence[Sequence[int]],
    scorer: Scorer[S],
    state: S,
    limits: Limits,
    device: torch.device,
    processors: Sequence[Processor] = (),
) -> list[list[Hypothesis]]:
    """Draw translations; see :class:`Sampler`.

    Args:
        config: How to draw.
        sources: Tokens of the sentences, which determine what is drawn.
        scorer: Scores the next token.
        state: Before the first step, one row for each source.
        limits: Marks, and a length for each sample, those of a source together.
        device: Where the scorer's tensors are.
        processors: Change the log-probabilities of every step, in this order; a row a sample.

    Returns:
        Of each sentence, in order: ``config.size`` hypotheses as they were drawn.
    """
    sampler = Sampler.of(config, sources)
    each = torch.arange(len(sources), device=device).repeat_interleave(config.size)
    state = state.select(each, each)
    found = greedy_search(scorer, state, limits, device, processors, config.score, sampler)
    return [found[start : start + config.size] for start in range(0, len(found), config.size)]


__all__ = [
    "BeginWith",
    "Forbid",
    "ForcePrefix",
    "Hypothesis",
    "Limits",
    "MinimumLength",
    "NoRepeatNgram",
    "Processor",
    "Scorer",
    "Suppress",
    "beam_search",
    "constrained_search",
    "diverse_beam_search",
    "greedy_search",
    "run_search",
    "sample",
]
