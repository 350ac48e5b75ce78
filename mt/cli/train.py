"""``mt train``: from a recipe to a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.cli.failures import INTERRUPTED
from mt.cli.options import DeviceOption, OverridesOption

if TYPE_CHECKING:
    from rich.console import Console

    from mt.training.progress import Outcome


def train(
    config: Annotated[Path, typer.Argument(help="A recipe in YAML; see `mt config schema`.")],
    overrides: OverridesOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The run directory. [default: checkpoints/CONFIG's name]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on exactly where the run stopped.")
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Train a model, validate it as it learns, and keep the best.

    Ctrl-C ends the run after the current update with a checkpoint; --resume goes on from there.
    """
    from mt.config import load
    from mt.logs import start_logging, terminal
    from mt.training.recipe import RecipeConfig

    recipe = load(RecipeConfig, config, overrides or ())
    run = out or Path("checkpoints") / config.stem

    from mt.allocator import keep_freed_memory, refuse_little_memory

    refuse_little_memory()
    from mt import hardware
    from mt.training.run import train as run_training
    from mt.training.world import SingleProcess

    start_logging()
    console = terminal()
    place = hardware.choose_device(device)
    keep_freed_memory(one_heap=True)
    hardware.prepare_training(place, recipe.training.precision)
    outcome = run_training(recipe, run, resume, place, console, SingleProcess())
    _summarise(outcome, console)
    if not outcome.finished:
        raise typer.Exit(INTERRUPTED)


def _summarise(outcome: "Outcome", console: "Console") -> None:
    from mt.training.pace import duration

    progress = outcome.progress
    console.print(f"\n[bold]{outcome.run}[/]: {outcome.ended} at update {progress.update:,}")
    console.print(f"  time       {duration(progress.seconds)}")
    if progress.history:
        console.print(f"  best       update {outcome.best.update:,}: {outcome.best}")
    if progress.average:
        console.print(f"  average    {progress.average}")
    console.print(f"  card       {outcome.run / 'README.md'}")
    if outcome.finished:
        console.print(f"  translate  mt translate {outcome.run} FILE")
    else:
        console.print("  go on      the same command with --resume")
