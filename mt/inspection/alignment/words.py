"""Which pieces each word of a line is made of: links join words, but models read pieces."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from mt.text.tokenizer import WORD_START, Tokenizer, spelling

WordKind = Literal["spaces", "marks"]
"""What counts as a word.

``spaces``: whatever stands between white space, as for every tool that reads tokenized text.
``marks``: a run of letters and digits with its inner hyphens and apostrophes, or any other sign by
itself, so that a raw line has about the words that a tokenizer would make of it.
"""

_TOKEN = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class CutLine:
    """A line cut into pieces and words."""

    pieces: list[int]
    """Piece ids without marks."""
    words: list[range]
    """The places of each word's pieces. A piece may belong to two words, and a word of nothing but
    invisible characters has none."""


def split_words(line: str, kind: WordKind) -> list[str]:
    """Split a line into the words that links count, from 0."""
    return line.split() if kind == "spaces" else _TOKEN.findall(line)


def cut_line(line: str, tokenizer: Tokenizer, kind: WordKind) -> CutLine:
    """Encode a line and tell which pieces belong to each of its words.

    No piece reaches over a space: what the parts between spaces encode to, joined, is what the line
    encodes to, whatever normalisation makes of its characters.
    """
    chunks = line.split()
    pieces: list[int] = []
    words: list[range] = []
    for chunk, encoded in zip(chunks, tokenizer.encode(chunks), strict=True):
        tokens = split_words(chunk, kind)
        first = len(pieces)
        pieces += encoded
        if len(tokens) == 1:
            words.append(range(first, len(pieces)))
        else:
            words += _shared(encoded, tokens, tokenizer, first)
    return CutLine(pieces, words)


def _shared(
    pieces: Sequence[int], tokens: Sequence[str], tokenizer: Tokenizer, first: int
) -> Iterator[range]:
    """Deal the pieces of one stretch without spaces to the tokens in it, by overlap in bytes."""
    places = _ends(_widths(pieces, tokenizer))
    sizes = (sum(_widths(alone, tokenizer)) for alone in tokenizer.encode(tokens))
    for begin, end in pairwise(_ends(sizes)):
        own = [
            place
            for place, (start, stop) in enumerate(pairwise(places), start=first)
            if max(begin, start) < min(end, stop) or begin <= start == stop < end
        ]
        yield range(own[0], own[-1] + 1) if own else range(0)


def _widths(pieces: Sequence[int], tokenizer: Tokenizer) -> list[int]:
    """Count the UTF-8 bytes of each piece, without the space that begins the first."""
    names = tokenizer.pieces(pieces)
    if names:
        names[0] = names[0].removeprefix(WORD_START)
    return [len(spelling(name)) for name in names]


def _ends(widths: Iterable[int]) -> list[int]:
    return list(accumulate(widths, initial=0))
