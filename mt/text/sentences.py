"""The sentences of a line, and whether there is anything to translate in it."""

import re
from functools import lru_cache
from typing import NamedTuple

_END = re.compile(r"[^\w\s,;:'\"()\[\]/-]")
"""A sign that may end a sentence; with a word behind it, a line may hold two."""
_WORD = re.compile(r"\w")
_ADDRESS = re.compile(r"(?:https?|ftp)://\S+|www\.\S+|\S+@\S+\.\S+")
_UNSPACED = {
    "zh",
    "zho",
    "yue",
    "ja",
    "jpn",
    "th",
    "tha",
    "lo",
    "lao",
    "km",
    "khm",
    "my",
    "mya",
    "bo",
}
"""Languages that write no spaces between sentences."""


class Sentence(NamedTuple):
    """A sentence and the white space behind it."""

    text: str
    gap: str


def split_sentences(line: str, language: str) -> list[Sentence]:
    """Split a line at the ends of its sentences.

    Args:
        line: Without white space at its ends; the sentences with their gaps, joined, are the line.
        language: A tag such as ``de`` or ``pt-BR``; abbreviations and signs are those of the
            language, or of the nearest one that is known.
    """
    sign = _END.search(line)
    if sign is None or not _WORD.search(line, sign.end()):
        return [Sentence(line, "")]
    import sentencex  # noqa: PLC0415 - most lines are one sentence

    cased = any(map(str.isupper, line))
    parts: list[str] = []
    plain = re.sub(r"\s", " ", line)  # the package fails at wide spaces behind an initial
    start = 0
    for found in sentencex.segment(base_language(language), plain):
        part = line[start : start + len(found)]
        start += len(part)
        if parts and cased and part[0].islower():  # as behind a name that ends in a sign
            parts[-1] += part
        else:
            parts.append(part)
    texts = [part.rstrip() for part in parts]
    return [Sentence(text, part[len(text) :]) for text, part in zip(texts, parts, strict=True)]


def holds_words(text: str) -> bool:
    """Say whether a text holds a letter outside of web and mail addresses."""
    if any(sign in text for sign in ("://", "www.", "@")):
        text = _ADDRESS.sub("", text)
    return any(map(str.isalpha, text))


def puts_spaces(language: str) -> bool:
    """Say whether a language puts spaces between sentences."""
    return base_language(language) not in _UNSPACED


@lru_cache(maxsize=64)
def base_language(language: str) -> str:
    """Return the language of a tag without script and region, as ``pt`` of ``pt-BR``."""
    return re.split(r"[-_]", language.lower())[0]
