"""``mt data check``: what is in parallel text, and what is wrong with it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.cli.corpora import SourceOption, TargetOption, languages_of, open_files
from mt.cli.options import JsonOption
from mt.errors import DataError
from mt.pages import refuse_other_suffix

if TYPE_CHECKING:
    from mt.data.corpora import Corpus


def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="A file of pairs (.tmx, .tsv, …), two text files, or a recipe (.yaml).",
        ),
    ],
    source: SourceOption = None,
    target: TargetOption = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(
            "--held-out",
            metavar="FILE",
            help="Pairs for validation or test, to look for in the others; once a file.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page that shows everything.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is in parallel text, what is wrong with it, and which recipe would suit.

    Finds shifted lines, blanks, copies, repeated pairs, damaged characters, sentences of validation
    that are in the training data, and the most suspicious pairs.
    """
    if output is not None:
        refuse_other_suffix(output)
    training, validation, languages = _corpora(files, source, target, held_out or [])

    from mt.cli.progress import lines_progress
    from mt.cli.report_text import as_text
    from mt.data.report import report as report_on
    from mt.logs import start_logging
    from mt.training.suggestion import Machine, suggest, write_recipe

    start_logging()
    with lines_progress("checking", None) as progress:
        report = report_on(training, validation, languages, progress=progress)
    suggestion = suggest(report.pairs, report.words, Machine.here(), report.tried)
    recipe = write_recipe(suggestion, languages, training, validation)
    if output is not None:
        from mt.data.report.page import save_page

        save_page(report, recipe, output)
    if as_json:
        typer.echo(json.dumps(report.to_json() | {"recipe": recipe}, indent=2, ensure_ascii=False))
    else:
        typer.echo(
            "\n\n".join([*as_text(report), f"A recipe that would suit\n\n{recipe}"]), nl=False
        )
    if report.broken:
        raise DataError("\n".join(report.broken))


def _corpora(
    files: Sequence[Path], source: str | None, target: str | None, held_out: Sequence[Path]
) -> "tuple[Sequence[Corpus], Sequence[Corpus], tuple[str, str]]":
    """Return the corpora to learn from, those that are held out, and their languages."""
    if files[0].suffix.lower() not in {".yaml", ".yml"}:
        languages = languages_of(source, target)
        others = [open_files(held_out, languages)] if held_out else []
        return [open_files(files, languages)], others, languages
    if len(files) > 1 or source or target or held_out:
        raise typer.BadParameter(
            f"expected {files[0]} alone, as a recipe names its languages and corpora; leave the "
            "rest out"
        )
    from mt.training.recipe import load_recipe

    data = load_recipe(files[0]).data
    return data.train, data.validation, (data.source, data.target)
