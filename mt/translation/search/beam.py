"""Beam search: keep the best few unfinished hypotheses of every sentence, side by side."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mt.kernels.top_k import top_k
from mt.translation.contract import Hypothesis
from mt.translation.search.contract import Coverage, Limits, S, Score, Scorer
from mt.translation.search.greedy import finished
from mt.translation.search.processors import Processor, process


def beam_search(  # noqa: PLR0917 - as the docstring names them
    scorer: Scorer[S],
    state: S,
    limits: Limits,
    device: torch.device,
    beam: int,
    processors: Sequence[Processor],
    score: Score,
    coverage: Coverage[S] | None = None,
) -> list[list[Hypothesis]]:
    """Find likely translations of each sentence.

    At every step each hypothesis is extended by every token, and the ``2 * beam`` best extensions
    of a sentence are looked at: an end mark among the first ``beam`` of them finishes a hypothesis,
    the ``beam`` best of the others live on. A sentence is done, and leaves the batch, when ``beam``
    hypotheses are finished, or at its greatest length, where all are ended.

    Args:
        scorer: Scores the next token.
        state: Before the first step, ``beam`` equal rows a sentence.
        limits: Marks and lengths.
        device: Where the scorer's tensors are.
        beam: Hypotheses kept; 1 equals greedy search.
        processors: Change the log-probabilities of every step, in this order.
        score: Ranks the finished hypotheses of a sentence.
        coverage: What is added to their scores; ``None``: nothing.

    Returns:
        Of each sentence, in order: finished hypotheses, at least one and at most ``beam``, best
        first.

    Source: Graves (2012), section 4.
    """
    lengths = torch.tensor(limits.lengths, device=device)
    alive = torch.arange(len(lengths), device=device)
    counts = torch.zeros_like(alive)
    written = torch.empty(len(lengths), beam, 0, dtype=torch.long, device=device)
    tokens = torch.full((len(lengths), beam), limits.start, device=device)
    totals = torch.full((len(lengths), beam), -torch.inf, device=device)
    totals[:, 0] = 0.0  # the rows of a sentence are still equal: extend one of them only
    found: list[list[Hypothesis]] = [[] for _ in limits.lengths]

    for step in range(max(limits.lengths)):
        logits, state = scorer.step(tokens.flatten(), state)
        log_probabilities = process(logits, written.flatten(0, 1), processors)
        last = lengths[alive] == step + 1
        added = torch.zeros_like(totals) if coverage is None else coverage(state).view_as(totals)
        best = extend(totals, log_probabilities, limits.end, last)

        numbers = alive.tolist()
        for sentence, row, total, covered in best.endings(beam, best.totals, written, added):
            found[numbers[sentence]].append(finished(row, total, score, covered))

        counts = counts + best.ends(beam).sum(dim=1)
        totals, order = best.totals.masked_fill(best.ended, -torch.inf).topk(beam, dim=-1)
        going = (~last & (counts < beam) & totals[:, 0].isfinite()).nonzero()[:, 0]
        if not len(going):
            break
        origins = best.origins.gather(1, order)[going]
        tokens, totals = best.tokens.gather(1, order)[going], totals[going]
        written = torch.cat((written[going[:, None], origins], tokens[:, :, None]), dim=2)
        rows = (going[:, None] * beam + origins).flatten()
        state = state.select(rows, going if len(going) < len(alive) else None)
        processors = [processor.select(rows) for processor in processors]
        alive, counts = alive[going], counts[going]

    return [sorted(pool, key=lambda each: -each.score)[:beam] for pool in found]


class Extensions(NamedTuple):
    """The best extensions of each sentence's hypotheses, best first."""

    totals: Float[Tensor, "sentences options"]
    """What they are ranked by, in nats; -inf where there is no such extension."""
    origins: Int[Tensor, "sentences options"]
    """Which hypothesis of the sentence is extended."""
    tokens: Int[Tensor, "sentences options"]
    """The token it is extended by."""
    ended: Bool[Tensor, "sentences options"]
    """Whether that token is the end mark."""

    def ends(self, beam: int) -> Bool[Tensor, "sentences beam"]:
        """Say which of the first ``beam`` extensions finish a hypothesis."""
        return self.ended[:, :beam] & self.totals[:, :beam].isfinite()

    def endings(
        self,
        beam: int,
        totals: Float[Tensor, "sentences options"],
        written: Int[Tensor, "sentences beam length"],
        added: Float[Tensor, "sentences beam"],
    ) -> Iterator[tuple[int, list[int], float, float]]:
        """Give the hypotheses that are finished.

        Args:
            beam: How many extensions are looked at.
            totals: The log-probability of each extension, in nats.
            written: The tokens of each hypothesis.
            added: What coverage adds to its score.

        Returns:
            Of each: the sentence, the tokens, its log-probability, and what coverage adds.
        """
        sentence, rank = self.ends(beam).nonzero(as_tuple=True)
        origin = self.origins[sentence, rank]
        return zip(
            sentence.tolist(),
            written[sentence, origin].tolist(),
            totals[sentence, rank].tolist(),
            added[sentence, origin].tolist(),
            strict=True,
        )


def extend(
    totals: Float[Tensor, "sentences beam"],
    log_probabilities: Float[Tensor, "rows vocabulary"],
    end: int,
    last: Bool[Tensor, " sentences"],
) -> Extensions:
    """Rank the extensions of each sentence; at its last step all are extended by the end."""
    beam = totals.size(1)
    values, choices = top_k(log_probabilities, 2 * beam)
    options = (totals[:, :, None] + torch.unflatten(values, 0, (-1, beam))).flatten(1)
    best, indices = options.topk(min(2 * beam, options.size(1)), dim=-1)
    origins = indices // values.size(1)
    tokens = torch.unflatten(choices, 0, (-1, beam)).flatten(1).gather(1, indices)
    if last.any():
        spare = best.size(1) - beam
        closed = F.pad(
            totals + torch.unflatten(log_probabilities[:, end], 0, (-1, beam)),
            (0, spare),
            value=-torch.inf,
        )
        row = F.pad(torch.arange(beam, device=best.device), (0, spare)).expand_as(origins)
        best = torch.where(last[:, None], closed, best)
        origins = torch.where(last[:, None], row, origins)
        tokens = tokens.masked_fill(last[:, None], end)
    return Extensions(best, origins, tokens, tokens == end)
