"""Diverse beam search: groups of hypotheses that avoid each other's tokens."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mt.translation.config import DiverseBeamConfig
from mt.translation.contract import Hypothesis
from mt.translation.search.beam import extend
from mt.translation.search.contract import Coverage, Limits, S, Score, Scorer
from mt.translation.search.greedy import finished
from mt.translation.search.processors import Processor, process


def diverse_beam_search(  # noqa: PLR0917 - as the docstring names them
    config: DiverseBeamConfig,
    scorer: Scorer[S],
    state: S,
    limits: Limits,
    device: torch.device,
    processors: Sequence[Processor],
    score: Score,
    coverage: Coverage[S] | None = None,
) -> list[list[Hypothesis]]:
    """Find likely translations of each sentence that differ from each other.

    The hypotheses of a sentence are groups, each with a beam of its own; see :func:`beam_search`.
    At every step one group after the other chooses its extensions, and a token costs
    ``config.diversity`` for each living hypothesis of the groups before that has just chosen it.
    Costs add up in what a group ranks its hypotheses by, while the finished ones of all groups are
    ranked by their log-probability. The first group finds what a beam of its size would.

    Args:
        config: How many groups, of how many hypotheses, and how much they avoid each other.
        scorer: Scores the next token.
        state: Before the first step, ``config.size`` equal rows a sentence.
        limits: Marks and lengths.
        device: Where the scorer's tensors are.
        processors: Change the log-probabilities of every step, in this order.
        score: Ranks the finished hypotheses of a sentence.
        coverage: What is added to their scores; ``None``: nothing.

    Returns:
        Of each sentence, in order: different finished hypotheses, at least one and at most
        ``config.size``, best first.

    Source: Vijayakumar et al. (2018), section 4 and algorithm 1, with Hamming diversity.
    """
    groups = config.groups or config.size
    size = config.size // groups
    shape = len(limits.lengths), groups, size
    lengths = torch.tensor(limits.lengths, device=device)
    alive = torch.arange(len(lengths), device=device)
    counts = torch.zeros(shape[:2], dtype=torch.long, device=device)
    written = torch.empty(*shape, 0, dtype=torch.long, device=device)
    tokens = torch.full(shape, limits.start, device=device)
    totals = torch.full(shape, -torch.inf, device=device)
    totals[:, :, 0] = 0.0  # the rows of a group are still equal: extend one of them only
    ranks = totals.clone()  # with the costs of diversity
    found: list[dict[tuple[int, ...], Hypothesis]] = [{} for _ in limits.lengths]

    for step in range(max(limits.lengths)):
        logits, state = scorer.step(tokens.flatten(), state)
        flat = process(logits, written.flatten(0, 2), processors)
        log_probabilities = torch.unflatten(flat, 0, (-1, groups, size))
        added = torch.zeros_like(totals) if coverage is None else coverage(state).view_as(totals)
        last, numbers = lengths[alive] == step + 1, alive.tolist()
        chosen = log_probabilities.new_zeros(len(alive), log_probabilities.size(-1))
        kept: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for group in range(groups):
            costly = log_probabilities[:, group] - config.diversity * chosen[:, None]
            best = extend(ranks[:, group], costly.flatten(0, 1), limits.end, last)
            sentences = torch.arange(len(alive), device=device)[:, None]
            sums = totals[:, group].gather(1, best.origins)
            sums = sums + log_probabilities[sentences, group, best.origins, best.tokens]

            for sentence, row, total, covered in best.endings(
                size, sums, written[:, group], added[:, group]
            ):
                pool = found[numbers[sentence]]
                pool.setdefault(tuple(row), finished(row, total, score, covered))

            counts[:, group] += best.ends(size).sum(dim=1)
            done = last | (counts[:, group] >= size)
            going_on = best.totals.masked_fill(best.ended | done[:, None], -torch.inf)
            ranked, order = going_on.topk(size, dim=-1)
            origins, latest, sums = (
                each.gather(1, order) for each in (best.origins, best.tokens, sums)
            )
            chosen.scatter_add_(1, latest, ranked.isfinite().to(chosen.dtype))
            kept.append((ranked, sums, origins, latest))

        ranks, totals, origins, tokens = (
            torch.stack(each, dim=1) for each in zip(*kept, strict=True)
        )
        going = ranks.isfinite().flatten(1).any(dim=1).nonzero()[:, 0]
        if not len(going):
            break
        ranks, totals, origins, tokens = (each[going] for each in (ranks, totals, origins, tokens))
        places = torch.arange(groups, device=device)[:, None]
        written = torch.cat((written[going[:, None, None], places, origins], tokens[..., None]), -1)
        rows = ((going[:, None, None] * groups + places) * size + origins).flatten()
        state = state.select(rows, going if len(going) < len(alive) else None)
        processors = [processor.select(rows) for processor in processors]
        alive, counts = alive[going], counts[going]

    return [sorted(pool.values(), key=lambda each: -each.score)[: config.size] for pool in found]
