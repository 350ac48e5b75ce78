"""Write a bundle as the model of another program."""

from collections.abc import Mapping
from pathlib import Path

from mt.bundle import Bundle
from mt.devices import ExportFormat
from mt.errors import BundleError
from mt.exchange import argos, ctranslate2
from mt.exchange.huggingface import export as huggingface
from mt.exchange.onnx import export as onnx
from mt.exchange.target import Target
from mt.model.config import parse_model

TARGETS: Mapping[ExportFormat, Target] = {
    "ctranslate2": ctranslate2,
    "argos": argos,
    "huggingface": huggingface,
    "onnx": onnx,
}


def export(bundle: Bundle, form: ExportFormat, output: Path) -> None:
    """Write a model for another program.

    Args:
        bundle: Holds the model.
        form: Which program.
        output: A new directory, or the file of ``argos``.

    Raises:
        BundleError: If the program cannot compute the model, with the part it cannot.
        DataError: If the directory exists, or a package that writes it is not installed.
    """
    target, config = TARGETS[form], parse_model(bundle.section("model"), where=str(bundle.path))
    if part := target.inexpressible(config):
        able = [other for other in TARGETS if TARGETS[other].inexpressible(config) is None]
        remedy = f", or export it to {' or '.join(able)}" if able else ""
        raise BundleError(
            f"{bundle.path}: expected a model that {target.PROGRAM} can run, but it cannot compute "
            f"{part}; train one without{remedy}"
        )
    target.write(bundle, output)
