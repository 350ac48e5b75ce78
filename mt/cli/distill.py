"""``mt distill``: a corpus whose targets a model wrote."""

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
    Given,
    NbestOption,
    OutputOption,
    SamplesOption,
    Search,
    WeightOption,
    show_section,
    write_pairs,
)


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
    nbest: NbestOption = 1,
    samples: SamplesOption = None,
    interpolate: Annotated[
        bool,
        typer.Option(
            "--interpolate", help="Of all translations of a line take the closest to the reference."
        ),
    ] = False,
    filters: FiltersOption = None,
    ensemble: EnsembleOption = None,
    tag: TagOption = None,
    corpus_tag: Annotated[
        str | None,
        typer.Option(
            metavar="TAG",
            help="That the new corpus has in a recipe. [default: that of the corpora]",
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
    given = Given.of(files, "source")
    if recipe is not None and given.recipe is None:
        raise typer.BadParameter("--recipe needs a RECIPE to begin with, not a corpus")
    if replace and recipe is None:
        raise typer.BadParameter("--replace needs --recipe")
    student = ""

    def section(languages: tuple[str, str], own_tag: str | None) -> Any:
        from mt.synthesis.corpus import corpus_section

        nonlocal student
        found = corpus_section(output, languages, corpus_tag or own_tag, weight)
        if recipe is not None:
            student = _student(files[0], recipe, found, replace)
        return found

    search = Search(
        [teacher, *(ensemble or ())], beam, nbest, samples, overrides or (), engine, device
    )
    found = write_pairs(
        given, search, output,
        resume=resume, filters=filters, tag=tag, section=section, interpolate=interpolate,
    )  # fmt: skip
    if recipe is None:
        show_section(found)
        return
    from mt.files import write_atomically

    write_atomically(recipe.resolve(), student)
    typer.echo(f"\nrecipe: {recipe}\n\nNext: mt train {recipe}")


def _student(base: Path, path: Path, section: Any, replace: bool) -> str:
    """Write out a recipe with one more corpus.

    Raises:
        ConfigError: If they do not fit together.
    """
    from mt.synthesis.recipe import with_corpus
    from mt.training.recipe import RecipeConfig
    from mt.yaml import dump_yaml, read_yaml

    values = with_corpus(read_yaml(base), section, replace=replace)
    RecipeConfig.parse(values, where=str(path))
    return f"# {base}, with translations by a model to learn from.\n\n{dump_yaml(values)}"
