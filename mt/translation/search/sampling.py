"""Sampling: the next token is drawn from the probabilities of the model."""

import hashlib
import random
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.translation.config import SamplingConfig


class Sampler:
    """Draws a token for every row, each row from a random stream of its own.

    So what is drawn for a sentence does not depend on what is translated beside it.
    """

    def __init__(self, config: SamplingConfig, streams: Sequence[random.Random]) -> None:
        """Take how to draw, and the stream of each row."""
        self._config = config
        self._streams = list(streams)

    @classmethod
    def of(cls, config: SamplingConfig, sources: Sequence[Sequence[int]]) -> "Sampler":
        """Give every sample of every source a stream: ``config.size`` rows a source.

        Args:
            config: How to draw.
            sources: The tokens of each sentence.
        """
        return cls(
            config,
            [
                random.Random(_seed(config.seed, number, source))  # noqa: S311 - nothing secret
                for source in sources
                for number in range(config.size)
            ],
        )

    def __call__(self, log_probabilities: Float[Tensor, "rows vocabulary"]) -> Int[Tensor, " rows"]:
        """Draw by inverting the distribution function of the tokens, likeliest first."""
        scaled = log_probabilities / self._config.temperature
        values, tokens = scaled.double().softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
        if self._config.top_k:
            values[:, self._config.top_k :] = 0.0
        totals = values.cumsum(dim=-1)
        before = totals - values
        values = values.masked_fill(before >= self._config.top_p * totals[:, -1:], 0.0)
        totals = values.cumsum(dim=-1)
        draws = [stream.random() for stream in self._streams]
        wanted = torch.tensor(draws, dtype=totals.dtype, device=totals.device)[:, None]
        places = torch.searchsorted(totals, wanted * totals[:, -1:], right=True)
        return tokens.gather(1, places.clamp(max=values.size(1) - 1))[:, 0]

    def select(self, rows: Int[Tensor, " rows"]) -> "Sampler":
        """Keep the streams of these rows."""
        return Sampler(self._config, [self._streams[row] for row in rows.tolist()])


def _seed(seed: int, number: int, source: Sequence[int]) -> int:
    """Make one seed of a seed, the number of a sample and a sentence."""
    named = f"{seed} {number} {list(source)}".encode()
    return int.from_bytes(hashlib.blake2b(named, digest_size=16).digest(), "big")
