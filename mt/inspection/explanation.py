"""All that can be told about one translation, as plain data that any page or program can show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mt.inspection.reading import Reading, engine_of
from mt.inspection.recorder import ROLES, HeadDims, RecordedCall
from mt.inspection.variants import translate_variants
from mt.inspection.words import START_NAME, printable, words_of
from mt.model.attention.contract import Role
from mt.text.tokenizer import PAD, START, UNKNOWN
from mt.translation import Translator

WEIGHT_DIGITS, SCORE_DIGITS = 4, 2
"""Decimals kept; a reader sees fewer, and a page of a long sentence stays small."""

_NEVER = [PAD, UNKNOWN, START]

Matrix = list[list[float]]
Scores = list[list[float | None]]


@dataclass(frozen=True)
class Axis:
    """One side of a matrix: a sentence in tokens, and how they join to words."""

    tokens: list[str]
    words: list[str]
    sizes: list[int]
    """Tokens in each word."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """Join the tokens of the tokenizer's names."""
        words = words_of(names)
        return cls(
            [printable(name) for name in names],
            [word for word, _ in words],
            [size for _, size in words],
        )


@dataclass(frozen=True)
class Alternative:
    """A token that the model could have written instead, and what it would have made of it."""

    token: str
    probability: float
    before: str
    """The translation up to the token, as it was,"""
    forced: str
    """the token as text, with its space; nothing where the sentence would have ended,"""
    after: str
    """and how search goes on from there. The three together are the whole translation."""


@dataclass(frozen=True)
class Choice:
    """How sure the model was of one target token."""

    probability: float
    rank: int
    """1: it was the likeliest; a given translation and a beam may take others."""
    alternatives: list[Alternative]
    """The likeliest other tokens, best first."""


@dataclass(frozen=True)
class Layer:
    """What one attention did, head by head."""

    weights: list[Matrix]
    """Of each head, rows look and columns are looked at; each row sums to 1, or to 0 where
    nothing is visible."""
    scores: list[Scores]
    """What the softmax was taken of; ``None`` at what is hidden."""
    dims: HeadDims


@dataclass(frozen=True)
class Explanation:
    """One translation: its words, how sure each was, and what was looked at."""

    text: str
    """The translation as raw text."""
    source: Axis
    """Ends with ``</s>``."""
    target: Axis
    """What was decided step by step, ``</s>`` at last."""
    read: Axis
    """What the decoder had read when it decided: the target one place later, from ``<s>`` on."""
    choices: list[Choice]
    """Of each target token."""
    layers: dict[Role, list[Layer]]
    """By who looks at whom; a role that the model does not have is absent.

    ``cross``: target at source. ``decoder_self``: target at what was read. ``encoder_self``: source
    at source."""


def explain(translator: Translator, reading: Reading, alternatives: int = 5) -> Explanation:
    """Tell how sure a model was of a translation, what else it would have written, and why.

    Each alternative is searched as the translator searches, with a forced beginning: the target up
    to the token, then the alternative.

    Args:
        translator: The one that read the pair.
        reading: From :func:`mt.inspection.reading.read_pair`.
        alternatives: How many to tell of each token.

    Raises:
        TypeError: If the engine has no model to look into.
    """
    return Explanation(
        text=reading.text,
        source=Axis.of(reading.source_names),
        target=Axis.of(reading.target_names),
        read=Axis.of([START_NAME, *reading.target_names[:-1]]),
        choices=_choices(translator, reading, alternatives),
        layers={
            role: [_layer(call) for call in calls]
            for role in ROLES
            if (calls := reading.attention.of(role))
        },
    )


def _choices(translator: Translator, reading: Reading, count: int) -> list[Choice]:
    written = torch.tensor(reading.target)[:, None]
    own = reading.log_probabilities.gather(1, written)
    others = reading.log_probabilities.clone()
    others[:, _NEVER] = -torch.inf
    ranks = (others > own).sum(dim=1) + 1
    others.scatter_(1, written, -torch.inf)
    best = others.topk(min(count, others.size(1) - len(_NEVER) - 1))

    asked = best.indices.tolist()
    told = iter(_variants(translator, reading, asked))
    names = translator.tokenizers.target.tokens
    return [
        Choice(
            probability=_round(probability.exp().item()),
            rank=rank,
            alternatives=[
                Alternative(printable(name), _round(share), *next(told))
                for name, share in zip(names(row), shares, strict=True)
            ],
        )
        for probability, rank, row, shares in zip(
            own, ranks.tolist(), asked, best.values.exp().tolist(), strict=True
        )
    ]


def _variants(
    translator: Translator, reading: Reading, others: list[list[int]]
) -> list[tuple[str, str, str]]:
    """Translate with each other token in its place; return the text before, of and after it."""
    target, decode = reading.target, translator.tokenizers.target.decode
    found = translate_variants(
        engine_of(translator), reading.source[:-1], target, others, translator.config.search
    )
    places = [(place, token) for place, row in enumerate(others) for token in row]
    befores = decode([target[:place] for place, _ in places])
    throughs = decode([[*target[:place], token] for place, token in places])
    wholes = decode(found)
    return [_cut(*map(printable, texts)) for texts in zip(befores, throughs, wholes, strict=True)]


def _cut(before: str, through: str, whole: str) -> tuple[str, str, str]:
    """Cut a text where its beginnings end.

    A beginning that ends within a character has no text of its own.
    """
    if not (whole.startswith(through) and through.startswith(before)):
        return "", "", whole
    return before, through[len(before) :], whole[len(through) :]


def _layer(call: RecordedCall) -> Layer:
    return Layer(
        weights=_plain(call.weights[0], WEIGHT_DIGITS),
        scores=[
            [[None if score == -torch.inf else score for score in row] for row in head]
            for head in _plain(call.scores[0], SCORE_DIGITS)
        ],
        dims=call.dims,
    )


def _plain(matrices: Tensor, digits: int) -> list[Matrix]:
    plain: list[Matrix] = matrices.cpu().double().round(decimals=digits).tolist()
    return plain


def _round(share: float) -> float:
    return round(share, WEIGHT_DIGITS)
