"""``mt backtranslate``: a corpus whose sources a model wrote."""

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


def backtranslate(
    model: Annotated[
        Path, typer.Argument(help="A run or a bundle, from the target language to the source.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="TEXT...",
            help="Texts in the target language; or a recipe or a file of pairs, whose targets are "
            "meant.",
        ),
    ],
    output: OutputOption,
    resume: ResumeOption = False,
    beam: BeamOption = None,
    nbest: NbestOption = 1,
    samples: SamplesOption = None,
    filters: FiltersOption = None,
    ensemble: EnsembleOption = None,
    tag: TagOption = None,
    corpus_tag: Annotated[
        str, typer.Option(metavar="TAG", help="That the new corpus has in a recipe; '' for none.")
    ] = "<bt>",
    weight: WeightOption = 1.0,
    overrides: TranslationOverridesOption = None,
    engine: EngineOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Make pairs of text in the target language, by a model that translates it back.

    People wrote the targets, the model the sources (Sennrich et al. 2016), which a tag tells apart
    (Caswell et al. 2019). The output holds a pair a line, as JSON; what filters drop is counted. A
    line that comes again is translated once.
    """

    def section(languages: tuple[str, str], own_tag: str | None) -> Any:  # noqa: ARG001
        from mt.synthesis.corpus import corpus_section

        return corpus_section(output, languages, corpus_tag or None, weight)

    search = Search(
        [model, *(ensemble or ())], beam, nbest, samples, overrides or (), engine, device
    )
    given = Given.of(files, "target")
    show_section(
        write_pairs(given, search, output, resume=resume, filters=filters, tag=tag, section=section)
    )
