"""``mt data``: fetch, check, clean and divide corpora."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from mt.cli.check import check
from mt.cli.command import Command
from mt.cli.corpora import count_table, refuse_same
from mt.cli.split import split

app = typer.Typer(no_args_is_help=True, help="Fetch, check, clean and divide corpora.")


@app.callback()
def data() -> None:
    """Fetch, check, clean and divide corpora."""


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


@app.command(cls=Command)
def clean(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE [FILE]",
            help="A file, archive or folder of pairs; or sources, and their translations.",
        ),
    ],
    source: Annotated[str, typer.Option(help="The language of the sources, such as en.")],
    target: Annotated[str, typer.Option(help="The language of the translations.")],
    output: Annotated[
        Path,
        typer.Option(metavar="PREFIX", help="What is kept: PREFIX.SOURCE and PREFIX.TARGET."),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is dropped, as JSON Lines with line and reason."),
    ] = None,
    filters: Annotated[
        str, typer.Option(metavar="YAML", help="As data.filters of a recipe.")
    ] = "standard",
) -> None:
    """Keep the pairs that are worth learning from, and say why others are not.

    Sides are never parted: a pair is kept or dropped as a whole, and the order stays. Options of
    filters are given as in a recipe:

    `--filters '[standard, language, {kind: length_ratio, max_ratio: 2}]'`

    `mt config schema` explains them all.
    """
    from mt.cli.progress import lines_progress
    from mt.data.cleaning import clean as write_clean
    from mt.data.corpora import open_corpus
    from mt.data.filters import Selection
    from mt.data.filters.config import CleaningConfig
    from mt.logs import start_logging
    from mt.outputs import open_output
    from mt.yaml import parse_yaml

    start_logging()
    values = {"filters": parse_yaml(filters, where="--filters")}
    config = CleaningConfig.parse(values, where="--filters")
    corpus = open_corpus(files, source, target)
    outputs = [output.with_name(f"{output.name}.{language}") for language in (source, target)]
    refuse_same([*outputs, *([rejects] if rejects else [])], files)
    with ExitStack() as stack:
        sources, targets = (stack.enter_context(open_output(path)) for path in outputs)
        counts = write_clean(
            corpus.pairs(),
            Selection(config.filters, source, target),
            sources,
            targets,
            rejects=stack.enter_context(open_output(rejects)) if rejects else None,
            progress=stack.enter_context(lines_progress("cleaning", None)),
        )
    typer.echo(count_table(counts))


app.command(cls=Command)(check)
app.command(cls=Command)(split)
