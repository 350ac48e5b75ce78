"""Models whose predictions another learns from, token by token: word-level distillation.

Finding them loads no torch.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mt.bundle import Bundle, load_bundle, open_bundle
from mt.errors import BundleError, TrainingError
from mt.text.tokenizer import Tokenizers

if TYPE_CHECKING:
    import torch

    from mt.model.contract import EncoderDecoder
    from mt.training.recipe import RecipeConfig

log = logging.getLogger(__name__)

_KEY = "training.distillation.teachers"


@dataclass(frozen=True)
class Teachers:
    """Models that predict without dropout and learn nothing."""

    models: "Sequence[EncoderDecoder]"
    weight: float
    """Part of the target distribution that the mean of theirs is."""
    sha256: tuple[str, ...]
    """Of the weights of each."""


def find_teachers(recipe: "RecipeConfig") -> list[Path]:
    """Find the bundles that a run learns from, before anything is made for it.

    Returns:
        Of each teacher, in order, the bundle that is the best one now.

    Raises:
        BundleError: If one cannot be read.
        TrainingError: If one has other tokens or languages, or knows only shorter sentences.
    """
    config, data = recipe.training.distillation, recipe.data
    if config is None:
        return []
    try:
        bundles = [open_bundle(path) for path in config.teachers]
        kept = recipe.init_from or recipe.tokenizer_from
        # A run that is resumed has its own copy of the tokenizers, and needs that model no more.
        model = open_bundle(kept) if kept is not None and kept.is_dir() else bundles[0]
    except BundleError as error:
        raise BundleError(f"{_KEY}: {error}") from None
    expected = model.tokenizers().fingerprint
    languages, most = (data.source, data.target), min(data.max_tokens, recipe.training.batch_tokens)
    for bundle in bundles:
        metadata = bundle.metadata
        if bundle.tokenizers().fingerprint != expected:
            raise TrainingError(
                f"{_KEY}: expected models of the same tokenizers, but {bundle.path} has others "
                f"than {model.path}; choose another, or train it anew with tokenizer_from"
            )
        if metadata.languages != languages:
            raise TrainingError(
                f"{_KEY}: expected models from {' to '.join(languages)}, but {bundle.path} "
                f"translates from {' to '.join(metadata.languages)}; choose another"
            )
        if metadata.max_tokens < most:
            raise TrainingError(
                f"{_KEY}: expected models of sentences of {most} tokens, as the run's, but "
                f"{bundle.path} has learnt those of up to {metadata.max_tokens}; set "
                f"data.max_tokens to {metadata.max_tokens}"
            )
    return [bundle.path for bundle in bundles]


def load_teachers(
    bundles: Sequence[Path], weight: float, tokenizers: Tokenizers, device: "torch.device"
) -> Teachers:
    """Load the models that a run learns from.

    Args:
        bundles: Where they are.
        weight: Part of the target distribution that the mean of theirs is.
        tokenizers: Those of the run.
        device: Where to put the models.

    Raises:
        BundleError: If one cannot be read.
        TrainingError: If one has other tokens than the run.
    """
    from mt.model.loading import load_model  # noqa: PLC0415

    def load(bundle: Bundle) -> "tuple[EncoderDecoder, str]":
        if bundle.tokenizers().fingerprint != tokenizers.fingerprint:
            raise TrainingError(
                f"{_KEY}: expected models of the run's tokenizers, but {bundle.path} has others; "
                "begin anew with tokenizer_from, and name one of the teachers there"
            )
        log.info("learning from %s, SHA-256 %s…", bundle.path, bundle.origin.sha256[:12])
        # Frozen instead of told that there is no gradient: the kernels of training compute them.
        model = load_model(bundle, tokenizers).to(device).requires_grad_(False).eval()
        return model, bundle.origin.sha256

    models, sums = zip(*(load_bundle(path, load) for path in bundles), strict=True)
    return Teachers(models, weight, sums)
