"""Sampling: the next token is drawn from the probabilities of the model."""

import hashlib
import random
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.kernels.top_k import top_k
from mt.translation.config import SamplingConfig

_FEW = 64
"""Likeliest tokens that mostly hold all the probability that is asked for."""


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
        """Draw by inverting the distribution function of the tokens that may be drawn."""
        probabilities = (log_probabilities / self._config.temperature).softmax(dim=-1)
        numbers = [stream.random() for stream in self._streams]
        draws = torch.tensor(numbers, dtype=torch.double, device=probabilities.device)
        if self._config.top_k:
            values, tokens = top_k(probabilities, self._config.top_k)
            return self._draw_likely(values / values.sum(dim=-1, keepdim=True), tokens, draws)
        if self._config.top_p < 1:
            return self._draw_nucleus(probabilities, draws)
        return _invert(probabilities, draws)

    def _draw_nucleus(
        self, probabilities: Float[Tensor, "rows vocabulary"], draws: Float[Tensor, " rows"]
    ) -> Int[Tensor, " rows"]:
        """Draw among the likeliest tokens; a row is sorted only where these may be many."""
        values, tokens = top_k(probabilities, _FEW)
        drawn = self._draw_likely(values, tokens, draws)
        [many] = (values.sum(dim=-1) < self._config.top_p).nonzero(as_tuple=True)
        if len(many):
            values, tokens = probabilities[many].sort(dim=-1, descending=True, stable=True)
            drawn[many] = self._draw_likely(values, tokens, draws[many])
        return drawn

    def _draw_likely(
        self,
        values: Float[Tensor, "rows likeliest"],
        tokens: Int[Tensor, "rows likeliest"],
        draws: Float[Tensor, " rows"],
    ) -> Int[Tensor, " rows"]:
        """Draw among tokens, the likeliest first, of which those before reach less than `top_p`."""
        before = values.double().cumsum(dim=-1) - values
        places = _invert(values.masked_fill(before >= self._config.top_p, 0.0), draws)
        return tokens.gather(1, places[:, None])[:, 0]

    def select(self, rows: Int[Tensor, " rows"]) -> "Sampler":
        """Keep the streams of these rows."""
        return Sampler(self._config, [self._streams[row] for row in rows.tolist()])


def _seed(seed: int, number: int, source: Sequence[int]) -> int:
    """Make one seed of a seed, the number of a sample and a sentence."""
    named = f"{seed} {number} {list(source)}".encode()
    return int.from_bytes(hashlib.blake2b(named, digest_size=16).digest(), "big")


def _invert(
    weights: Float[Tensor, "rows tokens"], draws: Float[Tensor, " rows"]
) -> Int[Tensor, " rows"]:
    """Return the column of each row at which its distribution function exceeds a number.

    Args:
        weights: Not negative. Of a row that has none that is positive, or one that is no number,
            the last column is returned.
        draws: From 0 to below 1, in double precision.
    """
    totals = weights.double().cumsum(dim=-1)
    wanted = draws[:, None] * totals[:, -1:]
    return torch.searchsorted(totals, wanted, right=True)[:, 0].clamp(max=weights.shape[1] - 1)
