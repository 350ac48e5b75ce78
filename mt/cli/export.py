"""``mt export``: a model for another program."""

from pathlib import Path
from typing import Annotated

import typer

from mt.devices import ExportFormat


def export(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    form: Annotated[
        ExportFormat, typer.Option("--to", help="The program; for LibreTranslate take argos.")
    ],
    output: Annotated[Path, typer.Option(help="A new directory; for argos a file.")],
) -> None:
    """Write a model for another program, in float32.

    For CTranslate2, Argos Translate and LibreTranslate, Hugging Face transformers, or a runtime of
    ONNX. What cuts text into pieces comes with it.
    """
    from mt.bundle import load_bundle
    from mt.exchange.export import export as write
    from mt.logs import start_logging

    start_logging()
    load_bundle(model, lambda bundle: write(bundle, form, output))
    typer.echo(f"{output}: written")
