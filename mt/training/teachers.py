"""Models whose predictions another learns from, token by token: word-level distillation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mt.bundle import Bundle, load_bundle, open_bundle
from mt.errors import TrainingError
from mt.model.contract import EncoderDecoder
from mt.model.loading import load_model
from mt.text.tokenizer import Tokenizers
from mt.training.config import DistillationConfig


@dataclass(frozen=True)
class Teachers:
    """Models that predict without dropout and learn nothing."""

    models: Sequence[EncoderDecoder]
    weight: float
    """Part of the target distribution that the mean of theirs is."""
    sha256: tuple[str, ...]
    """Of the weights of each."""


def check_teachers(config: DistillationConfig | None) -> None:
    """Refuse teachers that cannot be read, before anything is made for a run.

    Raises:
        BundleError: If there is no such model, or it is damaged.
    """
    for path in () if config is None else config.teachers:
        open_bundle(path)


def load_teachers(
    config: DistillationConfig,
    tokenizers: Tokenizers,
    languages: tuple[str, str],
    most_tokens: int,
    device: torch.device,
) -> Teachers:
    """Load the models that a run learns from.

    Args:
        config: Names them.
        tokenizers: Those of the run.
        languages: Source and target of the run.
        most_tokens: The longest side of a pair, in tokens, that the run learns from.
        device: Where to put them.

    Raises:
        BundleError: If one cannot be read.
        TrainingError: If one has other tokens or languages, or knows only shorter sentences.
    """

    def load(bundle: Bundle) -> tuple[EncoderDecoder, str]:
        if bundle.tokenizers().fingerprint != tokenizers.fingerprint:
            raise TrainingError(
                f"training.distillation.teachers: expected models of the run's tokenizers, but "
                f"{bundle.path} has others; train with tokenizer_from: {bundle.path}"
            )
        metadata = bundle.metadata
        if metadata.languages != languages:
            raise TrainingError(
                f"training.distillation.teachers: expected models from {' to '.join(languages)}, "
                f"but {bundle.path} translates from {' to '.join(metadata.languages)}; "
                "choose another"
            )
        if metadata.max_tokens < most_tokens:
            raise TrainingError(
                f"training.distillation.teachers: expected models of sentences of {most_tokens} "
                f"tokens, as the run's, but {bundle.path} has learnt those of up to "
                f"{metadata.max_tokens}; set data.max_tokens to {metadata.max_tokens}"
            )
        # Frozen instead of told that there is no gradient: the kernels of training compute them.
        model = load_model(bundle, tokenizers).to(device).requires_grad_(False).eval()
        return model, bundle.origin.sha256

    models, sums = zip(*(load_bundle(path, load) for path in config.teachers), strict=True)
    return Teachers(models, config.weight, sums)
