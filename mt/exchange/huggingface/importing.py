"""A Marian model as Hugging Face stores it, such as those of OPUS-MT, as a bundle.

What is read is ``config.json``, ``generation_config.json``, the weights, ``source.spm``,
``target.spm`` and ``vocab.json``. Marian's Transformer has its norms after its sublayers, sinusoids
in halves and embeddings times ``sqrt(dim)``, which ours can all have. Three things differ. Its
decoder first reads padding, so our start mark gets the vector of that. It adds a bias to the
logits, which ours does if asked to. And it numbers tokens by a list of its own, so the rows of its
tables are put into our order; see :mod:`mt.exchange.huggingface.pieces`. A model that was exported
from here, Marian or Pegasus, comes back as it was.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mt.bundle import MOST_TOKENS, Metadata, Origin, write_bundle
from mt.config import StrictConfig
from mt.errors import BundleError
from mt.exchange.huggingface.names import OUTPUT_BIAS, names
from mt.exchange.huggingface.pieces import Marks, Vocabulary, order, renumber
from mt.exchange.target import refuse_existing
from mt.files import sha256
from mt.model.config import TransformerConfig
from mt.model.positions.config import SinusoidalConfig
from mt.text.tokenizer import PAD, START, Algorithm, TokenizerConfig, Tokenizers
from mt.translation.config import BeamConfig, GreedyConfig, TranslationConfig

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

_ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "swish": "silu", "silu": "silu"}
_NEVER = -100.0
"""Added to the logit of what Marian never writes; its softmax is then as if that were left out."""
_LONGEST = 512
"""Tokens that Marian models are trained for, where nothing else is said."""


class _DataConfig(StrictConfig):
    source: str
    target: str


class _RecipeConfig(StrictConfig):
    """What is known of a model that was trained elsewhere; sections as in a recipe."""

    data: _DataConfig
    tokenizer: TokenizerConfig
    model: TransformerConfig
    translation: TranslationConfig


@dataclass(frozen=True)
class _Model:
    """A model as Hugging Face stores it."""

    directory: Path
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    tokenizer: Mapping[str, Any]

    @property
    def separate(self) -> bool:
        """Whether source and target have tokens of their own."""
        return bool(self.tokenizer.get("separate_vocabs", False))

    def unsuitable(self, expected: str, found: object) -> BundleError:
        """Say that the model is none that can be imported."""
        return BundleError(
            f"{self.directory / 'config.json'}: expected {expected}, but found {found}; such a "
            "model cannot be imported"
        )


def import_model(directory: Path, output: Path, languages: tuple[str | None, str | None]) -> None:
    """Write a bundle that translates as a Marian model does.

    Args:
        directory: The model as ``MarianMTModel`` and ``MarianTokenizer`` store it.
        output: A new directory.
        languages: Tags of source and target; ``None``: as the model says.

    Raises:
        BundleError: If a file is missing or damaged, or the model computes what ours cannot.
        DataError: If ``output`` exists, or a package is missing.
    """
    refuse_existing(output)
    model = _Model(
        directory,
        _read_json(directory / "config.json"),
        _read_json(directory / "generation_config.json", needed=False),
        _read_json(directory / "tokenizer_config.json", needed=False),
    )
    config = _architecture(model)
    weights, file = _read_weights(directory)
    tokenizers, vocabularies, algorithm = _tokenizers(model, config)
    config, converted = _convert(model, config, weights, vocabularies)
    recipe = _RecipeConfig(
        data=_DataConfig(**_languages(model, languages)),
        tokenizer=_about(tokenizers, algorithm),
        model=config,
        translation=TranslationConfig(search=_search(model)),
    )
    metadata = Metadata(
        update=0,
        languages=(recipe.data.source, recipe.data.target),
        parameters=sum(weight.numel() for weight in converted.values()),
        max_tokens=_longest(model),
        origin=Origin(str(directory), 0, sha256(file)),
    )
    write_bundle(output, converted, recipe, tokenizers, metadata)


def _architecture(model: _Model) -> TransformerConfig:
    """Describe a model as ours, and refuse what ours cannot be."""
    config = model.config
    kind = config.get("model_type")
    if kind not in {"marian", "pegasus"}:
        raise model.unsuitable("model_type marian", kind)
    tied = config.get("tie_word_embeddings", True)
    shared = config.get("share_encoder_decoder_embeddings", True) or kind == "pegasus"
    try:
        activation = _ACTIVATIONS.get(config["activation_function"])
        if activation is None:
            raise model.unsuitable(
                f"activation_function {', '.join(_ACTIVATIONS)}", config["activation_function"]
            )
        if config.get("scale_embedding") is not True:
            raise model.unsuitable("scale_embedding true", config.get("scale_embedding"))
        for name in ("attention_heads", "ffn_dim"):
            if config[f"encoder_{name}"] != config[f"decoder_{name}"]:
                raise model.unsuitable(
                    f"the {name} {config[f'encoder_{name}']} of the encoder in the decoder too",
                    config[f"decoder_{name}"],
                )
        values = {
            "dim": config["d_model"],
            "encoder_layers": config["encoder_layers"],
            "decoder_layers": config["decoder_layers"],
            "heads": config["encoder_attention_heads"],
            "feed_forward": config["encoder_ffn_dim"],
            "activation": activation,
            "norm": "post" if kind == "marian" else "pre",
            "dropout": config.get("dropout", 0.1),
            "tie": ("three_way" if shared else "two_way") if tied else "none",
            "positions": SinusoidalConfig(),
        }
    except KeyError as error:
        raise model.unsuitable(f"a key {error}", "none") from None
    return TransformerConfig.parse(values, where=str(model.directory / "config.json"))


def _tokenizers(
    model: _Model, config: TransformerConfig
) -> tuple[Tokenizers, tuple[Vocabulary, Vocabulary], Algorithm]:
    """Number the pieces of both sides as the vocabulary does."""
    if model.separate and config.tie == "three_way":
        raise model.unsuitable("tables of their own for two vocabularies", "a shared one")
    files = ["vocab.json", "target_vocab.json" if model.separate else "vocab.json"]
    sides, vocabularies = [], []
    algorithm: Algorithm = "unigram"
    for side, name in zip(("source", "target"), files, strict=True):
        numbers = _read_json(model.directory / name)
        vocabularies.append(order(numbers, _marks(model, numbers, name)))
        path = model.directory / f"{side}.spm"
        tokenizer, algorithm, lacking = renumber(path, vocabularies[-1])
        if lacking:
            log.warning(
                "%s: %s pieces are not in %s, and text is cut into others in their place; Marian "
                "reads them as unknown", path, f"{lacking:,}", name,
            )  # fmt: skip
        sides.append(tokenizer)
    return Tokenizers(sides[0], sides[1]), (vocabularies[0], vocabularies[1]), algorithm


def _marks(model: _Model, numbers: Mapping[str, Any], name: str) -> Marks:
    if not all(isinstance(number, int) for number in numbers.values()) or "<unk>" not in numbers:
        raise BundleError(
            f"{model.directory / name}: expected numbers of tokens, `<unk>` among them, but found "
            "something else; copy it again"
        )
    pad = model.config.get("pad_token_id")
    start = model.config.get("decoder_start_token_id", pad)
    end = model.config.get("eos_token_id")
    if not (isinstance(pad, int) and isinstance(start, int) and isinstance(end, int)):
        raise model.unsuitable("numbers of padding, start and end", f"{pad}, {start} and {end}")
    return Marks(pad, numbers["<unk>"], start, end)


def _convert(
    model: _Model,
    config: TransformerConfig,
    weights: "dict[str, Tensor]",
    vocabularies: tuple[Vocabulary, Vocabulary],
) -> "tuple[TransformerConfig, dict[str, Tensor]]":
    """Name weights as ours, with the rows of tokens in our order, and say if there is a bias."""
    import torch  # noqa: PLC0415

    source, target = ([*vocabulary.rows] for vocabulary in vocabularies)
    rows = {"source_embedding.table": source, "target_embedding.table": target}
    rows |= {"output.weight": target, OUTPUT_BIAS: target}
    bias = weights.get("final_logits_bias")
    twice = target[PAD] == target[START]
    if twice or (bias is not None and bool(bias.any())):
        config = config.model_copy(update={"output_bias": True})
    if bias is None:
        weights["final_logits_bias"] = torch.zeros(1, max(target) + 1)
    _fill_in_shared(config, weights)
    converted: dict[str, Tensor] = {}
    used: set[str] = set()
    for ours, theirs in names(config):
        if missing := [name for name in theirs if name not in weights]:
            raise model.unsuitable(f"a weight {missing[0]}", "none")
        used.update(theirs)
        weight = torch.cat([weights[name].float() for name in theirs])
        if ours == OUTPUT_BIAS:
            weight = weight[0]
        if ours in rows:
            if max(rows[ours]) >= len(weight):
                raise model.unsuitable(
                    f"{max(rows[ours]) + 1:,} rows in {theirs[0]}, as in the vocabulary",
                    f"{len(weight):,}",
                )
            weight = weight[rows[ours]]
        converted[ours] = weight.contiguous()
    if twice:
        converted[OUTPUT_BIAS][[PAD, START]] += _NEVER
    _refuse_others(model, config, {name: weights[name] for name in weights if name not in used})
    return config, converted


def _fill_in_shared(config: TransformerConfig, weights: "dict[str, Tensor]") -> None:
    """Give a table that several share all of its names, of which a file may hold any."""
    tables = [
        "model.shared.weight", "model.encoder.embed_tokens.weight",
        "model.decoder.embed_tokens.weight", "lm_head.weight",
    ]  # fmt: skip
    groups = {"three_way": [tables], "two_way": [tables[2:]], "none": [tables[:2]]}
    for group in groups[config.tie]:
        held = next((weights[name] for name in group if name in weights), None)
        if held is not None:
            for name in group:
                weights.setdefault(name, held)


def _refuse_others(
    model: _Model, config: TransformerConfig, others: "Mapping[str, Tensor]"
) -> None:
    """Refuse weights that ours has no place for, and positions that are no sinusoids."""
    import torch  # noqa: PLC0415

    from mt.model.positions.absolute import SinusoidalPositions  # noqa: PLC0415

    for name, weight in others.items():
        if name.endswith("embed_positions.weight"):
            fixed = SinusoidalPositions(config.dim)(0, len(weight))
            if weight.shape != fixed.shape or not torch.allclose(weight.float(), fixed, atol=1e-4):
                raise model.unsuitable("sinusoidal positions", f"others in {name}")
        elif not name.endswith(("embed_tokens.weight", "shared.weight", "lm_head.weight")) and (
            name != "final_logits_bias"
        ):
            raise model.unsuitable("the weights of its class", f"{name} too")


def _read_weights(directory: Path) -> "tuple[dict[str, Tensor], Path]":
    """Read the weights by name; of a pickle, tensors alone."""
    import pickle  # noqa: PLC0415 - for the name of its error

    import torch  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.torch import load  # noqa: PLC0415

    safe, pickled = directory / "model.safetensors", directory / "pytorch_model.bin"
    path = safe if safe.exists() else pickled
    try:
        if safe.exists():
            weights = load(safe.read_bytes())
        else:
            weights = torch.load(pickled, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise BundleError(
            f"{path}: expected weights, but {reason}; copy the whole directory of the model"
        ) from None
    return dict(weights), path


def _languages(model: _Model, wanted: tuple[str | None, str | None]) -> dict[str, str]:
    sides = "source", "target"
    found = {
        side: tag or model.tokenizer.get(f"{side}_lang")
        for side, tag in zip(sides, wanted, strict=True)
    }
    for side, tag in found.items():
        if not tag:
            raise BundleError(
                f"{model.directory}: expected {side}_lang in tokenizer_config.json, but found "
                f"none; add --{side} with a language, such as en"
            )
    return {side: str(tag) for side, tag in found.items()}


def _about(tokenizers: Tokenizers, algorithm: Algorithm) -> TokenizerConfig:
    """Describe tokenizers as a recipe does; how text is normalised stands in themselves."""
    return TokenizerConfig(
        vocabulary="joint" if tokenizers.joint else "separate",
        size=max(tokenizers.source.size, tokenizers.target.size),
        algorithm=algorithm,
    )


def _search(model: _Model) -> BeamConfig | GreedyConfig:
    """Search as the model is told to."""
    told = {**model.config, **model.generation}
    ngram = told.get("no_repeat_ngram_size") or 0
    beams = told.get("num_beams") or 1
    if beams == 1:
        return GreedyConfig(no_repeat_ngram=ngram)
    penalty = told.get("length_penalty")
    return BeamConfig(
        size=beams, length_penalty=1.0 if penalty is None else penalty, no_repeat_ngram=ngram
    )


def _longest(model: _Model) -> int:
    """Return the most tokens of a sentence."""
    told = model.tokenizer.get("model_max_length", _LONGEST)
    if (
        not isinstance(told, int) or not 0 < told <= MOST_TOKENS
    ):  # transformers writes 1e30 for none
        told = _LONGEST
    return told


def _read_json(path: Path, needed: bool = True) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        if not needed:
            return {}
        raise BundleError(
            f"{path}: expected a model of Hugging Face's MarianMTModel, but the file is missing; "
            "give its whole directory"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BundleError(f"{path}: expected JSON, but {reason}; copy it again") from None
    if not isinstance(values, dict):
        raise BundleError(
            f"{path}: expected a JSON object, but found {type(values).__name__}; copy it again"
        )
    return values
