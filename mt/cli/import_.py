"""``mt import``: a model of another program as a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from mt.cli.corpora import SourceOption, TargetOption


def import_(
    model: Annotated[
        Path, typer.Argument(help="A directory with config.json, the weights, *.spm, vocab.json.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A new directory, the bundle.")],
    source: SourceOption = None,
    target: TargetOption = None,
) -> None:
    """Read a model of OPUS-MT, as Hugging Face stores it, and write a bundle.

    It translates as before, can be explained, aligned and exported, and is what `mt finetune` and
    `init_from` start from. Languages are those that the model names, unless others are given.
    """
    from mt.exchange.huggingface.importing import import_model
    from mt.logs import start_logging

    start_logging()
    import_model(model, output, (source, target))
    typer.echo(f"{output}: written")
