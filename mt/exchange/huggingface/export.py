"""Hugging Face transformers: a directory that its ``Auto`` classes load.

A post-norm model becomes a ``MarianMTModel``. A pre-norm model becomes a
``PegasusForConditionalGeneration``, which differs from it in the place of the norms and in having
one table for all embeddings. Both use fixed sinusoids in halves, embeddings times ``sqrt(dim)``,
and layer norms with torch's epsilon, as ours do. The tokenizer of either is ``MarianTokenizer``,
which cuts text by our SentencePiece models themselves.
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mt.bundle import Bundle
from mt.exchange.huggingface.names import OUTPUT_BIAS, names
from mt.exchange.huggingface.pieces import is_language_tag
from mt.exchange.target import attentions, new_directory
from mt.model.attention.config import AdditiveConfig, BilinearConfig, GlobalConfig, ScaledDotConfig
from mt.model.config import RecurrentConfig, TransformerConfig, parse_model
from mt.model.positions.config import SinusoidalConfig
from mt.text.tokenizer import END, PAD, START, Tokenizer, Tokenizers
from mt.translation.config import (
    BeamConfig,
    GreedyConfig,
    SearchConfig,
    TranslationConfig,
    longest_translation,
)
from mt.translation.contract import NEVER

if TYPE_CHECKING:
    from torch import Tensor

    from mt.model.attention.config import ScoreConfig

PROGRAM = "Hugging Face transformers"

log = logging.getLogger(__name__)


def inexpressible(config: TransformerConfig | RecurrentConfig) -> str | None:
    """Name what neither of the two architectures can compute of a model; ``None`` if one can."""
    return next(_inexpressible_parts(config), None)


def _inexpressible_parts(config: TransformerConfig | RecurrentConfig) -> Iterator[str]:
    if isinstance(config, RecurrentConfig):
        yield "recurrent layers"
        return
    if config.activation == "swiglu":
        yield "swiglu feed-forward layers"
    if not isinstance(config.positions, SinusoidalConfig):
        kind = config.positions.kind
        yield "a model without positions" if kind == "none" else f"{kind} positions"
    if config.norm == "pre" and config.tie != "three_way":
        yield "embeddings of their own for source and target with norm=pre"
    for name, attention in attentions(config):
        if isinstance(attention.score, AdditiveConfig):
            yield f"the additive score of {name}"
        if not isinstance(attention.scope, GlobalConfig):
            yield f"the {attention.scope.kind} scope of {name}"


def write(bundle: Bundle, output: Path) -> None:
    """Write a directory; see :meth:`mt.exchange.target.Target.write`."""
    from safetensors.torch import save  # noqa: PLC0415

    from mt.model.loading import load_model, weights_of  # noqa: PLC0415

    config = parse_model(bundle.section("model"), where=str(bundle.path))
    assert isinstance(config, TransformerConfig), "see `inexpressible`"
    tokenizers = bundle.tokenizers()
    weights = convert(config, weights_of(load_model(bundle, tokenizers)))
    weights |= _positions(config.dim, longest_translation(bundle.metadata.max_tokens))
    with new_directory(output) as scratch:
        (scratch / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
        _write_json(scratch / "config.json", _config(config, tokenizers, bundle))
        _write_json(scratch / "generation_config.json", _generation(bundle))
        _write_tokenizer(scratch, tokenizers, bundle)


def convert(config: TransformerConfig, weights: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Give weights the names of Marian and Pegasus.

    Args:
        config: A model of which :func:`inexpressible` is ``None``.
        weights: As :func:`mt.model.loading.weights_of` names them.
    """
    converted: dict[str, Tensor] = {}
    for ours, theirs in names(config):
        parts = list(weights[ours].chunk(len(theirs)))
        if ".in_proj." in ours:
            attention = ours.rpartition(".in_proj.")[0]
            score = getattr(config, attention.rpartition(".")[2]).score
            matrix = weights.get(f"{attention}.attend.score.matrix")
            parts[0] = _as_scaled_dot(parts[0], config.heads, score, matrix)
        if ours == OUTPUT_BIAS:
            parts = [parts[0][None]]
        converted |= {name: part.contiguous() for name, part in zip(theirs, parts, strict=True)}
    return converted


def _as_scaled_dot(
    projection: "Tensor", heads: int, score: "ScoreConfig", matrix: "Tensor | None"
) -> "Tensor":
    """Change the projection of queries so that the scaled dot product gives the scores of another.

    With ``q = P x``, a bilinear score ``q^T W k`` is the dot product of ``W^T P x`` and ``k``, and
    any dot product is the scaled one of a query that is ``sqrt(depth)`` times as long.

    Args:
        projection: The weight, [dim, dim], or the bias, [dim], of all heads.
        heads: Attentions side by side.
        score: What the model was trained with.
        matrix: ``W`` of a bilinear score, [heads, depth, depth].
    """
    if isinstance(score, ScaledDotConfig):
        return projection
    by_head = projection.view(heads, -1, *projection.shape[1:])
    depth = by_head.size(1)
    if isinstance(score, BilinearConfig):
        assert matrix is not None
        by_head = (matrix.mT @ by_head.reshape(heads, depth, -1)).view_as(by_head)
    return by_head.flatten(0, 1) * math.sqrt(depth)


