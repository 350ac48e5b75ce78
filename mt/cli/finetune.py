"""``mt finetune``: a model learns the text of a new domain."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.cli.corpora import SeedOption, describe, refuse_other_languages
from mt.cli.options import DeviceOption, OverridesOption
from mt.cli.train import told_once, train_and_tell
from mt.errors import ConfigError, DataError, TrainingError

if TYPE_CHECKING:
    from mt.bundle import Bundle
    from mt.data.corpora import BaseCorpusConfig
    from mt.training.recipe import RecipeConfig

_REQUEST = "finetune.json"
"""Holds in a run directory what its recipe was made from."""
_SHARE, _FEWEST, _MOST = 0.05, 100, 1000
"""Share of the new pairs that is held out, and how many at least and at most; never more than a
quarter."""


def finetune(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Files of pairs (.tmx, .tsv, …), or text files two by two."
        ),
    ],
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Pairs of the new domain to measure by, once a file. [default: some of FILE...]",
        ),
    ] = None,
    mix: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Old text to mix in, once a file, or a recipe. [default: the model's own]",
        ),
    ] = None,
    share: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of old pairs in what is learnt.")
    ] = 0.5,
    max_forgetting: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Points that the model may lose on its old validation pairs. [default: 1]",
        ),
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="A tag of the model for the new text, as <2de> or >>de<<.")
    ] = None,
    updates: Annotated[
        int | None, typer.Option(min=1, help="Updates at most. [default: by the size of the text]")
    ] = None,
    overrides: OverridesOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run directory. [default: checkpoints/MODEL-FILE]"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on exactly where the run stopped.")
    ] = False,
    seed: SeedOption = 1,
    device: DeviceOption = "auto",
) -> None:
    """Train a model on text of a new domain, as a translation memory, without forgetting the old.

    Some pairs are held out to measure by. Old pairs are mixed in. The best checkpoint is the one
    that is best at the new domain among those that lost few points on the model's own validation
    pairs; both are told before and after.
    """
    from mt.bundle import CONFIG, load_bundle
    from mt.requests import refuse_other_request, write_request
    from mt.training.preparation import refuse_run
    from mt.training.processes import own_place
    from mt.training.recipe import load_recipe

    place = own_place(None)
    run = out or Path("checkpoints") / f"{model.resolve().name}-{files[0].stem}"
    named = {"MODEL": [model], "FILE...": files, "--validation": validation, "--mix": mix}
    asked = {
        **{name: [str(path.resolve()) for path in paths or ()] for name, paths in named.items()},
        "--share": share, "--max-forgetting": max_forgetting, "--tag": tag, "--seed": seed,
    }  # fmt: skip
    if resume and (run / CONFIG).exists():
        if not (run / _REQUEST).exists():
            raise TrainingError(
                f"{run / _REQUEST}: expected what the run was begun with, but there is none; go on "
                f"by `mt train {run}/config.yaml --out {run} --resume`, or choose another --out"
            )
        refuse_other_request(run / _REQUEST, asked, run, "choose another --out")
        given = [*([f"training.updates={updates}"] if updates else ()), *(overrides or ())]
        train_and_tell(load_recipe(run / CONFIG, given, run), run, True, device, place)
        return
    refuse_run(run)
    if place.size > 1:
        with told_once(lambda: place.local_rank == 0):
            raise ConfigError(
                f"processes: expected one to begin a fine-tuning, but found {place.size}; begin "
                "without torchrun, stop it by Ctrl-C after a validation, and go on by "
                f"`torchrun … mt train {run / CONFIG} --out {run} --resume`"
            )
    from mt.logs import start_logging

    start_logging()

    def recipe_for(bundle: "Bundle") -> "RecipeConfig":
        from mt.training.finetuning import Request, finetuning_recipe, warn_of_no_tag

        languages = bundle.metadata.languages
        old, general, temperature = _old_domain(bundle, mix or [], run / "data" / "old", seed)
        new, held_out = _new_domain(files, validation or [], languages, run / "data", seed, tag)
        warn_of_no_tag(bundle, new)
        request = Request(
            train=new,
            validation=held_out,
            old=old if share else [],
            general=general,
            temperature=temperature,
            share=share,
            max_forgetting=max_forgetting,
            seed=seed,
            updates=updates,
        )
        recipe = finetuning_recipe(bundle, request, overrides or ())
        run.mkdir(parents=True, exist_ok=True)
        write_request(run / _REQUEST, asked)
        return recipe

    train_and_tell(load_bundle(model, recipe_for), run, resume, device, place)


def _new_domain(
    files: Sequence[Path],
    validation: Sequence[Path],
    languages: tuple[str, str],
    folder: Path,
    seed: int,
    tag: str | None,
) -> "tuple[list[BaseCorpusConfig], list[BaseCorpusConfig]]":
    """Return what is learnt of the new domain, and what is held out to measure by."""
    from mt.data.corpora import open_corpora

    learnt = open_corpora(files, *languages)
    if validation:
        held_out = open_corpora(validation, *languages)
    else:
        advice = "add text, or name others by --validation"
        learnt, held_out = _hold_out(learnt, languages, folder, seed, advice)
    tagged = {"tag": tag}
    return (
        [corpus.model_copy(update=tagged) for corpus in learnt],
        [corpus.model_copy(update=tagged) for corpus in held_out],
    )


def _hold_out(
    corpora: "Sequence[BaseCorpusConfig]",
    languages: tuple[str, str],
    folder: Path,
    seed: int,
    advice: str,
) -> "tuple[list[BaseCorpusConfig], list[BaseCorpusConfig]]":
    """Divide pairs so that no sentence is on both sides, and write them as text files."""
    from mt.cli.progress import lines_progress
    from mt.data.corpora import open_corpora
    from mt.data.pairs import Joined
    from mt.data.split import divide, write_parts

    joined = Joined(corpora)
    pairs = sum(1 for _ in joined.pairs())
    size = min(_MOST, max(_FEWEST, round(_SHARE * pairs)), pairs // 4)
    if not size:
        raise DataError(
            f"{joined.where}: expected at least 4 pairs, some of them to measure by, but found "
            f"{pairs}; {advice}"
        )
    with lines_progress("reading", pairs) as progress:
        division = divide(joined, size, 0, seed, progress)
    with lines_progress("writing", pairs) as progress:
        written = write_parts(joined, division, languages, folder, progress)
    typer.echo("\n".join(describe(division, written)), err=True)
    return open_corpora(written[:2], *languages), open_corpora(written[2:], *languages)


def _old_domain(
    bundle: "Bundle", mix: Sequence[Path], folder: Path, seed: int
) -> "tuple[Sequence[BaseCorpusConfig], Sequence[BaseCorpusConfig], float]":
    """Return what the model learnt from, what it was validated on, and how corpora shared it.

    Of text that is named beside a model whose validation pairs are unknown some are held out.
    """
    from mt.data.corpora import open_corpora
    from mt.training.finetuning import corpora_of, warn_of_missing
    from mt.training.recipe import load_recipe

    if mix and mix[0].suffix.lower() in {".yaml", ".yml"}:
        if len(mix) > 1:
            raise typer.BadParameter(
                f"expected {mix[0]} alone, as a recipe names its corpora; leave the rest out",
                param_hint="--mix",
            )
        data = load_recipe(mix[0]).data
        refuse_other_languages(mix[0], data, bundle.metadata.languages)
        return data.train, data.validation, data.temperature
    general = corpora_of(bundle, "validation")
    if mix:
        old, temperature = open_corpora(mix, *bundle.metadata.languages), 1.0
        if not general:
            old, general = _hold_out(
                old, bundle.metadata.languages, folder, seed, "add text to --mix"
            )
    else:
        old = corpora_of(bundle, "train")
        temperature = float(bundle.section("data").get("temperature", 1.0))
    warn_of_missing(old, general)
    return old, general, temperature
