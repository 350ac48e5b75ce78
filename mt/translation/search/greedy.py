"""Greedy search: always the most probable next token, or one that is chosen otherwise."""

from collections.abc import Sequence
from typing import Protocol, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.kernels.top_k import top_k
from mt.translation.contract import Hypothesis
from mt.translation.search.contract import Limits, S, Score, Scorer
from mt.translation.search.processors import Processor, process


class Chooser(Protocol):
    """Chooses the next token of every row."""

    def __call__(self, log_probabilities: Float[Tensor, "rows vocabulary"]) -> Int[Tensor, " rows"]:
        """Choose tokens by their log-probabilities, in nats, which must not be changed."""
        ...

    def select(self, rows: Int[Tensor, " rows"]) -> Self:
        """Return a chooser whose row ``i`` continues row ``rows[i]``."""
        ...


def greedy_search(  # noqa: PLR0917 - as the docstring names them
    scorer: Scorer[S],
    state: S,
    limits: Limits,
    device: torch.device,
    processors: Sequence[Processor],
    score: Score,
    choose: Chooser | None = None,
) -> list[Hypothesis]:
    """Translate each sentence by taking one token at every step.

    The same as a beam of one, without the bookkeeping. A sentence that has ended leaves the batch.

    Args:
        scorer: Scores the next token.
        state: Before the first step, one row a sentence.
        limits: Marks and lengths; a hypothesis that reaches its length is ended there.
        device: Where the scorer's tensors are.
        processors: Change the log-probabilities of every step, in this order.
        score: Gives the reported score.
        choose: Chooses the token; ``None``: the most probable one.

    Returns:
        One hypothesis a sentence, in the sentences' order.
    """
    alive = torch.arange(len(limits.lengths), device=device)
    lengths = torch.tensor(limits.lengths, device=device)
    totals = torch.zeros(len(alive), device=device)
    tokens = torch.full_like(alive, limits.start)
    written = torch.full((len(alive), max(limits.lengths)), limits.end, device=device)
    sums = torch.zeros_like(totals)
    for step in range(max(limits.lengths)):
        logits, state = scorer.step(tokens, state)
        log_probabilities = process(logits, written[alive, :step], processors)
        if choose is None:
            best, tokens = (column[:, 0] for column in top_k(log_probabilities, 1))
        else:
            tokens = choose(log_probabilities)
            best = log_probabilities.gather(1, tokens[:, None])[:, 0]
        last = lengths[alive] == step + 1
        best = torch.where(last, log_probabilities[:, limits.end], best)
        tokens = tokens.masked_fill(last, limits.end)
        totals = totals + best
        written[alive, step] = tokens
        ended = tokens == limits.end
        if ended.any():
            sums[alive[ended]] = totals[ended]
            going = (~ended).nonzero()[:, 0]
            if not len(going):
                break
            alive, totals, tokens = alive[going], totals[going], tokens[going]
            state = state.select(going, going)
            processors = [processor.select(going) for processor in processors]
            choose = None if choose is None else choose.select(going)
    return [
        finished(row[: row.index(limits.end)], total, score)
        for row, total in zip(written.tolist(), sums.tolist(), strict=True)
    ]


def finished(
    tokens: Sequence[int], log_probability: float, score: Score, coverage: float = 0.0
) -> Hypothesis:
    """Score a finished hypothesis; its end mark counts as a token, and coverage is added."""
    total = score(log_probability, len(tokens) + 1) + coverage
    return Hypothesis(tuple(tokens), log_probability, total, coverage)
