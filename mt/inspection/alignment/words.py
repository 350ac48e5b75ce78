"""Which tokens each word of a line is made of: links join words, but models read tokens."""

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
    """A line cut into tokens and words."""

    tokens: list[int]
    """Token ids without marks."""
    words: list[range]
    """The places of each word's tokens. A token may belong to two words, and a word of nothing but
    invisible characters has none."""


def split_words(line: str, kind: WordKind) -> list[str]:
    """Split a line into the words that links count, from 0."""
    return line.split() if kind == "spaces" else _TOKEN.findall(line)


def cut_line(line: str, tokenizer: Tokenizer, kind: WordKind) -> CutLine:
    """Encode a line and tell which tokens belong to each of its words.

    No token reaches over a space: what the parts between spaces encode to, joined, is what the line
    encodes to, whatever normalisation makes of its characters.
    """
    chunks = line.split()
    tokens: list[int] = []
    words: list[range] = []
    for chunk, encoded in zip(chunks, tokenizer.encode(chunks), strict=True):
        parts = split_words(chunk, kind)
        first = len(tokens)
        tokens += encoded
        if len(parts) == 1:
            words.append(range(first, len(tokens)))
        else:
            words += _shared(encoded, parts, tokenizer, first)
    return CutLine(tokens, words)


def _shared(
    tokens: Sequence[int], words: Sequence[str], tokenizer: Tokenizer, first: int
) -> Iterator[range]:
    """Deal the tokens of one stretch without spaces to the words in it, by overlap in bytes."""
    places = _ends(_widths(tokens, tokenizer))
    sizes = (sum(_widths(alone, tokenizer)) for alone in tokenizer.encode(words))
    for begin, end in pairwise(_ends(sizes)):
        own = [
            place
            for place, (start, stop) in enumerate(pairwise(places), start=first)
            if max(begin, start) < min(end, stop) or begin <= start == stop < end
        ]
        yield range(own[0], own[-1] + 1) if own else range(0)


def _widths(tokens: Sequence[int], tokenizer: Tokenizer) -> list[int]:
    """Count the UTF-8 bytes of each token, without the space that begins the first."""
    names = tokenizer.tokens(tokens)
    if names:
        names[0] = names[0].removeprefix(WORD_START)
    return [len(spelling(name)) for name in names]


def _ends(widths: Iterable[int]) -> list[int]:
    return list(accumulate(widths, initial=0))
