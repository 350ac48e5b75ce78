"""Assemble the commands; adding one is a file beside this one and a name in :data:`COMMANDS`.

Commands import what they need inside their functions, so that ``mt --help`` answers in a blink; a
call of one command imports no other.
"""

import atexit
import gc
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Annotated

import typer

from mt.allocator import restart_with_tcmalloc
from mt.cli.command import Command, CommandGroup
from mt.cli.failures import replace_closed_streams

COMMANDS = (
    "init", "train", "finetune", "evaluate", "compare", "translate", "score", "explain",
    "align", "info", "distill", "backtranslate", "bulk", "shortlist", "import", "export", "data",
    "config",
)  # fmt: skip
"""Modules beside this one, each with a function of its name or an ``app`` of several commands; what
is a keyword of Python has ``_`` behind it there."""


def build_app(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """Put commands together, in their order."""
    app = typer.Typer(
        name="mt",
        cls=CommandGroup,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for name in names:
        ours = f"{name}_" if iskeyword(name) else name
        module = import_module(f"mt.cli.{ours}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name, cls=Command)(getattr(module, ours))
    return app


def main() -> None:
    """Run the command line."""
    replace_closed_streams()
    # Else the collector goes through all that is imported again and again, and finds nothing.
    gc.set_threshold(50_000)
    # And once more when Python ends, which takes 40 ms.
    atexit.register(gc.freeze)
    # Else pydantic looks through all installed packages for plug-ins, which takes 15 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As the files are, whatever the locale says; names of files may be any bytes.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if wanted in {"train", "finetune"}:
        restart_with_tcmalloc()
    # For help, and for the suggestion that a mistyped name gets, all are needed.
    build_app([wanted] if wanted in COMMANDS else COMMANDS)()


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"mt {version('mt')}")
        except PackageNotFoundError:
            typer.echo("mt (not installed)")
        raise typer.Exit


def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Train, evaluate and use machine translation models."""
