"""Learn the pieces of tokenizers from text, with SentencePiece.

Source: Kudo and Richardson (2018); unigram: Kudo (2018); BPE: Sennrich, Haddow and Birch (2016).
"""

import io
import math
import random
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import sentencepiece

from mt.errors import DataError
from mt.text.blanks import plain_blanks
from mt.text.tags import take_tag
from mt.text.tokenizer import (
    END,
    PAD,
    SPACE,
    START,
    UNKNOWN,
    Tokenizer,
    TokenizerConfig,
    Tokenizers,
)

_THREADS = 16
"""Fixed: unigram training sums probabilities per thread, so another number gives other pieces."""

_CUT = 1000
"""Characters after which a training line is cut, which keeps it below the 4192 bytes that
SentencePiece skips without a word, and the quadratic cost of very long lines away."""

_ERRORS = 2
"""SentencePiece's level of log messages that only tells errors."""

_RESERVED = "\u2585"
"""Stands for unknown pieces where SentencePiece learns, which skips lines that hold it without a
word. In text that is encoded it is a character like others, spelt in bytes."""

_KEPT = frozenset("\u061c\u200c\u200e\u200f")
"""The non-joiner and the direction marks: part of how a word is spelt in Persian, Hindi and others,
but a space for SentencePiece's nmt_nfkc."""

_PLAIN_QUOTES = dict.fromkeys("„“”‟«»〝〞〟＂", '"') | dict.fromkeys("‘’‚‛‹›＇", "'")

RULES = 4
"""Raised when the same text and config give other pieces than before."""


def train_tokenizers(
    config: TokenizerConfig,
    pairs: Iterable[tuple[str, str]],
    seed: int,
    directory: Path,
    tags: Collection[str] = (),
) -> Tokenizers:
    """Learn pieces from both sides of a corpus and save them.

    The same pairs in the same order, config, seed and tags give the same pieces, on any number of
    cores.

    Args:
        config: What to learn.
        pairs: Source lines and their translations, read once as a stream.
        seed: Draws the sample where there are more than ``config.sample_lines``.
        directory: Where :meth:`Tokenizers.save` writes.
        tags: Words that become one piece on every side; nothing is learnt from them.

    Raises:
        DataError: If there are no lines, or they allow no vocabulary of this size; the message
            names the nearest possible one.
    """
    joint = config.vocabulary == "joint"
    sample = _sample(iter(pairs), max(1, config.sample_lines // (1 + joint)), seed)
    sources = [take_tag(source, tags)[1] for source, _ in sample]
    targets = [target for _, target in sample]
    del sample
    if joint:
        both = _train(config, [*sources, *targets], tags, side="")
        tokenizers = Tokenizers(both, both)
    else:
        tokenizers = Tokenizers(
            _train(config, sources, tags, side="source "),
            _train(config, targets, tags, side="target "),
        )
    tokenizers.save(directory)
    return tokenizers


def _train(
    config: TokenizerConfig, lines: Sequence[str], tags: Collection[str], side: str
) -> Tokenizer:
    if not any(line.strip() for line in lines):
        raise DataError(
            f"tokenizer: expected {side}lines to learn pieces from, but found none; "
            "check the training corpora"
        )
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_cut(
                (line for line in lines if line.strip()), config.normalization != "identity"
            ),
            model_writer=model,
            model_type=config.algorithm,
            vocab_size=config.size,
            character_coverage=config.character_coverage,
            normalizer=_normalizer(config.normalization, config.quotes),
            user_defined_symbols=[f"{SPACE}{tag}" for tag in sorted(tags)],
            byte_fallback=True,
            pad_id=PAD,
            unk_id=UNKNOWN,
            bos_id=START,
            eos_id=END,
            num_threads=_THREADS,
            minloglevel=_ERRORS,
        )
    except RuntimeError as error:
        raise DataError(_explain(str(error), config.size, side)) from None
    return Tokenizer(model.getvalue())


@cache
def _normalizer(name: str, quotes: str) -> sentencepiece.SentencePieceNormalizer:
    """Build what normalises text where pieces are learnt, and later as a part of the model."""
    sentencepiece.SetMinLogLevel(_ERRORS)
    spaces: dict[str, Any] = dict.fromkeys(
        ("add_dummy_prefix", "escape_whitespaces", "remove_extra_whitespaces"), True
    )
    rules = _rules(name) | (_PLAIN_QUOTES if quotes == "plain" else {})
    if not rules:
        return sentencepiece.SentencePieceNormalizer(rule_name="identity", **spaces)
    return sentencepiece.SentencePieceNormalizer(norm_map=list(rules.items()), **spaces)


def _rules(name: str) -> dict[str, str]:
    """Return what a normalization replaces, longest first where several fit."""
    if name == "identity":
        return {}
    if name == "nfc":
        characters = map(chr, range(sys.maxunicode + 1))
        composed = [sign for sign in characters if not unicodedata.is_normalized("NFD", sign)]
        forms = {*composed, *(unicodedata.normalize("NFD", sign) for sign in composed)}
        canonical = {form: unicodedata.normalize("NFC", form) for form in sorted(forms)}
        return {form: other for form, other in canonical.items() if form != other}
    rules = dict(sentencepiece.SentencePieceNormalizer(rule_name=name).decompile())
    kept = _KEPT if name == "nmt_nfkc" else ()
    return {form: other for form, other in rules.items() if form not in kept}


def _sample(pairs: Iterator[tuple[str, str]], size: int, seed: int) -> list[tuple[str, str]]:
    """Draw pairs evenly from a stream of unknown length, of which most are passed over unseen.

    Source: Li (1994), "Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))",
    algorithm L.
    """
    sample = list(islice(pairs, size))
    generator = random.Random(seed)  # noqa: S311 - nothing secret
    threshold = 0.0  # the logarithm of Li's W
    while True:
        threshold -= generator.expovariate(size)
        passed = generator.expovariate(1.0) / -math.log(-math.expm1(threshold))
        found = next(islice(pairs, int(passed), None), None)
        if found is None:
            return sample
        sample[generator.randrange(size)] = found


def _cut(lines: Iterable[str], compose: bool) -> Iterator[str]:
    for line in lines:
        clean = plain_blanks(line).replace(_RESERVED, " ")
        if compose:
            clean = unicodedata.normalize("NFC", clean)
        for start in range(0, len(clean), _CUT):
            yield clean[start : start + _CUT]


def _explain(problem: str, size: int, side: str) -> str:
    """Turn a complaint of SentencePiece into a line of our grammar."""
    if found := re.search(r"size too high .*<= (\d+)", problem):
        return (
            f"tokenizer.size: expected at most {found[1]}, as the {side}text has no more different "
            f"pieces, but found {size}; set tokenizer.size={found[1]} or less, or add text"
        )
    if found := re.search(r"smaller than required_chars\. \d+ vs (\d+)", problem):
        return (
            f"tokenizer.size: expected at least {found[1]}, for 4 marks, 256 bytes and the "
            f"characters of the {side}text, but found {size}; raise it, or lower "
            "tokenizer.character_coverage"
        )
    if re.search(r"\[!?\(*(sentences_|all_chars_count|required_chars_)", problem):
        return (
            f"tokenizer: expected {side}lines to learn pieces from, but they hold no character "
            "that can be learnt; check the training corpora"
        )
    return (
        f"tokenizer: expected to learn pieces from the {side}text, but SentencePiece reports: "
        f"{' '.join(problem.split())}; check the training corpora"
    )
