"""What a run starts from where that is no random weights: a bundle's weights and tokenizers."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from mt.bundle import Bundle, Origin, load_bundle
from mt.errors import TrainingError
from mt.model.contract import EncoderDecoder
from mt.model.loading import load_weights
from mt.text.tokenizer import Tokenizers


class Start(NamedTuple):
    """What is read of a bundle, all at once, as a run that trains may replace it."""

    tokenizers: Tokenizers
    weights: Mapping[str, Tensor]
    origin: Origin


def read_start(path: Path) -> Start:
    """Read a bundle, or the best one of a run, and compare every file with its checksum.

    Raises:
        BundleError: If there is none, or it is damaged.
    """

    def read(bundle: Bundle) -> Start:
        return Start(bundle.tokenizers(), bundle.weights(), bundle.origin)

    return load_bundle(path, read)


def start_from(start: Start, model: EncoderDecoder, tokenizers: Tokenizers) -> None:
    """Fill a model with the weights of a bundle.

    Args:
        start: What was read of the bundle.
        model: Changed in place.
        tokenizers: Those of the run.

    Raises:
        BundleError: If the weights are none of such a model.
        TrainingError: If the weights belong to other tokens.
    """
    if tokenizers.fingerprint != start.tokenizers.fingerprint:
        raise TrainingError(
            f"init_from: expected the tokenizers of {start.origin.bundle} as the run has them, but "
            "they have changed since it began; choose another --out"
        )
    load_weights(model, start.weights, where=start.origin.bundle)
