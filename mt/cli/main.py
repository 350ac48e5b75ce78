"""Assemble the commands; adding one is a file beside this one and a line at the end of this file.

Commands import what they need inside their functions, so that ``mt --help`` answers in a blink.
"""

import io
import os
import sys
from typing import Annotated

import typer

from mt.allocator import restart_with_tcmalloc
from mt.cli import (
    align,
    compare,
    config,
    data,
    evaluate,
    explain,
    info,
    score,
    shortlist,
    train,
    translate,
)
from mt.cli.command import Command, CommandGroup
from mt.cli.failures import replace_closed_streams

app = typer.Typer(
    name="mt",
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    replace_closed_streams()
    # Else pydantic looks through all installed packages for plug-ins, which takes 15 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # as the files are, whatever the locale says
    if next((word for word in sys.argv[1:] if not word.startswith("-")), "") == "train":
        restart_with_tcmalloc()
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"mt {version('mt')}")
        except PackageNotFoundError:
            typer.echo("mt (not installed)")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Train, evaluate and use machine translation models."""


for command in (
    train.train,
    evaluate.evaluate,
    compare.compare,
    translate.translate,
    score.score,
    explain.explain,
    align.align,
    info.info,
    shortlist.shortlist,
):
    app.command(cls=Command)(command)
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
