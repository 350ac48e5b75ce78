"""Keep parts of a model as they are while the others are trained."""

import logging
from collections.abc import Sequence

from torch import nn

from mt.errors import ConfigError, did_you_mean
from mt.model.contract import count_parameters

log = logging.getLogger(__name__)


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Take the weights of some modules out of training.

    A table that several modules share is frozen for all of them.

    Args:
        model: Changed in place.
        parts: Names of its modules, as in ``encoder`` and ``decoder.0.cross_attention``.

    Raises:
        ConfigError: If there is no such module, or nothing is left to train.
    """
    modules = dict(model.named_modules())
    for part in parts:
        if part not in modules or not part:
            known = ", ".join(name for name, _ in model.named_children())
            raise ConfigError(
                f"training.freeze: expected names of modules ({known}, or parts of them as "
                f"encoder.0), but found {part}; {did_you_mean(part, modules) or 'correct it'}"
            )
        modules[part].requires_grad_(requires_grad=False)
    frozen = sum(weight.numel() for weight in model.parameters() if not weight.requires_grad)
    total = count_parameters(model)
    if frozen == total:
        raise ConfigError(
            f"training.freeze: expected something left to train, but {', '.join(parts)} are the "
            "whole model; leave one out"
        )
    if parts:
        log.info("frozen: %s of %s parameters", f"{frozen:,}", f"{total:,}")
