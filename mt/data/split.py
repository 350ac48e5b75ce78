"""Divide a corpus into parts for training, validation and test, between which nothing leaks.

Pairs that share a sentence belong together, and so do the pairs that share another sentence with
those, and so on: whole groups of this kind are dealt out. Whether two sentences are the same is
decided without case, punctuation and digits. The corpus is read twice, and memory holds two
numbers of 64 bits and some of their order for each pair, not the text.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped, UInt8, UInt64

from mt.data.corpora import Corpus, Pair
from mt.data.pairs import Joined
from mt.errors import DataError
from mt.outputs import open_output
from mt.text.digests import bare, digest

PARTS = "train", "validation", "test"
_TRAIN, _VALIDATION, _TEST, _NONE = range(4)
_LARGEST_GROUP = 0.02
"""Share of a held-out part that one group may fill at most; larger groups are learnt from."""


@dataclass(frozen=True)
class Division:
    """Which part each pair of a corpus belongs to."""

    parts: UInt8[np.ndarray, " pairs"]
    """Places in :data:`PARTS`; 3 for a pair with a blank side, which is of no use."""
    groups: int
    """Groups of pairs that must not part."""
    largest: int
    """Pairs of the largest group."""

    def count(self, part: str) -> int:
        """Return the pairs of a part."""
        return int(np.count_nonzero(self.parts == PARTS.index(part)))

    @property
    def blank(self) -> int:
        """Pairs that belong to no part, as a side of them is blank."""
        return int(np.count_nonzero(self.parts == _NONE))


def divide(
    corpus: Corpus | Joined,
    validation: float,
    test: float,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> Division:
    """Deal out the groups of a corpus at random.

    Args:
        corpus: What to read.
        validation: Pairs for validation; below 1, their share of the corpus.
        test: Pairs for the test, likewise.
        seed: The same one deals the same corpus out alike.
        progress: Called with the number of pairs read, every few thousand.

    Raises:
        DataError: If it cannot be read, or so many pairs cannot be set aside.
    """
    digests, text = _read(corpus, progress)
    groups = _groups(*(column[text] for column in digests))
    wanted = [_wanted(each, len(groups)) for each in (validation, test)]
    if sum(wanted) > len(groups) / 2:
        raise DataError(
            f"{corpus.where}: expected twice as many pairs as are set aside, {sum(wanted):,}, but "
            f"found {len(groups):,} with text on both sides; add text, or ask for less"
        )
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    dealt = np.full(len(sizes), _TRAIN, np.uint8)
    start = 0
    for part, number in zip((_VALIDATION, _TEST), wanted, strict=True):
        start += _fill(dealt, sizes, order[start:], part, number)
        found = int(sizes[dealt == part].sum())
        if found < number:
            raise DataError(
                f"{corpus.where}: expected {number:,} pairs for {PARTS[part]} that share no "
                f"sentence with the others, but found {found:,}; ask for less"
            )
    parts = np.full(len(text), _NONE, np.uint8)
    parts[text] = dealt[groups]
    return Division(parts, len(sizes), int(sizes.max(initial=0)))


def write_parts(
    corpus: Corpus | Joined,
    division: Division,
    languages: tuple[str, str],
    directory: Path,
    progress: Callable[[int], object] | None = None,
) -> list[Path]:
    """Write the parts as two text files each, which are complete or absent.

    Args:
        corpus: What was divided.
        division: How.
        languages: The suffixes of the files; of two equal ones ``source`` and ``target`` are.
        directory: Where they go, as ``train.de`` and so on.
        progress: Called with the number of pairs read, every few thousand.

    Returns:
        The files, those of parts without a pair left out.

    Raises:
        DataError: If the corpus cannot be read, or has changed, or a file cannot be written.
    """
    files = files_of(languages, directory, [part for part in PARTS if division.count(part)])
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        outputs = {path: stack.enter_context(open_output(path)) for path in files}
        sides = {
            part: [outputs.get(path) for path in files_of(languages, directory, [part])]
            for part in PARTS
        }
        count = 0
        for pair in corpus.pairs():
            if count < len(division.parts) and division.parts[count] != _NONE:
                for file, line in zip(sides[PARTS[division.parts[count]]], pair, strict=True):
                    assert file is not None
                    file.write(f"{line}\n")
            count += 1
            if progress and count % 4096 == 0:
                progress(count)
        if count != len(division.parts):
            raise DataError(
                f"{corpus.where}: expected {len(division.parts):,} pairs as before, but found "
                f"{count:,}; do not change it while it is divided"
            )
    return files


def files_of(
    languages: tuple[str, str], directory: Path, parts: Sequence[str] = PARTS
) -> list[Path]:
    """Name the files of parts, one after the other, each source before its target."""
    suffixes = languages if len(set(languages)) > 1 else ("source", "target")
    return [directory / f"{part}.{suffix}" for part in parts for suffix in suffixes]


def _read(
    corpus: Corpus | Joined, progress: Callable[[int], object] | None
) -> tuple[list[UInt64[np.ndarray, " pairs"]], Shaped[np.ndarray, " pairs"]]:
    """Read the digests of both sides, and whether both hold text."""
    numbers = np.fromiter(_digests(corpus.pairs(), progress), np.dtype((np.uint64, 2)))
    text = (numbers != 0).all(axis=1)
    return [numbers[:, 0], numbers[:, 1]], text


def _digests(
    pairs: Iterator[Pair], progress: Callable[[int], object] | None
) -> Iterator[tuple[int, int]]:
    for count, (source, target) in enumerate(pairs, start=1):
        blank = not source.strip() or not target.strip()
        yield (0, 0) if blank else (digest(bare(source)) or 1, digest(bare(target)) or 1)
        if progress and count % 4096 == 0:
            progress(count)


def _groups(
    source: UInt64[np.ndarray, " pairs"], target: UInt64[np.ndarray, " pairs"]
) -> Int[np.ndarray, " pairs"]:
    """Number the groups of pairs that are linked by sentences, from 0.

    The least number of a pair spreads over all that share its source, then over all that share its
    target, until nothing changes; in between every pair takes the number of the pair whose number
    it has, which halves the way, as in union-find.
    """
    sides = [np.unique(side, return_inverse=True)[1] for side in (source, target)]
    numbers = np.arange(len(source))
    while True:
        before = numbers
        for side in sides:
            least = np.full(int(side.max(initial=-1)) + 1, len(source))
            np.minimum.at(least, side, numbers)
            numbers = least[side]
            numbers = numbers[numbers]
        if np.array_equal(numbers, before):
            break
    return np.unique(numbers, return_inverse=True)[1]


def _wanted(size: float, pairs: int) -> int:
    return round(size * pairs) if size < 1 else round(size)


def _fill(
    dealt: UInt8[np.ndarray, " groups"],
    sizes: Int[np.ndarray, " groups"],
    order: Int[np.ndarray, " rest"],
    part: int,
    wanted: int,
) -> int:
    """Give a part the next groups that fit, and return how many were looked at."""
    largest = max(1, int(_LARGEST_GROUP * wanted))
    left = wanted
    for place, group in enumerate(order):
        if not left:
            return place
        if sizes[group] <= min(left, largest):
            dealt[group] = part
            left -= int(sizes[group])
    return len(order)
