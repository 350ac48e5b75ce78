"""``mt backtranslate``: a corpus whose sources a model wrote."""

from pathlib import Path
from typing import Annotated

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
    nbest: NbestOption = None,
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
    from mt.data.filters import Selection
    from mt.synthesis.corpus import corpus_section

    search = Search(
        [model, *(ensemble or ())], beam, nbest, samples, overrides or (), engine, device
    )
    base = read_recipe(files)
    target, source = languages_of(model)
    originals = find_originals(files, base, "target", (source, target))
    section = corpus_section(output, (source, target), corpus_tag or None, weight)
    selection = Selection(choose_filters(filters, base), source, target)
    write_pairs(originals, search, output, selection, resume=resume, tag=tag)
    show_section(section)
