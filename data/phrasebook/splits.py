"""Dealing pairs into train, dev and test, and writing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from phrasebook.corpus import CorpusError
from phrasebook.words import Pair, tokenize

HELD_OUT = 20
"""One pair in so many goes to dev, and one to test."""

SIGHTINGS = 3
"""How often train has each word of dev and test, at least."""


class Splits(NamedTuple):
    """The three parts of the corpus; no sentence of either language is in two of them."""

    train: list[Pair]
    dev: list[Pair]
    test: list[Pair]


def deal(pairs: Sequence[Pair]) -> Splits:
    """Deal ``pairs``, already in random order, so that every word held out is seen in training.

    Pairs are held out from the front, each one only if the others still have all its words often
    enough; the rest is train.

    Args:
        pairs: Pairs no two of which share a side.

    Raises:
        CorpusError: If there are too few pairs to hold any out that way.
    """
    size = len(pairs) // HELD_OUT
    words = [_words(pair) for pair in pairs]
    left = Counter(chain.from_iterable(words))
    held: list[Pair] = []
    train: list[Pair] = []
    for pair, its_words in zip(pairs, words, strict=True):
        own = Counter(its_words)
        if len(held) < 2 * size and all(left[word] - own[word] >= SIGHTINGS for word in own):
            left.subtract(own)
            held.append(pair)
        else:
            train.append(pair)
    if size == 0 or len(held) < 2 * size:
        raise CorpusError(
            f"--pairs: expected enough for every word of dev and test to be in train {SIGHTINGS} "
            f"times, but {len(pairs)} are too few; ask for more"
        )
    return Splits(train, held[::2], held[1::2])


def _words(pair: Pair) -> list[str]:
    # A word of one language says nothing about the same letters in the other.
    english = [f"en {word}" for word in tokenize(pair.english)]
    return english + [f"de {word}" for word in tokenize(pair.german)]


def write(splits: Splits, folder: Path) -> None:
    """Write ``{train,dev,test}.{en,de,align}``, one sentence a line.

    All files are written under other names first, so that a reader never meets half a file.

    Raises:
        OSError: If the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    moves: list[tuple[Path, Path]] = []
    try:
        for name, pairs in zip(Splits._fields, splits, strict=True):
            sides = {
                "en": [pair.english for pair in pairs],
                "de": [pair.german for pair in pairs],
                "align": [pair.pharaoh for pair in pairs],
            }
            for ending, lines in sides.items():
                final = folder / f"{name}.{ending}"
                partial = folder / f".{name}.{ending}.partial"
                moves.append((partial, final))
                text = "".join(f"{line}\n" for line in lines)
                partial.write_text(text, encoding="utf-8", newline="\n")
        for partial, final in moves:
            partial.replace(final)
    finally:
        for partial, _ in moves:
            partial.unlink(missing_ok=True)
