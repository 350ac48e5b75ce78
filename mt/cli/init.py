"""``mt init``: from parallel text to a recipe that can be trained."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mt.cli.corpora import (
    OverwriteOption,
    SeedOption,
    SourceOption,
    TargetOption,
    describe,
    languages_of,
    open_files,
    refuse_existing,
)
from mt.errors import DataError

_SHARE, _MOST = 0.02, 2000
"""Share of the pairs set aside for validation, and for the test, and how many at most."""


def init(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...", help="A file of pairs (.tmx, .tsv, …) or two text files."
        ),
    ] = None,
    source: SourceOption = None,
    target: TargetOption = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where recipe.yaml and the folder data go.")
    ] = Path(),
    seed: SeedOption = 1,
    overwrite: OverwriteOption = False,
) -> None:
    """Check parallel text, divide it, and write a recipe whose sizes suit it and this machine.

    Then `mt train recipe.yaml` trains a model. What is not given is asked for on a terminal.
    """
    files, source, target = _ask(files or [], source, target)
    languages = languages_of(source, target)
    corpus = open_files(files, languages)
    recipe, folder = output / "recipe.yaml", output / "data"

    from mt.cli.progress import lines_progress
    from mt.cli.report_text import finding_text
    from mt.data.corpora import PlainTextConfig
    from mt.data.report import report as report_on
    from mt.data.report.vocabularies import SIZES
    from mt.data.split import divide, files_of, write_parts
    from mt.files import write_atomically
    from mt.logs import start_logging
    from mt.training.suggestion import Machine, suggest, write_recipe

    start_logging()
    refuse_existing([recipe, *files_of(languages, folder)], overwrite)
    with lines_progress("checking", None) as progress:
        report = report_on([corpus], [], languages, seed=seed, progress=progress)
    if report.broken:
        raise DataError("\n".join(report.broken))
    typer.echo(f"{corpus.where}: {report.pairs:,} pairs")
    for finding in report.findings:
        if finding.level != "note":
            typer.echo(f"\n{finding_text(finding)}")
    if not report.tried:
        raise DataError(
            f"{corpus.where}: expected text enough to learn {min(SIZES)} pieces of words from, but "
            f"found {report.pairs:,} pairs; add text"
        )
    aside = min(_MOST, max(1, round(_SHARE * report.pairs)))
    with lines_progress("reading", report.pairs) as progress:
        division = divide(corpus, aside, aside, seed, progress)
    with lines_progress("writing", report.pairs) as progress:
        written = write_parts(corpus, division, languages, folder, progress)
    parts = [
        PlainTextConfig(source=one, target=other)
        for one, other in zip(written[::2], written[1::2], strict=True)
    ]
    pairs = division.count("train")
    suggestion = suggest(pairs, report.words, Machine.here(), report.tried)
    names = " ".join(map(str, files))
    run, test_source, test_reference = (
        shlex.quote(str(path))
        for path in (Path("checkpoints") / recipe.stem, written[-2], written[-1])
    )
    notes = [
        f"{languages[0]} → {languages[1]}, {pairs:,} pairs of {names}.",
        "",
        f"  mt train {shlex.quote(str(recipe))}",
        f"  mt evaluate {run} --source {test_source} --reference {test_reference}",
        "",
        "Only what differs from the defaults stands here; `mt config schema` explains every key.",
    ]
    text = write_recipe(suggestion, languages, parts[:1], parts[1:2], notes)
    write_atomically(recipe.resolve(), text)
    typer.echo("\n" + "\n".join(describe(division, written)))
    typer.echo(f"recipe: {recipe}, for {pairs:,} pairs on {suggestion.machine}")
    typer.echo(f"\nNext: mt train {shlex.quote(str(recipe))}")


def _ask(
    files: list[Path], source: str | None, target: str | None
) -> tuple[list[Path], str | None, str | None]:
    """Ask for what is missing, if somebody is there to answer."""
    if not _somebody_answers():
        if not files:
            raise typer.BadParameter(
                "expected a file of pairs or two text files, but found none; name them"
            )
        return files, source, target
    if not files:
        answer = typer.prompt("Files (one of pairs, or two of text with a space between)")
        files = [Path(name) for name in answer.split()]
    source = source or typer.prompt("Language of the source, such as en")
    return files, source, target or typer.prompt("Language of the target, such as de")


def _somebody_answers() -> bool:
    return sys.stdin.isatty()
