"""What is measured of a block of pairs, by whichever process; blocks are put together elsewhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from zlib import crc32

import numpy as np
from jaxtyping import Int, UInt64

from mt.data.corpora import Pair
from mt.data.filters import Filter
from mt.data.filters.contract import Sides
from mt.data.report.shift import Outlines
from mt.text.digests import bare, digest

SHOWN = 50
"""Suspicious pairs that a report shows."""

_ENDS = {
    character: kind
    for kind, characters in enumerate((".。．।։۔…", "?？؟;", "!！", ":：", ",，、،"), start=1)
    for character in characters
}
_LETTER, _OTHER = 6, 7
_CLOSING = "\"'“”„«»‘’)]）」』 \t\u00a0"
"""What may stand behind the mark that ends a sentence."""
_NAMES = re.compile(r"\b[^\W_a-z]\w*")
"""Words that may be names or numbers; of other scripts, words in small letters too."""


@dataclass(frozen=True)
class Suspicious:
    """A pair that filters object to."""

    line: int
    """From 1, in the block that was measured, or in the whole corpus."""
    pair: Pair
    reasons: tuple[str, ...]
    """By the names of the filters, as in ``length ratio 4.2``."""
    weight: float
    """Suspicious pairs with more come first."""


@dataclass(frozen=True)
class SideMeasures:
    """One side of a block."""

    outlines: Outlines
    words: Int[np.ndarray, " lines"]
    """Counted between spaces."""
    digests: UInt64[np.ndarray, " lines"]
    """Numbers that stand for the lines as they are, white space at their edges left out."""
    bare_digests: UInt64[np.ndarray, " lines"]
    """Numbers that stand for the lines without case, punctuation and digits."""
    characters: dict[int, int]
    """How often each code point occurs."""


@dataclass(frozen=True)
class BlockMeasures:
    """What was measured of some pairs that follow each other."""

    source: SideMeasures
    target: SideMeasures
    objections: dict[str, int]
    """How many pairs each filter would remove if it were the only one."""
    removed: int
    """How many pairs at least one filter would remove."""
    suspicious: list[Suspicious]

    def __len__(self) -> int:
        return len(self.source.words)


def measure(pairs: Sequence[Sides], filters: dict[str, Filter]) -> BlockMeasures:
    """Measure a block of pairs.

    Args:
        pairs: The block.
        filters: By the names of their kinds; each is asked about every pair.
    """
    source, target = (measure_side(lines) for lines in zip(*pairs, strict=True))
    reasons: dict[int, list[str]] = {}
    objections: dict[str, int] = {}
    for name, each in filters.items():
        for row, reason in enumerate(each.reasons(pairs)):
            if reason is not None:
                objections[name] = objections.get(name, 0) + 1
                reasons.setdefault(row, []).append(f"{reason.name}: {reason.measure}")
    return BlockMeasures(source, target, objections, len(reasons), _choose(pairs, reasons))


def measure_side(lines: Sequence[str]) -> SideMeasures:
    """Measure one side of a block."""
    return SideMeasures(
        outlines(lines),
        np.array([len(line.split()) for line in lines]),
        np.array([digest(line.strip()) for line in lines], np.uint64),
        np.array([digest(bare(line)) for line in lines], np.uint64),
        _count_characters(lines),
    )


def outlines(lines: Sequence[str]) -> Outlines:
    """Keep what of lines survives translation: lengths, kinds of ends, numbers and names."""
    lengths, ends, anchors = [], [], []
    for line in lines:
        text = line.strip()
        last = (text.rstrip(_CLOSING) or text)[-1:]
        lengths.append(len(text))
        ends.append(_ENDS.get(last) or (_LETTER if last.isalnum() else _OTHER) if last else 0)
        found = 0
        for word in _NAMES.findall(text):
            if not word[0].islower():
                found |= 1 << (crc32(word.encode("utf-8", "surrogatepass")) & 63)
        anchors.append(found)
    return Outlines(np.array(lengths), np.array(ends, np.uint8), np.array(anchors, np.uint64))


def _count_characters(lines: Sequence[str]) -> dict[int, int]:
    data = "".join(lines).encode("utf-32-le", errors="surrogatepass")
    counts = np.bincount(np.frombuffer(data, "<u4"))
    [codes] = np.nonzero(counts)
    return dict(zip(codes.tolist(), counts[codes].tolist(), strict=True))


def _choose(pairs: Sequence[Sides], reasons: dict[int, list[str]]) -> list[Suspicious]:
    """Keep, for each first reason, as many pairs as could be shown."""
    by_reason: dict[str, list[Suspicious]] = {}
    for row, found in reasons.items():
        source, target = pairs[row]
        lengths = sorted((len(source) + 5, len(target) + 5))
        weight = len(found) + min(lengths[1] / lengths[0], 100) / 100
        each = Suspicious(row + 1, Pair(source, target), tuple(found), weight)
        by_reason.setdefault(found[0].split(":")[0], []).append(each)
    return [each for group in by_reason.values() for each in most_suspicious(group)]


def most_suspicious(group: Sequence[Suspicious]) -> list[Suspicious]:
    """Return those that filters object to most, at most as many as are shown."""
    return nlargest(SHOWN, group, key=lambda each: (each.weight, -each.line))
