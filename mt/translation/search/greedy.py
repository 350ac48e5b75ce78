"""Greedy search: always the likeliest next token."""

import torch

from mt.kernels.top_k import top_k
from mt.translation.search.candidates import log_softmax
from mt.translation.search.constraint import Constraint
from mt.translation.search.contract import Hypothesis, Limits, S, Scorer


def greedy_search(
    scorer: Scorer[S], state: S, limits: Limits, device: torch.device, length_penalty: float = 1.0
) -> list[Hypothesis]:
    """Translate each sentence by taking the likeliest token at every step.

    The same as a beam of one, without the bookkeeping. A sentence that has ended leaves the batch.

    Args:
        scorer: Scores the next token.
        state: Before the first step, one row a sentence; see :attr:`Limits.begun`.
        limits: Marks, lengths and forced beginnings; a hypothesis that reaches its length is ended
            there.
        device: Where the scorer's tensors are.
        length_penalty: Exponent of the length in the reported score.

    Returns:
        One hypothesis a sentence, in the sentences' order.
    """
    alive = torch.arange(len(limits.lengths), device=device)
    lengths = torch.tensor(limits.lengths, device=device)
    totals = torch.full((len(alive),), limits.log_probability, device=device)
    tokens = torch.full_like(alive, (limits.start, *limits.begun)[-1])
    written = torch.full((len(alive), max(limits.lengths)), limits.end, device=device)
    written[:, : len(limits.begun)] = torch.tensor(limits.begun, device=device)
    sums = torch.zeros_like(totals)
    permitted = Constraint(limits, device)
    for step in range(len(limits.begun), max(limits.lengths)):
        logits, state = scorer.step(tokens, state)
        log_probabilities = permitted(log_softmax(logits), step, alive)
        best, tokens = (column[:, 0] for column in top_k(log_probabilities, 1))
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
    return [
        Hypothesis.ended(row[: row.index(limits.end)], total, length_penalty)
        for row, total in zip(written.tolist(), sums.tolist(), strict=True)
    ]
