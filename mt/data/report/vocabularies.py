"""What vocabularies of several sizes would make of a corpus."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mt.data.filters.contract import Sides
from mt.errors import DataError
from mt.text.tokenizer import Tokenizer, TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers

SIZES = 500, 1000, 4000, 8000, 16_000, 32_000
"""Vocabularies that are tried."""
_LEARNT_FROM = 0.9
"""Share of the sample that pieces are learnt from; they are counted in the rest."""


@dataclass(frozen=True)
class Vocabulary:
    """What a joint vocabulary makes of sentences that it was not learnt from."""

    size: int
    source_tokens: float
    """Mean tokens of a source sentence."""
    target_tokens: float
    bytes: float
    """Share of tokens that spell a single byte, as no piece covers the character."""
    seconds: float
    """Time that learning it took."""


def try_vocabularies(
    sample: Sequence[Sides], seed: int, progress: Callable[[int], object] | None = None
) -> Iterator[Vocabulary]:
    """Learn joint vocabularies from a sample, and count the tokens of the rest of it.

    Sizes for which the sample has too little text, or too many characters, are left out.

    Args:
        sample: Pairs in random order.
        seed: See :func:`mt.text.tokenizer.train_tokenizers`.
        progress: Called with each size before it is learnt.
    """
    border = int(len(sample) * _LEARNT_FROM)
    learnt, rest = sample[:border], sample[border:]
    if not rest:
        return
    for size in SIZES:
        if progress:
            progress(size)
        began = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory() as directory:
                tokenizers = train_tokenizers(
                    TokenizerConfig(size=size), learnt, seed, Path(directory)
                )
        except DataError:
            continue
        seconds = time.perf_counter() - began
        sides = [tokenizers.source.encode(lines) for lines in zip(*rest, strict=True)]
        source, target = (sum(map(len, side)) for side in sides)
        spelt = _bytes_of(tokenizers.source)
        single = sum(token in spelt for side in sides for line in side for token in line)
        share = single / max(1, source + target)
        yield Vocabulary(size, source / len(rest), target / len(rest), share, seconds)


def _bytes_of(tokenizer: Tokenizer) -> set[int]:
    return {number for number, name in enumerate(tokenizer.vocabulary) if name.startswith("<0x")}
