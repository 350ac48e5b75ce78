"""``mt data``: fetch, check, clean and divide corpora."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.cli.check import check
from mt.cli.command import Command
from mt.cli.split import split
from mt.errors import DataError

if TYPE_CHECKING:
    from mt.data.pairs import PairCounts

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
    from mt.files import open_output
    from mt.logs import start_logging
    from mt.yaml import parse_yaml

    start_logging()
    values = {"filters": parse_yaml(filters, where="--filters")}
    config = CleaningConfig.parse(values, where="--filters")
    corpus = open_corpus(files, source, target)
    outputs = [output.with_name(f"{output.name}.{language}") for language in (source, target)]
    _refuse_same([*outputs, *([rejects] if rejects else [])], files)
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
    typer.echo(_table(counts))


def _refuse_same(outputs: list[Path], inputs: list[Path]) -> None:
    """Refuse to write a file over another one."""
    taken = {path.resolve(): path for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise DataError(
                f"{path}: expected a file for each of what is read, kept and dropped, but this one "
                "is named twice; choose another name"
            )
        taken[path.resolve()] = path


def _table(counts: "PairCounts") -> str:
    """Show how many pairs were dropped for which reason, the commonest first."""
    dropped = sorted(counts.dropped.items(), key=lambda each: (-each[1], each[0]))
    rows = [("read", counts.read), *dropped, ("kept", counts.kept)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{name:{width}}  {count:14,}  {count / max(1, counts.read):8.2%}" for name, count in rows
    )


app.command(cls=Command)(check)
app.command(cls=Command)(split)
