"""What a translation would have become with another token in each of its positions."""

from collections.abc import Sequence

import torch

from mt.text.tokenizer import END, START
from mt.translation.config import SearchConfig, longest_translation
from mt.translation.contract import NEVER
from mt.translation.engines.torch import BATCH_TOKENS, TorchEngine
from mt.translation.search import ForcePrefix, Limits, Suppress, run_search


@torch.inference_mode()
def translate_variants(
    engine: TorchEngine,
    source: Sequence[int],
    target: Sequence[int],
    others: Sequence[Sequence[int]],
    config: SearchConfig,
) -> list[tuple[int, ...]]:
    """Translate a source once for every token that may replace one of its target.

    A variant begins with the target up to a token, then another token, and goes on as search finds
    best; the beginning counts in its score as if search had chosen it. What variants share is read
    once: the source, and the target token by token; each batch of variants branches off from there.

    Args:
        engine: Its model scores the tokens.
        source: Token ids without marks.
        target: Token ids, with or without the end mark.
        others: Of each target token, in order: those to put in its position. They may be the end
            mark.
        config: How to search.

    Returns:
        The best variant for each other token, in the order of ``others``; without marks.
    """
    model, device, beam = engine.model, engine.device, config.kept
    branches = [(index, token) for index, row in enumerate(others) for token in row]
    size = max(1, BATCH_TOKENS // beam // (len(source) + 1))
    found: list[tuple[int, ...]] = []
    state, read = model.start(torch.tensor([[*source, END]], device=device), 1), 0
    log_probability = 0.0
    for first in range(0, len(branches), size):
        batch = branches[first : first + size]
        shared = batch[0][0]
        for index in range(read, shared):
            token = torch.tensor([(START, *target)[index]], device=device)
            logits, state = model.step(token, state)
            log_probability += float(logits[0].float().log_softmax(dim=-1)[target[index]])
        read = shared
        begun, log_probability_begun = tuple(target[:read]), log_probability

        def score(continued: float, length: int) -> float:
            """Score the beginning and what search adds to it."""
            return config.score(log_probability_begun + continued, len(begun) + length)  # noqa: B023

        row = torch.zeros(len(batch), dtype=torch.long, device=device)
        prefixes = [(*target[read:index], token) for index, token in batch]
        longest = longest_translation(len(source)) - read
        hypotheses = run_search(
            config,
            model,
            state.select(row.repeat_interleave(beam), row),
            Limits(
                start=(START, *begun)[-1],
                end=END,
                lengths=tuple(max(longest, len(prefix) + 1) for prefix in prefixes),
            ),
            device,
            [Suppress(sorted(NEVER)), ForcePrefix.of(prefixes, beam, device)],
            score,
        )
        found += [begun + best.tokens for best, *_ in hypotheses]
    return found