def _positions(dim: int, longest: int) -> dict[str, "Tensor"]:
    """Tabulate the sinusoids, without which transformers reports that weights are missing."""
    from mt.model.positions.absolute import SinusoidalPositions  # noqa: PLC0415

    table = SinusoidalPositions(dim)(0, longest)
    return {
        f"model.{side}.embed_positions.weight": table.clone() for side in ("encoder", "decoder")
    }


def _config(config: TransformerConfig, tokenizers: Tokenizers, bundle: Bundle) -> dict[str, Any]:
    shared = {
        "vocab_size": tokenizers.source.size,
        "d_model": config.dim,
        "encoder_layers": config.encoder_layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.heads,
        "decoder_attention_heads": config.heads,
        "encoder_ffn_dim": config.feed_forward,
        "decoder_ffn_dim": config.feed_forward,
        "activation_function": config.activation,
        "dropout": config.dropout,
        "attention_dropout": config.attention_dropout,
        "activation_dropout": config.activation_dropout,
        "encoder_layerdrop": config.layer_dropout,
        "decoder_layerdrop": config.layer_dropout,
        "scale_embedding": True,
        "max_position_embeddings": longest_translation(bundle.metadata.max_tokens),
        "tie_word_embeddings": config.tie != "none",
        "is_encoder_decoder": True,
        **_marks(),
    }
    if config.norm == "pre":
        return {
            "architectures": ["PegasusForConditionalGeneration"],
            "model_type": "pegasus",
        } | shared
    return {
        "architectures": ["MarianMTModel"],
        "model_type": "marian",
        "share_encoder_decoder_embeddings": config.tie == "three_way",
        "decoder_vocab_size": tokenizers.target.size,
    } | shared


def _generation(bundle: Bundle) -> dict[str, Any]:
    """Say how to search: as the model does here, as far as transformers can."""
    config = TranslationConfig.parse(
        bundle.section("translation"), where=f"{bundle.path}: translation"
    )
    search, told = config.search, _told(config.search)
    if config.decision == "mbr":
        log.warning(
            "%s: expected decision: map, which transformers knows, but found mbr; it is told %s",
            bundle.path, told.model_dump(),
        )  # fmt: skip
    if told != search:
        log.warning(
            "%s: expected a search that transformers knows, but found %s; it is told %s",
            bundle.path, search.model_dump(), told.model_dump(),
        )  # fmt: skip
    beam = told if isinstance(told, BeamConfig) else BeamConfig(size=1)
    return {
        "num_beams": beam.size,
        "length_penalty": beam.length_penalty,
        "early_stopping": beam.size > 1,
        "no_repeat_ngram_size": told.no_repeat_ngram,
        "max_length": longest_translation(bundle.metadata.max_tokens),
        "suppress_tokens": sorted(NEVER),
        "begin_suppress_tokens": [END],
        **_marks(),
    }


def _told(search: SearchConfig) -> BeamConfig | GreedyConfig:
    """Return what transformers can be told of a search: the nearest of greedy and beam."""
    if isinstance(search, GreedyConfig):
        return GreedyConfig(no_repeat_ngram=search.no_repeat_ngram)
    beam = BeamConfig(no_repeat_ngram=search.no_repeat_ngram)
    if isinstance(search, BeamConfig):
        beam = beam.model_copy(update={"size": search.size})
        if search.length_norm == "power":
            beam = beam.model_copy(update={"length_penalty": search.length_penalty})
    return beam


def _marks() -> dict[str, Any]:
    return {
        "pad_token_id": PAD,
        "bos_token_id": START,
        "eos_token_id": END,
        "decoder_start_token_id": START,
        "forced_eos_token_id": END,
    }


def _write_tokenizer(directory: Path, tokenizers: Tokenizers, bundle: Bundle) -> None:
    source, target = bundle.metadata.languages
    (directory / "source.spm").write_bytes(tokenizers.source.model)
    (directory / "target.spm").write_bytes(tokenizers.target.model)
    _write_json(directory / "vocab.json", _vocabulary(tokenizers.source))
    if not tokenizers.joint:
        _write_json(directory / "target_vocab.json", _vocabulary(tokenizers.target))
    config = {
        "tokenizer_class": "MarianTokenizer",
        "source_lang": source,
        "target_lang": target,
        "separate_vocabs": not tokenizers.joint,
        "model_max_length": bundle.metadata.max_tokens,
        "clean_up_tokenization_spaces": False,
    }
    _write_json(directory / "tokenizer_config.json", config)


def _vocabulary(tokenizer: Tokenizer) -> dict[str, int]:
    """Number the tokens by name; ``MarianTokenizer`` takes tags as ``>>de<<`` off a text itself."""
    tags = dict(zip(tokenizer.tag_tokens, tokenizer.tags, strict=True))
    languages = {number: tag for number, tag in tags.items() if is_language_tag(tag)}
    names = enumerate(tokenizer.vocabulary)
    return {languages.get(number, name): number for number, name in names}


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
