"""What of a line is translated by itself: its sentences, and parts of those that are too long."""

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from mt.text.blanks import plain_blanks
from mt.text.sentences import Sentence, holds_words, split_sentences
from mt.text.tags import put_tag, take_tag
from mt.text.tokenizer import Tokenizer
from mt.translation.config import SamplingConfig, SearchConfig, TranslationConfig
from mt.translation.contract import Translation

_SEAMS = (
    r"[.!?…]+[\"'”“»)]*\s+|[。！？]+[\"'”“»)」』）]*\s*",
    r"[,;:]\s+|[–—、，；：]\s*",
    r"\s+",
    r"",
)
"""Where a line may be cut, best first: after a sentence, after a clause, after a word, anywhere."""


@dataclass(frozen=True)
class Segment:
    """A part of a line."""

    text: str
    gap: str
    """The spaces behind it."""
    tokens: Sequence[int] = ()
    """What is translated, without marks; empty of what is copied, as it holds no word."""
    cut: bool = False
    """Whether it is a part of a sentence that was too long."""
    capitals: bool = False
    """Whether it was all in capitals, and is translated otherwise."""


def segment_lines(
    lines: Sequence[str],
    tokenizer: Tokenizer,
    language: str | None,
    most: int,
    *,
    whole: Container[int] = (),
    recase: Callable[[str], str] = str,
) -> list[list[Segment]]:
    """Cut lines into segments.

    Where a line begins with a tag that the tokenizer knows, each of its segments is encoded with
    the tag before it.

    Args:
        lines: Raw text.
        tokenizer: Of the source.
        language: Of the source; ``None``: lines are not split at the ends of sentences.
        most: Tokens that a segment may have.
        whole: The indices of lines that are not split either, nor recased.
        recase: Writes a sentence in the case in which it is translated.

    Returns:
        The segments of each line; none of a blank one.
    """
    taken = [take_tag(plain_blanks(line).strip(), tokenizer.tags) for line in lines]
    lines_of_segments = [
        [
            _recased(sentence, str if index in whole else recase)
            for sentence in _sentences(text.strip(), None if index in whole else language)
        ]
        for index, (_, text) in enumerate(taken)
    ]
    tags = [tag for tag, _ in taken]
    tagged = list(zip(tags, lines_of_segments, strict=True))
    encoded = iter(_encode([(tag, each.text) for tag, line in tagged for each in line], tokenizer))
    found: list[list[Segment]] = []
    for tag, line in tagged:
        segments: list[Segment] = []
        for segment in line:
            tokens = next(encoded)
            if len(tokens) > most:
                segments += _parts(tag, segment, tokenizer, most)
            else:
                segments.append(replace(segment, tokens=tokens))
        found.append(segments)
    return found


def _recased(sentence: Sentence, recase: Callable[[str], str]) -> Segment:
    text = recase(sentence.text) if holds_words(sentence.text) else sentence.text
    return Segment(text, sentence.gap, capitals=text != sentence.text)


def _encode(texts: Sequence[tuple[str | None, str]], tokenizer: Tokenizer) -> list[list[int]]:
    """Encode what holds words, each text with its tag."""
    return tokenizer.encode(
        [put_tag(tag, text) if holds_words(text) else "" for tag, text in texts]
    )


def join(
    parts: Sequence[Sequence[Translation]],
    gaps: Sequence[str],
    config: TranslationConfig,
) -> Translation:
    """Put the translations of a line's segments together.

    Args:
        parts: Of each segment its translations, best first.
        gaps: What follows each; what follows the last, or nothing, is dropped.
        config: Says how the whole is scored, and how many other translations are wanted: the
            combinations with the greatest sum of scores; or, of samples and of what minimum Bayes
            risk has ranked, the first of all parts together, then the second.
    """
    search, alternatives = config.search, config.alternatives
    if len(parts) == 1:
        [[best, *others]] = parts
        others = others[:alternatives]
        return replace(best, alternatives=tuple(others)) if others else best
    found: list[Sequence[Translation]]
    if isinstance(search, SamplingConfig) or config.decision == "mbr":
        most = min(alternatives + 1, max(map(len, parts), default=1))
        found = [[part[min(rank, len(part) - 1)] for part in parts] for rank in range(most)]
    else:
        found = _best_combinations(parts, alternatives + 1)
    best, *others = [_concatenate(each, gaps, search) for each in found]
    return replace(best, alternatives=tuple(others))


def _best_combinations(
    parts: Sequence[Sequence[Translation]], count: int
) -> list[Sequence[Translation]]:
    """Choose one translation of each part, so that the sum of their scores is among the best."""
    found: list[tuple[tuple[Translation, ...], float]] = [((), 0.0)]
    for part in parts:
        longer = [((*whole, each), total + each.score) for whole, total in found for each in part]
        found = sorted(longer, key=lambda pair: -pair[1])[:count]
    return [whole for whole, _ in found]


def _concatenate(
    parts: Sequence[Translation], gaps: Sequence[str], search: SearchConfig
) -> Translation:
    text = ""
    for part, gap in zip(parts, ["", *gaps], strict=False):
        text += (gap if text and part.text else "") + part.text
    tokens = tuple(token for part in parts for token in part.tokens)
    total = sum(part.log_probability for part in parts)
    length = len(tokens) + sum(bool(part.tokens) for part in parts)
    values = tuple(value for part in parts for value in part.token_log_probabilities)
    coverage = sum(part.coverage for part in parts)
    score = search.score(total, length) + coverage if length else 0.0
    return Translation(
        text, tokens, total, score, token_log_probabilities=values, coverage=coverage
    )


def _sentences(line: str, language: str | None) -> list[Sentence]:
    if not line:
        return []
    return [Sentence(line, "")] if language is None else split_sentences(line, language)


def _parts(tag: str | None, whole: Segment, tokenizer: Tokenizer, most: int) -> list[Segment]:
    def fits(part: str) -> bool:
        return len(tokenizer.encode([put_tag(tag, part)])[0]) <= most

    parts = split_long(whole.text, fits)
    gaps = [" "] * (len(parts) - 1) + [whole.gap]
    encoded = _encode([(tag, part) for part in parts], tokenizer)
    return [
        Segment(part, gap, tokens, cut=True, capitals=whole.capitals)
        for part, gap, tokens in zip(parts, gaps, encoded, strict=True)
    ]


def split_long(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Cut ``text`` into parts that fit, near the middle of what is too long, at a good seam.

    The parts, joined, hold every character of the text but the white space at the cuts.

    Args:
        text: One line.
        fits: Says whether a part is short enough; must accept a single character.
    """
    text = text.strip()
    if not text:
        return []
    if fits(text) or len(text) == 1:
        return [text]
    middle = len(text) / 2
    for seam in _SEAMS:
        ends = [match.end() for match in re.finditer(seam, text)]
        inside = [end for end in ends if len(text) / 4 <= end <= 3 * len(text) / 4]
        if inside:
            cut = min(inside, key=lambda end: abs(end - middle))
            break
    return split_long(text[:cut], fits) + split_long(text[cut:], fits)
