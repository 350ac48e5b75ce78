"""Forced decoding: let a model read a source and its translation, and record what it computes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.errors import DataError
from mt.inspection.recorder import AttentionRecord, record_attention
from mt.text.tokenizer import END, START
from mt.translation import Translator
from mt.translation.engines.torch import TorchEngine


@dataclass(frozen=True)
class ForcedDecoding:
    """A source, a translation of it, and what a model computes when it is given both."""

    source: list[int]
    """Source tokens and the end mark."""
    target: list[int]
    """Target tokens and the end mark."""
    source_names: list[str]
    """The source tokens by name; see :meth:`mt.text.tokenizer.Tokenizer.tokens`."""
    target_names: list[str]
    """The target tokens by name."""
    text: str
    """The target as raw text."""
    attention: AttentionRecord
    """Of one pass over the pair; empty if the model has no attention."""
    log_probabilities: Float[Tensor, "target_len vocabulary"]
    """Of every token of the vocabulary at each target position, in nats, float32 on the CPU."""


@torch.no_grad()
def force_decode(translator: Translator, source: str, target: str | None = None) -> ForcedDecoding:
    """Give a model a source and ``target``, or the translator's own translation of the source.

    The model reads the whole pair in one pass, so that it does not matter how the translation was
    found.

    Args:
        translator: Must run on the torch engine, whose model can be recorded.
        source: One sentence; unlike a line for :meth:`Translator.translate` it is never cut.
        target: A translation to explain; ``None``: the translator's own.

    Raises:
        DataError: If a side is blank, or the source longer than the model reads at once.
        TypeError: If the translator has another engine.
    """
    engine, tokenizers = engine_of(translator), translator.tokenizers
    read = _encode("source", source, tokenizers.source.encode([source.strip()])[0])
    if len(read) >= translator.max_tokens:
        raise DataError(
            f"source: expected fewer than {translator.max_tokens} tokens, but the sentence has "
            f"{len(read)}; give a shorter one"
        )
    if target is None:
        found, *_ = translator.search(read)
        written = list(found.tokens)
    else:
        written = _encode("target", target, tokenizers.target.encode([target.strip()])[0])

    def row(tokens: Sequence[int]) -> Int[Tensor, "1 length"]:
        return torch.tensor([tokens], device=engine.device)

    with record_attention(engine.model) as attention:
        outputs = engine.model(row([*read, END]), row([START, *written]))
    log_probabilities = engine.model.output(outputs)[0].float().log_softmax(dim=-1).cpu()
    (text,) = tokenizers.target.decode([written])
    read, written = [*read, END], [*written, END]
    names = tokenizers.source.tokens(read), tokenizers.target.tokens(written)
    return ForcedDecoding(read, written, *names, text, attention, log_probabilities)


def engine_of(translator: Translator) -> TorchEngine:
    """Return the engine, whose model can be recorded.

    Raises:
        TypeError: If the translator has another one.
    """
    if not isinstance(translator.engine, TorchEngine):
        raise TypeError(
            f"engine: expected a TorchEngine, but found {type(translator.engine).__name__}"
        )
    return translator.engine


def _encode(side: str, text: str, tokens: list[int]) -> list[int]:
    if not tokens:
        raise DataError(f"{side}: expected a sentence, but got {text!r}; give some words")
    return tokens
