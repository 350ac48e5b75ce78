"""``mt distill``: a corpus whose targets a model wrote."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mt.cli.options import (
    BeamOption,
    DeviceOption,
    EngineOption,
    EnsembleOption,
    ResumeOption,
    TagOption,
    TranslationOverridesOption,
)
from mt.cli.synthesis import (
    FiltersOption,
    NbestOption,
    OutputOption,
    SamplesOption,
    Search,
    WeightOption,
    choose_filters,
    find_originals,
    languages_of,
    read_recipe,
    show_section,
    write_pairs,
)
from mt.errors import DataError


def distill(
    teacher: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECIPE|CORPUS",
            help="A recipe, whose training corpora are meant; a file of pairs; a text of sources; "
            "or two texts, sources and references.",
        ),
    ],
    output: OutputOption,
    resume: ResumeOption = False,
    beam: BeamOption = None,
    nbest: NbestOption = None,
    samples: SamplesOption = None,
    interpolate: Annotated[
        bool,
        typer.Option(
            "--interpolate",
            help="Of the translations of a line take the closest to the reference: of all in the "
            "beam, or of as many as --nbest or --samples says.",
        ),
    ] = False,
    filters: FiltersOption = None,
    ensemble: EnsembleOption = None,
    tag: TagOption = None,
    corpus_tag: Annotated[
        str | None,
        typer.Option(
            metavar="TAG",
            help="That the new corpus has in a recipe; '' for none. [default: that of the corpora]",
        ),
    ] = None,
    weight: WeightOption = 1.0,
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="YAML", help="Write RECIPE with the new corpus beside its own, for a student."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The new corpus takes the place of those of RECIPE.")
    ] = False,
    overrides: TranslationOverridesOption = None,
    engine: EngineOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Let a model, or an ensemble, translate the sources that a student is to learn from.

    This is sequence-level knowledge distillation (Kim and Rush 2016). The output holds a pair of
    source and translation a line, as JSON; what filters drop is counted. A line that comes again is
    translated once.
    """
    from mt.data.filters import Selection
    from mt.files import write_atomically
    from mt.synthesis.corpus import corpus_section

    search = Search(
        [teacher, *(ensemble or ())], beam, nbest, samples, overrides or (), engine, device,
        interpolate,
    )  # fmt: skip
    base, languages = read_recipe(files), languages_of(teacher)
    if recipe is not None and base is None:
        raise typer.BadParameter("--recipe needs a RECIPE to begin with, not a corpus")
    if replace and recipe is None:
        raise typer.BadParameter("--replace needs --recipe")
    if recipe is not None and recipe.exists():
        raise DataError(
            f"{recipe}: expected to write a new recipe, but it exists; choose another name"
        )
    originals = find_originals(files, base, "source", languages)
    new_tag = originals.tag if corpus_tag is None else corpus_tag or None
    section = corpus_section(output, languages, new_tag, weight)
    student = "" if recipe is None else _student(files[0], recipe, section, replace)
    write_pairs(
        originals, search, output, Selection(choose_filters(filters, base), *languages),
        resume=resume, tag=tag or originals.tag,
    )  # fmt: skip
    if recipe is None:
        show_section(section)
    else:
        write_atomically(recipe.resolve(), student)
        typer.echo(f"\nrecipe: {recipe}\n\nNext: mt train {shlex.quote(str(recipe))}")


def _student(base: Path, path: Path, section: Mapping[str, Any], replace: bool) -> str:
    """Write out a recipe with one more corpus.

    Raises:
        ConfigError: If they do not fit together.
    """
    from mt.synthesis.recipe import with_corpus
    from mt.training.recipe import parse_recipe
    from mt.yaml import dump_yaml, read_yaml

    values = with_corpus(read_yaml(base), section, replace=replace)
    parse_recipe(values, where=str(path))
    return f"# {base}, with translations by a model to learn from.\n\n{dump_yaml(values)}"
