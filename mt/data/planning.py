"""The batches of a shard: pairs of similar length, in random order."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Integer

_BLOCK = 65_536
"""Pairs whose sort keys are computed at a time."""


def plan_batches(
    source_lengths: Integer[np.ndarray, " pairs"],
    target_lengths: Integer[np.ndarray, " pairs"],
    budget: int,
    key: Sequence[int],
) -> list[Integer[np.ndarray, " rows"]]:
    """Group pairs into batches with little padding, in random order.

    All are sorted by length and cut into batches, whose order is then shuffled. Pairs of the same
    lengths are shuffled before, so that batches differ from key to key. Depends on the arguments
    alone.

    Args:
        source_lengths: Tokens of each source, end mark included.
        target_lengths: Tokens of each target, likewise.
        budget: Most tokens of a batch on its longer side, padding included: rows times the longest
            sentence.
        key: Chooses the order.

    Returns:
        Indices of the pairs of each batch; every pair occurs exactly once.

    Raises:
        ValueError: If a pair alone exceeds the budget.

    Cost: O(pairs log pairs) time; 16 bytes a pair while it works, 4 bytes a pair in the result.
    """
    if not len(source_lengths):
        return []
    longest = int(max(source_lengths.max(), target_lengths.max()))
    if longest > budget:
        raise ValueError(f"budget: expected at least {longest}, the longest pair, got {budget}")
    generator = np.random.default_rng(key)
    order = _sort(source_lengths, target_lengths, longest, generator)
    ends = list(_cut(source_lengths, target_lengths, order, budget))
    batches = np.split(order, ends[:-1])
    return [batches[index] for index in generator.permutation(len(batches))]


def _sort(
    source: Integer[np.ndarray, " pairs"],
    target: Integer[np.ndarray, " pairs"],
    longest: int,
    generator: np.random.Generator,
) -> Integer[np.ndarray, " pairs"]:
    """Order pairs so that neighbours have similar lengths on both sides.

    By the longer side, which the budget counts, and within that by how much longer it is than the
    other: up and down in turn, so that neighbours across a border are alike too. What is equal in
    both stays in the order of a shuffle. All three make one number a pair, which is sorted in
    place: with millions of pairs, each array of them counts.
    """
    pairs = len(source)
    order = np.arange(pairs, dtype=np.int32 if pairs < 2**31 else np.int64)
    generator.shuffle(order)
    occurs = np.zeros(longest + 1, bool)
    for block in _blocks(pairs):
        occurs[np.maximum(source[block], target[block])] = True
    ranks = np.cumsum(occurs) - 1
    up = np.where((ranks + generator.integers(2)) % 2 == 0, 1, -1)
    differences = 2 * longest + 1
    assert int(ranks[-1] + 1) * differences * pairs < 2**63, "no number is large enough"
    keys = np.empty(pairs, np.int64)
    for block in _blocks(pairs):
        rows = order[block]
        sources, targets = source[rows].astype(np.int64), target[rows].astype(np.int64)
        longer = np.maximum(sources, targets)
        key = ranks[longer] * differences + up[longer] * (sources - targets) + longest
        keys[block] = key * pairs + np.arange(block.start, block.stop)
    keys.sort()
    keys %= pairs
    return order[keys]


def _blocks(pairs: int) -> Iterator[slice]:
    for start in range(0, pairs, _BLOCK):
        yield slice(start, min(start + _BLOCK, pairs))


def _cut(
    source: Integer[np.ndarray, " pairs"],
    target: Integer[np.ndarray, " pairs"],
    order: Integer[np.ndarray, " pairs"],
    budget: int,
) -> Iterator[int]:
    """Yield the end of each batch of sorted pairs.

    A batch ends where the share of real tokens is best, if every batch is taken to cost a tenth of
    the budget besides its own tokens: without that batches would shrink to pairs of equal lengths,
    and with cuts at the budget alone those that straddle two lengths would be padded more.
    """
    start = 0
    while start < len(order):
        most = budget // max(int(source[order[start]]), int(target[order[start]]))
        window = order[start : start + most]
        sources, targets = source[window].astype(np.int64), target[window].astype(np.int64)
        rows = np.arange(1, len(window) + 1)
        longest_source = np.maximum.accumulate(sources)
        longest_target = np.maximum.accumulate(targets)
        allowed = rows * np.maximum(longest_source, longest_target) <= budget
        real = np.cumsum(sources + targets)
        padded = rows * (longest_source + longest_target)
        start += 1 + int(np.argmax(np.where(allowed, real / (padded + budget / 10), 0)))
        yield start
