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
