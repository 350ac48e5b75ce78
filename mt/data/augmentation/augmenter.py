"""Batches of pairs that are changed anew in each epoch."""

import random
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from mt.data.augmentation.config import AugmentationConfig
from mt.data.augmentation.noise import Noise, pair_generator
from mt.data.batches import Batch
from mt.data.corpora import Pair
from mt.data.planning import plan_batches
from mt.text.sampling import Sampler
from mt.text.tokenizer import END, PAD, UNKNOWN, Tokenizers

_Sides = tuple[list[int], list[int]]
"""The tokens of a source and of its target, without ``END``."""
_Row = Int64[np.ndarray, " tokens"]


class Augmenter:
    """Changes pairs by chance, alike after every stop and in every process.

    What happens to a pair depends on the seed, the epoch and its number alone; if the weight of its
    corpus shows it twice in an epoch, the same happens to it twice. Its text is decoded from its
    tokens, which hold all that normalization has left of it, changed, and encoded again. A tag
    stays in front of the source as it is.
    """

    def __init__(
        self,
        config: AugmentationConfig,
        tokenizers: Tokenizers,
        languages: tuple[str, str],
        most_tokens: int,
        seed: int,
    ) -> None:
        """Prepare to change pairs.

        Args:
            config: What happens how often.
            tokenizers: Made the tokens of the pairs.
            languages: Source and target language tags, which say how capitals are written.
            most_tokens: Most tokens of a side, ``END`` included; a pair that would have more stays
                as it is.
            seed: Of the run.
        """
        self._config = config
        self._tokenizers = tokenizers
        self._noise = Noise(config, languages)
        regularization = config.subword_regularization
        self._samplers: tuple[Sampler, Sampler] | None = None
        if regularization is not None:
            source = regularization.build(tokenizers.source)
            alike = tokenizers.source.model == tokenizers.target.model
            target = source if alike else regularization.build(tokenizers.target)
            self._samplers = source, target
        self._most_tokens = most_tokens
        self._seed = seed

    def batches(
        self,
        planned: Iterable[tuple[Batch, Integer[np.ndarray, " rows"]]],
        epoch: int,
        budget: int,
        key: Sequence[int],
    ) -> Iterator[Batch]:
        """Change the pairs of several batches, and group them anew, as some have become longer.

        Args:
            planned: Batches of pairs as they are, each with the numbers of its pairs.
            epoch: Counts from 0.
            budget: Most tokens of a batch on its longer side, padding included.
            key: Chooses the order of the new batches.
        """
        sources: list[_Row] = []
        targets: list[_Row] = []
        for batch, numbers in planned:
            for source, target in self._pairs(batch, numbers, epoch):
                sources.append(np.array([*source, END]))
                targets.append(np.array([*target, END]))
        groups = plan_batches(_lengths(sources), _lengths(targets), budget, key)
        for rows in groups:
            yield Batch.of(_rectangle(sources, rows), _rectangle(targets, rows))

    def _pairs(
        self, batch: Batch, numbers: Integer[np.ndarray, " rows"], epoch: int
    ) -> Iterator[_Sides]:
        """Yield the pairs of a batch, changed where the length allows it."""
        tags, sources = zip(*map(self._split_tag, _rows(batch.source)), strict=True)
        plain = list(zip(sources, _rows(batch.target), strict=True))
        generators = [pair_generator(self._seed, epoch, number) for number in numbers.tolist()]
        for tag, before, after in zip(tags, plain, self._changed(plain, generators), strict=True):
            fits = all(after) and max(len(tag) + len(after[0]), len(after[1])) < self._most_tokens
            source, target = after if fits else before
            yield [*tag, *source], target

    def _split_tag(self, source: list[int]) -> _Sides:
        """Split a source into its tag, if it has one, and what may be changed."""
        end = int(source[0] in self._tokenizers.source.tag_tokens)
        return source[:end], source[end:]

    def _changed(
        self, pairs: Sequence[_Sides], generators: Sequence[random.Random]
    ) -> Iterator[_Sides]:
        """Yield what chance makes of each pair."""
        sources, targets = zip(*pairs, strict=True)
        decoded = (self._tokenizers.source.decode(sources), self._tokenizers.target.decode(targets))
        texts = list(map(Pair, *decoded))
        noisy = list(map(self._noise, texts, generators))
        encoded = (
            self._encode_changed(pairs, texts, noisy)
            if self._samplers is None
            else _sample(self._samplers, noisy, generators)
        )
        dropout = self._config.word_dropout
        for (source, target), generator in zip(encoded, generators, strict=True):
            yield _drop(source, dropout, generator) if dropout else source, target

    def _encode_changed(
        self, pairs: Sequence[_Sides], texts: Sequence[Pair], noisy: Sequence[Pair]
    ) -> Iterator[_Sides]:
        """Encode what has changed."""
        changed = [after for before, after in zip(texts, noisy, strict=True) if after is not before]
        sources = iter(self._tokenizers.source.encode([pair.source for pair in changed]))
        targets = iter(self._tokenizers.target.encode([pair.target for pair in changed]))
        for pair, before, after in zip(pairs, texts, noisy, strict=True):
            yield pair if after is before else (next(sources), next(targets))


def _rows(side: Int64[Tensor, "rows longest"]) -> list[list[int]]:
    """Return the tokens of each row, without ``END`` and padding."""
    lengths = (side != PAD).sum(dim=1) - 1
    return [row[:length] for row, length in zip(side.tolist(), lengths.tolist(), strict=True)]


def _sample(
    samplers: tuple[Sampler, Sampler], pairs: Sequence[Pair], generators: Sequence[random.Random]
) -> Iterator[_Sides]:
    """Encode pairs in tokens that are drawn by chance."""
    source, target = samplers
    for pair, generator in zip(pairs, generators, strict=True):
        yield source(pair.source, generator), target(pair.target, generator)


def _drop(tokens: list[int], rate: float, generator: random.Random) -> list[int]:
    return [UNKNOWN if generator.random() < rate else token for token in tokens]


def _lengths(side: Sequence[_Row]) -> Int64[np.ndarray, " rows"]:
    return np.array([len(row) for row in side])


def _rectangle(
    side: Sequence[_Row], rows: Integer[np.ndarray, " rows"]
) -> Int64[Tensor, "rows longest"]:
    """Put some rows into a rectangle."""
    chosen = [side[row] for row in rows.tolist()]
    lengths = _lengths(chosen)
    real = np.arange(lengths.max()) < lengths[:, None]
    rectangle = np.full(real.shape, PAD)
    rectangle[real] = np.concatenate(chosen)
    return torch.from_numpy(rectangle)
