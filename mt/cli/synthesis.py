"""What the commands share that let a model write one side of pairs."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mt.cli.corpora import count_table, refuse_same
from mt.cli.requests import tagger, with_search
from mt.devices import DeviceName, EngineName
from mt.errors import ConfigError, DataError, run_checks

if TYPE_CHECKING:
    from mt.data.corpora import Corpus
    from mt.data.filters import Filters
    from mt.synthesis.originals import Original, Side
    from mt.training.recipe import RecipeConfig
    from mt.translation import TranslationConfig, Translator

OutputOption = Annotated[
    Path, typer.Option("--output", metavar="FILE", help="A file of pairs, called ….jsonl.")
]
NbestOption = Annotated[
    int, typer.Option("--nbest", min=1, help="Different translations of a line, the best.")
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


@dataclass(frozen=True)
class Given:
    """What is translated, as people give it on a command line."""

    files: Sequence[Path]
    side: "Side"
    """Which side of the new pairs it is."""
    recipe: "RecipeConfig | None" = None
    """A recipe whose training corpora are meant, if a file is one."""

    @classmethod
    def of(cls, files: Sequence[Path], side: "Side") -> "Given":
        """Look at what the files are.

        Raises:
            ConfigError: If one is a recipe that does not fit.
            DataError: If one is missing.
        """
        run_checks(partial(_check_exists, path) for path in files)
        if len(files) == 1 and files[0].suffix.lower() in {".yaml", ".yml"}:
            from mt.config import load
            from mt.training.recipe import RecipeConfig

            return cls(files, side, load(RecipeConfig, files[0]))
        return cls(files, side)

    @property
    def has_references(self) -> bool:
        """Whether there are translations by people."""
        from mt.data.corpora import names_pairs

        return bool(self.recipe) or self._are_two_sides or any(map(names_pairs, self.files))

    @property
    def _are_two_sides(self) -> bool:
        return self.side == "source" and len(self.files) == 2

    def corpora(self, languages: tuple[str, str]) -> "Sequence[Corpus]":
        """Open the corpora; of texts without translations there are none.

        Args:
            languages: Of the source and the target of the new pairs.

        Raises:
            ConfigError: If the recipe is for other languages.
            DataError: If it is not clear what is meant.
        """
        from mt.data.corpora import names_pairs, open_corpus

        if self.recipe:
            wanted = self.recipe.data.source, self.recipe.data.target
            if wanted != languages:
                raise ConfigError(
                    f"{self.files[0]}: expected a recipe for pairs from {languages[0]} to "
                    f"{languages[1]}, which the model can make, but it is for {wanted[0]} to "
                    f"{wanted[1]}; take another model"
                )
            return self.recipe.data.train
        if self._are_two_sides or (len(self.files) == 1 and names_pairs(self.files[0])):
            return [open_corpus(self.files, *languages)]
        if pairs := [path for path in self.files if names_pairs(path)]:
            raise DataError(
                f"{pairs[0]}: expected several texts, but its name says that it holds pairs; give "
                "it alone"
            )
        if self.side == "source" and len(self.files) > 2:
            raise DataError(
                f"{self.files[2]}: expected a recipe, a file of pairs, or one or two texts, but "
                f"found {len(self.files)}; put sources into one file"
            )
        return []

    def inputs(self, corpora: "Sequence[Corpus]") -> list[Path]:
        """List the files that are read."""
        own = [Path(name) for corpus in corpora for name in getattr(corpus, "files", tuple)()]
        return [*self.files, *own]

    def originals(self, corpora: "Sequence[Corpus]") -> "Iterator[Original]":
        """Read what is translated, from its start."""
        from mt.synthesis.originals import originals_of_pairs, originals_of_texts

        if corpora:
            return originals_of_pairs(corpora, self.side)
        return originals_of_texts(self.files)


@dataclass(frozen=True)
class Search:
    """How a model translates, as the options say it."""

    models: Sequence[Path]
    """One, or several that translate together."""
    beam: int | None
    nbest: int
    samples: int | None
    overrides: Sequence[str]
    engine: EngineName | None
    device: DeviceName

    def check(self) -> None:
        """Refuse options of which one would win in silence."""
        if self.samples and (self.nbest > 1 or self.beam):
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
        return translator, with_search(translator.config, self.beam, self.samples or self.nbest)


def write_pairs(
    given: Given,
    search: Search,
    output: Path,
    *,
    resume: bool,
    filters: str | None,
    tag: str | None,
    section: Callable[[tuple[str, str], str | None], Any],
    interpolate: bool = False,
) -> Any:
    """Translate what is given, and write the pairs that are used.

    Args:
        given: What is translated.
        search: How.
        output: The file of pairs.
        resume: Go on with what an interrupted run wrote.
        filters: What drops pairs, as YAML.
        tag: Put before what the model reads; ``None``: that of the corpora, for distillation.
        section: Makes what a recipe says of the new pairs, by their languages and the tag that the
            corpora have; it may refuse.
        interpolate: Use the translations that are closest to the references.

    Returns:
        What ``section`` returned.

    Raises:
        MtError: If something does not fit.
    """
    from mt.allocator import keep_freed_memory
    from mt.cli.progress import lines_progress
    from mt.data.filters import Selection
    from mt.files import open_output
    from mt.logs import start_logging
    from mt.synthesis.corpus import SyntheticCorpus
    from mt.synthesis.synthesis import make_pairs, translate_originals

    search.check()
    if output.suffix.lower() != ".jsonl":
        raise typer.BadParameter(
            f"expected a name that ends in .jsonl, by which a recipe knows the format, but found "
            f"{output}", param_hint="--output",
        )  # fmt: skip
    if interpolate and not given.has_references:
        raise typer.BadParameter("--interpolate needs a recipe, or sources with their references")
    chosen = _filters(filters, given.recipe)
    start_logging()
    keep_freed_memory()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_output(output, resume))
        translator, config = search.load()
        languages = translator.languages
        if given.side == "target":
            languages = languages[1], languages[0]
        corpora = given.corpora(languages)
        refuse_same([output], given.inputs(corpora))
        own_tag = _tag_of(corpora) if given.side == "source" else None
        tagged = tagger(translator.tokenizers.source, own_tag if tag is None else tag)
        found = section(languages, own_tag)
        total = sum(1 for _ in given.originals(corpora))  # errors come before the work
        originals = given.originals(corpora)
        synthetic = SyntheticCorpus(file, output, languages, Selection(chosen, *languages))
        done = synthetic.resume(originals, given.side) if resume else 0
        show = stack.enter_context(lines_progress("translating", total, done))
        translated = stack.enter_context(
            contextlib.closing(
                translate_originals(
                    originals,
                    lambda lines, numbers: translator.translate(
                        map(tagged, lines), config, numbers
                    ),
                    done + 1,
                )
            )
        )
        for each in translated:
            synthetic.add(each.number, make_pairs(each, given.side, interpolate=interpolate))
            show(each.number)
    typer.echo(count_table(synthetic.counts))
    if synthetic.before:
        typer.echo(f"{synthetic.before:,} pairs of lines 1 to {done:,} were written before")
    return found


def show_section(section: Any) -> None:
    """Print what a recipe says of the new pairs."""
    from mt.yaml import dump_yaml

    lines = dump_yaml([dict(section)]).splitlines()
    typer.echo("\nIn a recipe, under data.train:\n")
    typer.echo("\n".join(f"    {line}" for line in lines))


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: expected a file, but there is none; check the path")


def _filters(text: str | None, recipe: "RecipeConfig | None") -> "Filters":
    from mt.data.filters.config import CleaningConfig
    from mt.yaml import parse_yaml

    if text is None:
        asked: Any = [*_FILTERS, *(recipe.data.filters if recipe else ())]
    else:
        asked = parse_yaml(text, where="--filters")
    return CleaningConfig.parse({"filters": asked}, where="--filters").filters


def _tag_of(corpora: "Sequence[Corpus]") -> str | None:
    """Return the tag that all corpora have."""
    tags = {corpus.tag for corpus in corpora}
    if len(tags) > 1:
        found = ", ".join(str(tag or "none") for tag in sorted(tags, key=str))
        raise ConfigError(
            f"data.train: expected corpora of one tag, but found {found}; give the files of one "
            "corpus after the other, with --tag"
        )
    return next(iter(tags), None)
