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
    output: Annotated[
        Path, typer.Option(help="A new directory for ctranslate2, a file for argos.")
    ],
) -> None:
    """Write a model for another program: CTranslate2, or Argos Translate and LibreTranslate.

    Both run it as CTranslate2 does here, in float32 or whatever they make of it; sentences are cut
    into pieces by the SentencePiece model beside it.
    """
    from mt.bundle import load_bundle
    from mt.translation.export import export as write

    load_bundle(model, lambda bundle: write(bundle, form, output))
    typer.echo(f"{output}: written")
