"""Words and the tokens they are made of: people read words, models read tokens.

Loads neither SentencePiece nor torch: counting the words of a line needs no model.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal

from mt.text.blanks import plain_blanks

if TYPE_CHECKING:
    from mt.text.tokenizer import Tokenizer

WordKind = Literal["spaces", "marks"]
"""What counts as a word.

``spaces``: whatever stands between white space, as for every tool that reads tokenized text; every
blank of :mod:`mt.text.blanks` is white space.
``marks``: a run of letters and digits with its inner hyphens, apostrophes and joiners, or any other
sign by itself, so that a raw line has about the words that a tokenizer would make of it.
"""

WORD_START = "▁"
"""SentencePiece's sign for a space; it stands at the beginning of a word's first token."""
START_NAME, END_NAME = "<s>", "</s>"
"""How the marks of a sentence are named."""

_WORD = re.compile("\\w+(?:[-'’\u200c\u200d]\\w+)*|[^\\w\\s]")
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def split_words(line: str, kind: WordKind) -> list[str]:
    """Split a line into words."""
    plain = plain_blanks(line)
    return plain.split() if kind == "spaces" else _WORD.findall(plain)


@dataclass(frozen=True)
class TokenizedLine:
    """The tokens of a line, and which of them belong to which word."""

    tokens: list[int]
    """Token ids without marks."""
    words: list[range]
    """For each word, the indices of its tokens. A token may belong to two words, and a word of
    nothing but invisible characters has none."""


def tokenize_line(line: str, tokenizer: "Tokenizer", kind: WordKind) -> TokenizedLine:
    """Encode a line, and find the tokens of each of its words.

    No token reaches over a space: what the parts between spaces encode to, joined, is what the line
    encodes to, whatever normalisation makes of its characters.
    """
    chunks = split_words(line, "spaces")
    tokens: list[int] = []
    words: list[range] = []
    for chunk, encoded in zip(chunks, tokenizer.encode(chunks), strict=True):
        parts = split_words(chunk, kind)
        first = len(tokens)
        tokens += encoded
        if len(parts) == 1:
            words.append(range(first, len(tokens)))
        else:
            words += _tokens_by_overlap(encoded, parts, tokenizer, first)
    return TokenizedLine(tokens, words)


def join_tokens(names: Sequence[str]) -> list[tuple[str, int]]:
    """Join named tokens to words.

    A word begins at ``▁`` and at a mark, which is a word by itself. Bytes are spelt out as the
    UTF-8 they are; what cannot be printed becomes U+FFFD.

    Args:
        names: As :meth:`mt.text.tokenizer.Tokenizer.tokens` names the tokens.

    Returns:
        Each word and the number of its tokens, in order.
    """
    groups: list[list[str]] = []
    for name in names:
        mark = name in {START_NAME, END_NAME}
        after_mark = not groups or groups[-1][0] in {START_NAME, END_NAME}
        if mark or after_mark or name.startswith(WORD_START):
            groups.append([])
        groups[-1].append(name)
    return [(_spell(group), len(group)) for group in groups]


def word_ranges(names: Sequence[str]) -> list[range]:
    """Return the indices of the tokens of each word; see :func:`join_tokens`."""
    return [range(*ends) for ends in pairwise(_ends(size for _, size in join_tokens(names)))]


def spelling(name: str) -> bytes:
    """Return the UTF-8 that a named token stands for, with ``▁`` for a space.

    A token that is one byte is that byte, which need not be a character by itself.
    """
    byte = _BYTE.fullmatch(name)
    return bytes([int(byte[1], 16)]) if byte else name.encode()


def printable(text: str) -> str:
    """Replace what would move a cursor or break a picture's file."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _tokens_by_overlap(
    tokens: Sequence[int], words: Sequence[str], tokenizer: "Tokenizer", first: int
) -> Iterator[range]:
    """Find the tokens of each word of a stretch without spaces: those it shares bytes with.

    Args:
        tokens: Of the stretch.
        words: Of the stretch.
        tokenizer: Made the tokens.
        first: The index of the first token in its line.
    """
    token_ends = _ends(_byte_counts(tokens, tokenizer))
    sizes = (sum(_byte_counts(alone, tokenizer)) for alone in tokenizer.encode(words))
    for begin, end in pairwise(_ends(sizes)):
        own = [
            index
            for index, (start, stop) in enumerate(pairwise(token_ends), start=first)
            if max(begin, start) < min(end, stop) or begin <= start == stop < end
        ]
        yield range(own[0], own[-1] + 1) if own else range(0)


def _byte_counts(tokens: Sequence[int], tokenizer: "Tokenizer") -> list[int]:
    """Count the UTF-8 bytes of each token, without the space that begins the first."""
    names = tokenizer.tokens(tokens)
    if names:
        names[0] = names[0].removeprefix(WORD_START)
    return [len(spelling(name)) for name in names]


def _ends(sizes: Iterable[int]) -> list[int]:
    """Return 0 and where each of consecutive stretches ends."""
    return list(accumulate(sizes, initial=0))


def _spell(names: Sequence[str]) -> str:
    """Write the tokens of one word as text."""
    text = b"".join(map(spelling, names)).decode(errors="replace")
    return printable(text.removeprefix(WORD_START) or text)
