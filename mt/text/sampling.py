"""Cut a text into pieces by chance.

SentencePiece does so too, but mixes the seed with something of its process: a run that is resumed
would not go on as it began. No piece reaches over a space, so words are cut one by one, and what
was worked out for a word is kept.
"""

import math
import random
import re
from bisect import bisect
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Protocol

from mt.text.tokenizer import Tokenizer

_KEPT_WORDS, _KEPT_CUTS = 1 << 16, 1 << 18
"""Most words, and most stages of merging words, that are remembered."""
_UNKNOWN_PENALTY = 10.0
"""How much less likely a character without a piece is than the least likely piece, as a logarithm;
SentencePiece's own number."""
_WORD = re.compile("▁[^▁]*")


class Sampler(Protocol):
    """Cuts text into the pieces of one tokenizer."""

    def __call__(self, line: str, generator: random.Random) -> list[int]:
        """Cut a line, without marks, as the random numbers say."""


class _Choices(NamedTuple):
    """The pieces that may end at a place of a word."""

    cumulative: Sequence[float]
    """Sums of the probabilities that the cut takes each of them."""
    pieces: Sequence[Sequence[int]]
    starts: Sequence[int]


class UnigramSampler:
    """Draws one of all ways to cut, by their probabilities to the power of alpha.

    Source: Kudo (2018), 3.2; forward filtering, backward sampling.
    """

    def __init__(self, tokenizer: Tokenizer, alpha: float) -> None:
        self._tokenizer = tokenizer
        self._alpha = alpha
        self._scores = tokenizer.scores
        self._ids = {name: piece for piece, name in enumerate(tokenizer.vocabulary)}
        self._longest = max(map(len, self._scores))
        self._unknown = min(self._scores.values()) - _UNKNOWN_PENALTY
        self._lattice = lru_cache(_KEPT_WORDS)(self._filter)

    def __call__(self, line: str, generator: random.Random) -> list[int]:
        """Cut a line."""
        cut: list[int] = []
        for word in _WORD.findall(self._tokenizer.normalize(line)):
            lattice = self._lattice(word)
            place, drawn = len(word), []
            while place:
                choices = lattice[place - 1]
                choice = bisect(choices.cumulative, generator.random())
                drawn.append(choices.pieces[choice])
                place = choices.starts[choice]
            for pieces in reversed(drawn):
                cut += pieces
        return cut

    def _filter(self, word: str) -> list[_Choices]:
        """Sum up the ways to each place of a word, from left to right."""
        reached = [0.0]
        lattice = []
        for end in range(1, len(word) + 1):
            ways = []
            for start in range(max(0, end - self._longest), end):
                name = word[start:end]
                score = self._scores.get(name)
                if score is not None:
                    ways.append((reached[start] + self._alpha * score, [self._ids[name]], start))
                elif start == end - 1:
                    unknown = reached[start] + self._alpha * self._unknown
                    ways.append((unknown, self._tokenizer.spell(name), start))
            logs, pieces, starts = zip(*ways, strict=True)
            most = max(logs)
            total = most + math.log(sum(math.exp(log - most) for log in logs))
            reached.append(total)
            sums, done = [], 0.0
            for log in logs:
                done += math.exp(log - total)
                sums.append(done)
            lattice.append(_Choices([*sums[:-1], 1.0], pieces, starts))
        return lattice


class BpeDropoutSampler:
    """Merges as BPE does, but in each step every possible merge is left out with a probability.

    Source: Provilkov, Emelianenko and Voita (2020), algorithm 1.
    """

    def __init__(self, tokenizer: Tokenizer, dropout: float) -> None:
        self._tokenizer = tokenizer
        self._dropout = dropout
        self._scores = tokenizer.scores
        self._ids = {name: piece for piece, name in enumerate(tokenizer.vocabulary)}
        self._merges = lru_cache(_KEPT_CUTS)(self._possible_merges)

    def __call__(self, line: str, generator: random.Random) -> list[int]:
        """Cut a line."""
        cut: list[int] = []
        for word in _WORD.findall(self._tokenizer.normalize(line)):
            for name in self._cut(word, generator):
                cut += [self._ids[name]] if name in self._scores else self._tokenizer.spell(name)
        return cut

    def _cut(self, word: str, generator: random.Random) -> tuple[str, ...]:
        symbols = tuple(word)
        while True:
            # Best first: what comes behind the first merge that is kept need not be drawn.
            kept = (place for place in self._merges(symbols) if generator.random() >= self._dropout)
            place = next(kept, None)
            if place is None:
                return symbols
            merged = symbols[place] + symbols[place + 1]
            symbols = (*symbols[:place], merged, *symbols[place + 2 :])

    def _possible_merges(self, symbols: tuple[str, ...]) -> list[int]:
        """Return the places of symbols that can be merged with the next one, the best first."""
        possible = [
            (-self._scores[left + right], place)
            for place, (left, right) in enumerate(pairwise(symbols))
            if left + right in self._scores
        ]
        return [place for _, place in sorted(possible)]
