"""Greedy search: always the likeliest next piece."""

import torch

from mt.translation.search.candidates import likeliest, log_chances
from mt.translation.search.constraint import Constraint
from mt.translation.search.contract import Hypothesis, Limits, S, Scorer


def greedy_search(
    scorer: Scorer[S], state: S, limits: Limits, device: torch.device, length_penalty: float = 1.0
) -> list[Hypothesis]:
    """Translate each sentence by taking the likeliest piece at every step.

    The same as a beam of one, without the bookkeeping. A sentence that has ended leaves the batch.

    Args:
        scorer: Scores the next piece.
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
    pieces = torch.full_like(alive, (limits.start, *limits.begun)[-1])
    written = torch.full((len(alive), max(limits.lengths)), limits.end, device=device)
    written[:, : len(limits.begun)] = torch.tensor(limits.begun, device=device)
    sums = torch.zeros_like(totals)
    permitted = Constraint(limits, device)
    for step in range(len(limits.begun), max(limits.lengths)):
        logits, state = scorer.step(pieces, state)
        chances = permitted(log_chances(logits), step, alive)
        best, pieces = (column[:, 0] for column in likeliest(chances, 1))
        last = lengths[alive] == step + 1
        best = torch.where(last, chances[:, limits.end], best)
        pieces = pieces.masked_fill(last, limits.end)
        totals = totals + best
        written[alive, step] = pieces
        ended = pieces == limits.end
        if ended.any():
            sums[alive[ended]] = totals[ended]
            going = (~ended).nonzero()[:, 0]
            if not len(going):
                break
            alive, totals, pieces = alive[going], totals[going], pieces[going]
            state = state.select(going, going)
    return [
        Hypothesis.ended(row[: row.index(limits.end)], total, length_penalty)
        for row, total in zip(written.tolist(), sums.tolist(), strict=True)
    ]
