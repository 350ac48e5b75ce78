"""Bootstrap resampling of a test set, drawn as sacreBLEU draws it but never all at once."""

import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Float64

BLOCK = 16
"""Resamples summed at once: a product of matrices takes a tenth of the time of single rows."""


def seed() -> str:
    """Return what sacreBLEU seeds its resamples with; ``none`` draws others each time."""
    return os.environ.get("SACREBLEU_SEED", "12345").lower()


def resampled_sums(
    statistics: Float64[np.ndarray, "lines counts"], resamples: int
) -> Iterator[Float32[np.ndarray, " counts"]]:
    """Draw lines with replacement, as many as there are, and sum their statistics.

    The lines are those of sacreBLEU, which draws all resamples together and so holds
    ``resamples x lines x counts`` numbers: 4 GB for 100,000 lines. Drawn one after the other they
    come from the same random stream. Sums are rounded to float32, as sacreBLEU computes with them.

    Source: Koehn (2004), "Statistical Significance Tests for Machine Translation Evaluation".
    """
    known = seed()
    generator = np.random.default_rng(None if known == "none" else int(known))
    lines = len(statistics)
    for first in range(0, resamples, BLOCK):
        times = np.empty((min(BLOCK, resamples - first), lines))
        for row in times:
            row[:] = np.bincount(generator.integers(lines, size=lines), minlength=lines)
        yield from (times @ statistics).astype(np.float32)


def shuffled_sums(
    one: Float64[np.ndarray, "lines counts"],
    other: Float64[np.ndarray, "lines counts"],
    trials: int,
) -> Iterator[tuple[Float64[np.ndarray, " counts"], Float64[np.ndarray, " counts"]]]:
    """Exchange two translations of a line by the toss of a coin, and sum their statistics.

    The coins are those of sacreBLEU, which tosses them all together and so holds
    ``trials x lines`` of them.

    Source: Riezler and Maxwell (2005), "On Some Pitfalls in Automatic Evaluation and Significance
    Testing for MT".
    """
    known = seed()
    generator = np.random.default_rng(None if known == "none" else int(known))
    both = np.hstack([one, other])
    width = one.shape[1]
    # NumPy takes 32 coins from a random number and drops the rest of the last: blocks of 32 rows
    # leave no rest, wherever they end.
    for first in range(0, trials, 2 * BLOCK):
        size = min(2 * BLOCK, trials - first), len(one)
        heads = generator.integers(2, size=size, dtype=bool).astype(np.float64)
        chosen, others = heads @ both, (1 - heads) @ both
        for kept, left in zip(chosen, others, strict=True):
            yield kept[:width] + left[width:], left[:width] + kept[width:]
