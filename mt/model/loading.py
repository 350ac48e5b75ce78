"""Fill a model with saved weights; the one place that does."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mt.bundle import Bundle
from mt.errors import BundleError
from mt.model.config import parse_model
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import Tokenizers

_FLOATING = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def load_model(bundle: Bundle, tokenizers: Tokenizers) -> EncoderDecoder:
    """Build a bundle's model on the CPU and fill in its weights; random states stay as they are.

    Raises:
        BundleError: If weights and config do not belong together.
    """
    config = parse_model(bundle.section("model"), where=str(bundle.path))
    sizes = tokenizers.source.size, tokenizers.target.size
    weights = bundle.weights()
    if config.least_parameters(*sizes) > sum(weight.numel() for weight in weights.values()):
        raise BundleError(
            f"{bundle.path}: expected the weights of its config, but they are fewer than "
            f"{config.least_parameters(*sizes):,}; copy the model again"
        )
    with torch.random.fork_rng(devices=()):
        model = config.build(*sizes)
    load_weights(model, weights, where=str(bundle.path))
    return model


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copy weights into the parameters of the same names, each shared one once.

    Args:
        model: Changed in place; it stays on its device and in its dtype.
        weights: As :func:`weights_of` names them.
        where: How the message calls them, such as the path of a bundle.

    Raises:
        BundleError: If names or shapes differ.
    """
    parameters = dict(model.named_parameters())
    shapes = [{name: table[name].shape for name in table} for table in (weights, parameters)]
    floating = all(weight.dtype in _FLOATING for weight in weights.values())
    if shapes[0] != shapes[1] or not floating:
        odd = sorted({name for name, _ in shapes[0].items() ^ shapes[1].items()})
        odd = odd or [name for name in weights if weights[name].dtype not in _FLOATING]
        raise BundleError(
            f"{where}: expected the weights of its config, but they differ in "
            f"{', '.join(odd[:3])}; copy the model again"
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Name every trained tensor once, on the CPU."""
    return {name: weight.detach().cpu() for name, weight in model.named_parameters()}
