"""What a translation looked at in its source, word by word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.errors import DataError
from mt.inspection.recorder import record_attention
from mt.model import EncoderDecoder
from mt.text.tokenizer import END, START
from mt.translation import Translator
from mt.translation.engines.torch import TorchEngine

WORD_START = "▁"
"""SentencePiece's sign for a space; it stands at the beginning of a word's first piece."""

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_END_NAME = "</s>"


@dataclass(frozen=True)
class AttentionMap:
    """How much each word of a target looked at each word of its source.

    The end mark of either side is a word of its own, ``</s>``. Models rest much of their attention
    on the source's when no word matters; leaving it out and scaling up the other words would turn
    such a rest into a loud picture of nothing.
    """

    source: list[str]
    """Source words, or pieces, and ``</s>``."""
    target: list[str]
    """Target words, or pieces, and ``</s>``."""
    weights: Float[Tensor, "target source"]
    """float32 on the CPU; each row sums to 1. Row ``t`` is where the decoder looked while it
    decided for word ``t``, before that word was its input."""
    text: str
    """The target as raw text."""


def cross_attention_of(
    translator: Translator,
    source: str,
    target: str | None = None,
    *,
    layer: int | None = None,
    pieces: bool = False,
) -> AttentionMap:
    """Tell where the decoder looked when it wrote ``target``, or its own translation.

    The whole pair is read once more with recording on (forced decoding), so that it does not matter
    how the translation was found. Weights are means over the heads of all layers, or of one layer.

    Words are what white space separates; in a text without, ask for pieces. What the pieces of a
    source word receive is added up, what the pieces of a target word give is averaged, so that rows
    still sum to 1.

    Args:
        translator: Must run on the torch engine, whose model can be looked into.
        source: One sentence; unlike a line for :meth:`Translator.translate` it is never cut.
        target: A translation to explain; ``None``: the translator's own.
        layer: A decoder layer, from 1; ``None``: the mean over all.
        pieces: Keep subword pieces apart; their labels are the tokenizer's.

    Raises:
        DataError: If a side is blank, the source longer than the model reads at once, or there is
            no such layer.
        TypeError: If the engine has no model to look into.

    Source: attention as a soft alignment: Bahdanau, Cho and Bengio (2015), section 5.2.1; that it
    shows where a decoder looks and does not prove why it writes: Jain and Wallace (2019).
    """
    engine, tokenizers = translator.engine, translator.tokenizers
    if not isinstance(engine, TorchEngine):
        raise TypeError(f"engine: expected a TorchEngine, but found {type(engine).__name__}")
    read = _encode("source", source, tokenizers.source.encode([source.strip()])[0])
    if len(read) >= translator.longest:
        raise DataError(
            f"source: expected fewer than {translator.longest} pieces, but the sentence has "
            f"{len(read)}; give a shorter one"
        )
    if target is None:
        settings = translator.config
        (found,) = engine.generate([read], settings.beam, settings.length_penalty)
        written = list(found.pieces)
    else:
        written = _encode("target", target, tokenizers.target.encode([target.strip()])[0])

    weights = _forced(engine.model, engine.device, read, written, layer)
    names = (
        tokenizers.source.pieces([*read, END]),
        tokenizers.target.pieces([*written, END]),
    )
    (text,) = tokenizers.target.decode([written])
    if pieces:
        columns, rows = ([_printable(name) for name in side] for side in names)
        return AttentionMap(columns, rows, weights, text)
    columns, rows = ([word for word, _ in words_of(side)] for side in names)
    return AttentionMap(columns, rows, merge_words(weights, *names), text)


def words_of(pieces: Sequence[str]) -> list[tuple[str, int]]:
    """Join named pieces to words.

    A word begins at ``▁`` and at the end mark, which is a word by itself. Bytes are spelt out as
    the UTF-8 they are; what cannot be printed becomes U+FFFD.

    Args:
        pieces: As :meth:`mt.text.tokenizer.Tokenizer.pieces` names them.

    Returns:
        Each word and the number of its pieces, in order.
    """
    groups: list[list[str]] = []
    for piece in pieces:
        ended = not groups or groups[-1] == [_END_NAME]
        if ended or piece.startswith(WORD_START) or piece == _END_NAME:
            groups.append([])
        groups[-1].append(piece)
    return [(_spell(group), len(group)) for group in groups]


def merge_words(
    weights: Float[Tensor, "target_pieces source_pieces"],
    source: Sequence[str],
    target: Sequence[str],
) -> Float[Tensor, "target_words source_words"]:
    """Add up over the pieces of each source word, take the mean over those of each target word.

    Computes ``M A S``: ``S`` has 1 where a piece belongs to a source word, ``M`` has 1 over the
    number of its pieces where a piece belongs to a target word. Rows that sum to 1 still do.

    Args:
        weights: How much each target piece looks at each source piece.
        source: Source pieces by name.
        target: Target pieces by name.

    Source: Clark et al. (2019), section 4.1.
    """
    adding = _membership([size for _, size in words_of(source)])
    meaning = _membership([size for _, size in words_of(target)])
    return (meaning / meaning.sum(dim=0)).T @ weights @ adding


def _membership(sizes: Sequence[int]) -> Float[Tensor, "pieces words"]:
    """Return 1 where a piece belongs to a word and 0 elsewhere, from the words' sizes in pieces."""
    return torch.eye(len(sizes)).repeat_interleave(torch.tensor(sizes), dim=0)


@torch.no_grad()
def _forced(
    model: EncoderDecoder,
    device: torch.device,
    source: Sequence[int],
    target: Sequence[int],
    layer: int | None,
) -> Float[Tensor, "target_len source_len"]:
    """Read a pair; return the mean cross-attention behind every target piece and the end mark."""

    def row(pieces: Sequence[int]) -> Int[Tensor, "1 length"]:
        return torch.tensor([pieces], device=device)

    with record_attention(model) as tape:
        model(row([*source, END]), row([START, *target]))
    layers = tape.cross
    if layer is not None and not 1 <= layer <= len(layers):
        raise DataError(
            f"layer: expected 1 to {len(layers)}, the decoder layers of this model, but got {layer}"
        )
    chosen = layers if layer is None else layers[layer - 1 : layer]
    return torch.stack([weights[0] for weights in chosen]).mean(dim=(0, 1)).cpu()


def _encode(side: str, text: str, pieces: list[int]) -> list[int]:
    if not pieces:
        raise DataError(f"{side}: expected a sentence, but got {text!r}; give some words")
    return pieces


def _spell(pieces: Sequence[str]) -> str:
    """Write the pieces of one word as text."""
    spelt = b"".join(
        bytes([int(byte[1], 16)]) if (byte := _BYTE.fullmatch(piece)) else piece.encode()
        for piece in pieces
    )
    text = spelt.decode(errors="replace")
    return _printable(text.removeprefix(WORD_START) or text)


def _printable(text: str) -> str:
    """Replace what would move a cursor or break a picture's file."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
