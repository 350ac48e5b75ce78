"""``mt data split``: training, validation and test, between which nothing leaks."""

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
    parse_size,
    refuse_existing,
)


def split(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="A file of pairs (.tmx, .tsv, …) or two text files."
        ),
    ],
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the files go: train.en, validation.en, …")
    ],
    source: SourceOption = None,
    target: TargetOption = None,
    validation: Annotated[
        str, typer.Option(metavar="SIZE", help="Pairs for validation, as 2000 or 1%.")
    ] = "2000",
    test: Annotated[
        str, typer.Option(metavar="SIZE", help="Pairs for the test; 0 for none.")
    ] = "2000",
    seed: SeedOption = 1,
    overwrite: OverwriteOption = False,
) -> None:
    """Divide pairs into training, validation and test, so that no sentence is in two of them.

    Pairs that share a source or a target, but for case, punctuation and digits, stay together.
    """
    languages = languages_of(source, target)
    sizes = parse_size(validation, "--validation"), parse_size(test, "--test")
    corpus = open_files(files, languages)

    from mt.cli.progress import lines_progress
    from mt.data.split import divide, files_of, write_parts
    from mt.logs import start_logging

    start_logging()
    refuse_existing(files_of(languages, output), overwrite)
    with lines_progress("reading", None) as progress:
        division = divide(corpus, *sizes, seed, progress)
    with lines_progress("writing", len(division.parts)) as progress:
        written = write_parts(corpus, division, languages, output, progress)
    typer.echo("\n".join(describe(division, written)))
