"""What the commands share that let a model write one side of pairs."""

import contextlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mt.cli.corpora import count_table, refuse_other_languages, refuse_same
from mt.cli.requests import translation_request, with_search
from mt.devices import DeviceName, EngineName
from mt.errors import DataError, run_checks

if TYPE_CHECKING:
    from mt.data.filters import Filters, Selection
    from mt.synthesis.originals import Originals, Side
    from mt.training.recipe import RecipeConfig
    from mt.translation import Translation, TranslationConfig, Translator

OutputOption = Annotated[
    Path, typer.Option("--output", metavar="FILE", help="A file of pairs, called ….jsonl.")
]
NbestOption = Annotated[
    int | None,
    typer.Option(
        "--nbest",
        min=1,
        help="Different translations of a line, the best. [default: the model's, mostly 1]",
    ),
]
SamplesOption = Annotated[
    int | None,
    typer.Option("--samples", min=1, help="Translations drawn of a line, in place of the best."),
]
FiltersOption = Annotated[
    str | None,
    typer.Option(
        "--filters",
        metavar="YAML",
        help="What drops pairs, as data.filters of a recipe. [default: length_ratio, repetition, "
        "and those of the recipe]",
    ),
]
WeightOption = Annotated[
    float, typer.Option("--weight", help="That the new corpus has in a recipe.")
]

_FILTERS = ("length_ratio", "repetition")
"""What a model does wrong that a person would not."""


def languages_of(model: Path) -> tuple[str, str]:
    """Read from which language a model translates, and into which.

    Raises:
        BundleError: If there is no sound model.
    """
    from mt.bundle import load_bundle

    return load_bundle(model, lambda bundle: bundle.metadata.languages)


def read_recipe(files: Sequence[Path]) -> "RecipeConfig | None":
    """Read a recipe, if the only file is one.

    Raises:
        ConfigError: If it does not fit.
    """
    if len(files) != 1 or files[0].suffix.lower() not in {".yaml", ".yml"}:
        return None
    from mt.training.recipe import load_recipe

    return load_recipe(files[0])


def find_originals(
    files: Sequence[Path],
    recipe: "RecipeConfig | None",
    side: "Side",
    languages: tuple[str, str],
) -> "Originals":
    """Say what is translated: of a recipe its training corpora, of a corpus a side, else texts.

    Args:
        files: As people give them on a command line.
        recipe: What the only file is, if it is one.
        side: Which side of the new pairs people wrote; two texts are a corpus for its sources.
        languages: Of the source and the target of the new pairs.

    Raises:
        ConfigError: If the recipe is for other languages.
        DataError: If a file is missing, it is not clear what is meant, or the name of a text to
            translate says that it is in the other language. The second of two texts is not
            translated, and its name not looked at.
    """
    from mt.data.corpora import names_pairs, open_corpus
    from mt.synthesis.originals import Originals

    run_checks(partial(_check_exists, path) for path in files)
    if recipe:
        refuse_other_languages(files[0], recipe.data, languages)
        return Originals(side, corpora=recipe.data.train)
    holding_pairs = [path for path in files if names_pairs(path)]
    if holding_pairs and len(files) > 1:
        raise DataError(
            f"{holding_pairs[0]}: expected texts, as there are several files, but its name says "
            "that it holds pairs; give it alone"
        )
    if not holding_pairs:
        texts = files[:1] if side == "source" else files
        read, written = languages if side == "source" else reversed(languages)
        run_checks(partial(_check_language, text, read, written) for text in texts)
    if holding_pairs or (side == "source" and len(files) == 2):
        return Originals(side, corpora=[open_corpus(files, *languages)])
    if side == "source" and len(files) > 2:
        raise DataError(
            f"{files[2]}: expected a recipe, a file of pairs, or one or two texts, but found "
            f"{len(files)} files; put the sources into one"
        )
    return Originals(side, texts=files)


def choose_filters(text: str | None, recipe: "RecipeConfig | None") -> "Filters":
    """Read the filters of an option, or add those of a recipe to what a model's text needs.

    Raises:
        ConfigError: If they are none.
    """
    from mt.data.filters.config import CleaningConfig
    from mt.yaml import parse_yaml

    if text is None:
        asked: Any = [*_FILTERS, *(recipe.data.filters if recipe else ())]
    else:
        asked = parse_yaml(text, where="--filters")
    return CleaningConfig.parse({"filters": asked}, where="--filters").filters


