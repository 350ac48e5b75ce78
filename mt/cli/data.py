"""``mt data``: bring corpora onto the disk."""

from pathlib import Path
from typing import Annotated

import typer

from mt.cli.command import Command

app = typer.Typer(no_args_is_help=True, help="Bring known corpora onto the disk.")


@app.callback()
def data() -> None:
    """Bring known corpora onto the disk."""


@app.command(cls=Command)
def fetch(
    name: Annotated[str, typer.Argument(help="A known corpus, such as multi30k.")],
    directory: Annotated[
        Path | None, typer.Option(help="Where its files go. [default: data/NAME]")
    ] = None,
) -> None:
    """Write a known corpus as plain text files; what is there already is left alone."""
    from mt.data.fetch import fetch as bring

    for path in bring(name, directory or Path("data") / name):
        typer.echo(path)
