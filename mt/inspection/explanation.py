"""One translation explained, as plain data: probabilities, alternatives and attention."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mt.inspection.forced_decoding import ForcedDecoding, engine_of
from mt.inspection.recorder import ROLES, HeadDims, RecordedCall
from mt.inspection.variants import translate_variants
from mt.model.attention.contract import Role
from mt.text.tokenizer import PAD, START, UNKNOWN
from mt.text.words import START_NAME, join_tokens, printable
from mt.translation import Translator

WEIGHT_DIGITS, SCORE_DIGITS = 4, 2
"""Decimals kept. A page shows fewer, and that of a long sentence stays small."""

_NEVER = [PAD, UNKNOWN, START]

Matrix = list[list[float]]
Scores = list[list[float | None]]


@dataclass(frozen=True)
class Axis:
    """The labels of the rows or columns of a matrix: the tokens of a sentence, and its words."""

    tokens: list[str]
    words: list[str]
    sizes: list[int]
    """The number of tokens in each word."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """Label the tokens that the tokenizer names so."""
        words = join_tokens(names)
        return cls(
            [printable(name) for name in names],
            [word for word, _ in words],
            [size for _, size in words],
        )


@dataclass(frozen=True)
class Alternative:
    """A token that the model could have written instead, and the translation that follows."""

    token: str
    probability: float
    before: str
    """The text before the token, which stays as it was."""
    forced: str
    """The token as text, with its space; empty if it is the end mark."""
    after: str
    """The text that search writes after the token. ``before + forced + after`` is the whole."""


@dataclass(frozen=True)
class Choice:
    """The prediction of one target token."""

    probability: float
    rank: int
    """1 for the most probable token; a given translation and beam search may have others."""
    alternatives: list[Alternative]
    """The most probable other tokens, best first."""


@dataclass(frozen=True)
class Layer:
    """The attention of one layer, head by head: rows are queries, columns are keys."""

    weights: list[Matrix]
    """Each row sums to 1, or to 0 where no key is visible."""
    scores: list[Scores]
    """Before the softmax; ``None`` at hidden keys."""
    dims: HeadDims


@dataclass(frozen=True)
class Explanation:
    """One translation: its tokens, their probabilities, and the attention of every layer."""

    text: str
    """The translation as raw text."""
    source: Axis
    """Ends with ``</s>``."""
    target: Axis
    """What the decoder wrote; ends with ``</s>``."""
    read: Axis
    """The decoder's input: the target shifted by one, from ``<s>`` on."""
    choices: list[Choice]
    """One for each target token."""
    layers: dict[Role, list[Layer]]
    """Rows and columns are ``target`` and ``source`` for ``cross``, ``target`` and ``read`` for
    ``decoder_self``, ``source`` twice for ``encoder_self``. Roles that the model does not have are
    absent."""


def explain_translation(
    translator: Translator, decoding: ForcedDecoding, alternatives: int = 5
) -> Explanation:
    """Explain a translation by its probabilities, its alternatives and its attention.

    The translation of each alternative is searched as the translator searches, with a prefix: the
    target up to the token, then the alternative.

    Args:
        translator: The one that ``decoding`` is from.
        decoding: From :func:`mt.inspection.forced_decoding.force_decode`.
        alternatives: How many for each token.

    Raises:
        TypeError: If the translator has another engine than torch's.
    """
    return Explanation(
        text=decoding.text,
        source=Axis.of(decoding.source_names),
        target=Axis.of(decoding.target_names),
        read=Axis.of([START_NAME, *decoding.target_names[:-1]]),
        choices=_choices(translator, decoding, alternatives),
        layers={
            role: [_layer(call) for call in calls]
            for role in ROLES
            if (calls := decoding.attention.of(role))
        },
    )


def _choices(translator: Translator, decoding: ForcedDecoding, count: int) -> list[Choice]:
    written = torch.tensor(decoding.target)[:, None]
    own = decoding.log_probabilities.gather(1, written)
    others = decoding.log_probabilities.clone()
    others[:, _NEVER] = -torch.inf
    ranks = (others > own).sum(dim=1) + 1
    others.scatter_(1, written, -torch.inf)
    best = others.topk(min(count, others.size(1) - len(_NEVER) - 1))

    tokens = best.indices.tolist()
    texts = iter(_variants(translator, decoding, tokens))
    names = translator.tokenizers.target.tokens
    return [
        Choice(
            probability=_round(probability.exp().item()),
            rank=rank,
            alternatives=[
                Alternative(printable(name), _round(share), *next(texts))
                for name, share in zip(names(row), shares, strict=True)
            ],
        )
        for probability, rank, row, shares in zip(
            own, ranks.tolist(), tokens, best.values.exp().tolist(), strict=True
        )
    ]


def _variants(
    translator: Translator, decoding: ForcedDecoding, others: list[list[int]]
) -> list[tuple[str, str, str]]:
    """Translate with each other token; return the text before it, its own and that after it."""
    target, decode = decoding.target, translator.tokenizers.target.decode
    found = translate_variants(
        engine_of(translator), decoding.source[:-1], target, others, translator.config.search
    )
    branches = [(index, token) for index, row in enumerate(others) for token in row]
    befores = decode([target[:index] for index, _ in branches])
    throughs = decode([[*target[:index], token] for index, token in branches])
    wholes = decode(found)
    return [_cut(*map(printable, texts)) for texts in zip(befores, throughs, wholes, strict=True)]


def _cut(before: str, through: str, whole: str) -> tuple[str, str, str]:
    """Split a text at the ends of two of its prefixes.

    Where a prefix ends within a character, it is none of the text's: all of it then comes last.
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