@dataclass(frozen=True)
class Search:
    """How a model translates, as the options say it."""

    models: Sequence[Path]
    """One, or several that translate together."""
    beam: int | None
    nbest: int | None
    samples: int | None
    overrides: Sequence[str]
    engine: EngineName | None
    device: DeviceName
    interpolate: bool = False
    """Use, of the translations of a line, the closest to its reference: of as many as `nbest` or
    `samples` says, else of all that search keeps."""

    def __post_init__(self) -> None:
        """Refuse options of which one would win in silence."""
        if self.samples and (self.nbest or self.beam):
            raise typer.BadParameter("--samples draws; leave out --nbest and --beam")

    def load(self) -> "tuple[Translator, TranslationConfig]":
        """Load the models."""
        from mt.translation import load_translator

        drawn = ["search.kind=sampling", f"search.size={self.samples}"] if self.samples else []
        first, *others = self.models
        translator = load_translator(
            first, self.device, engine=self.engine, ensemble=others,
            overrides=[*drawn, *self.overrides],
        )  # fmt: skip
        config = with_search(translator.config, self.beam, self.nbest or self.samples)
        return translator, self._with_candidates(config) if self.interpolate else config

    def _with_candidates(self, config: "TranslationConfig") -> "TranslationConfig":
        """Have search give as many translations of a line as options say, else all it keeps."""
        candidates = self.nbest or self.samples or config.search.kept
        if candidates == 1:
            raise typer.BadParameter(
                "--interpolate chooses among translations of a line, but there is one; give "
                "--beam, --nbest or --samples of 2 or more"
            )
        return config.changed(alternatives=candidates - 1)


def write_pairs(
    originals: "Originals",
    search: Search,
    output: Path,
    selection: "Selection",
    *,
    resume: bool,
    tag: str | None = None,
) -> None:
    """Translate lines, write the pairs that are used, and say how many are not.

    Args:
        originals: The lines.
        search: How they are translated.
        output: The file of pairs.
        selection: Which pairs are used, and their languages.
        resume: Go on with what an interrupted run wrote.
        tag: Put before what the model reads.

    Raises:
        MtError: If something does not fit, or cannot be read or written.
    """
    from mt.allocator import keep_freed_memory
    from mt.cli.progress import lines_progress
    from mt.logs import start_logging
    from mt.outputs import open_output
    from mt.requests import keep_request
    from mt.synthesis.corpus import SyntheticCorpus
    from mt.synthesis.synthesis import make_pairs, translate_originals
    from mt.translation.tagging import tagger

    if output.suffix.lower() != ".jsonl":
        raise typer.BadParameter(
            "expected a name that ends in .jsonl, by which a recipe knows the format, but found "
            f"{output}", param_hint="--output",
        )  # fmt: skip
    if search.interpolate and not originals.corpora:
        raise typer.BadParameter("--interpolate needs a recipe, or sources with their references")
    refuse_same([output], originals.files())
    start_logging()
    keep_freed_memory()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_output(output, resume))
        translator, config = search.load()  # what cannot be asked for is known before the reading
        request = {
            **translation_request(translator, config),
            "--interpolate": search.interpolate,
            "--tag": tag,
            "filters": [each.model_dump(mode="json") for each in selection.filters],
        }
        keep_request(file, output, request)
        with lines_progress("reading", None) as read:
            total = originals.count(read)  # what cannot be read is known before the work
        tagged = tagger(translator.tokenizers.source, tag)
        corpus, lines = SyntheticCorpus(file, output, selection), iter(originals)
        done = corpus.resume(lines, originals.side) if resume else 0
        # A run that is interrupted tells what it dropped too, as its file does not.
        stack.callback(lambda: typer.echo(count_table(corpus.counts)))
        show = stack.enter_context(lines_progress("translating", total, done))

        def translate(
            texts: Iterable[str], numbers: Iterator[int]
        ) -> "Generator[Translation, None, None]":
            return translator.translate(map(tagged, texts), config, numbers)

        translated = translate_originals(lines, translate, done + 1)
        for each in stack.enter_context(contextlib.closing(translated)):
            pairs = make_pairs(each, originals.side, interpolate=search.interpolate)
            corpus.add(each.number, pairs)
            show(each.number)
    if corpus.before:
        typer.echo(
            f"{corpus.before:,} pairs of lines 1 to {done:,} were written before; what was dropped "
            "of these lines is not in this table"
        )


def show_section(section: Mapping[str, Any]) -> None:
    """Print what a recipe says of the new pairs."""
    from mt.yaml import dump_yaml

    lines = dump_yaml([dict(section)]).splitlines()
    typer.echo("\nIn a recipe, under data.train:\n")
    typer.echo("\n".join(f"    {line}" for line in lines))


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: expected a file, but there is none; check the path")


def _check_language(text: Path, read: str, written: str) -> None:
    """Refuse a text whose name, as in ``train.en.gz``, says that the model would write it."""
    from mt.compression import compression_of
    from mt.data.corpora.languages import closest

    name = text.name.removesuffix(compression_of(text.name))
    named = [Path(name).suffix.removeprefix(".")]
    if closest(written, named) and not closest(read, named):
        raise DataError(
            f"{text}: expected a text in {read}, which the model reads, but its name says "
            f"{named[0]}, which the model writes; give texts in {read}, rename the file, or take "
            "another model"
        )
