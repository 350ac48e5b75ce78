"""``mt train``: from a recipe to a model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.cli.failures import INTERRUPTED, USER_ERROR
from mt.cli.options import DeviceOption, OverridesOption
from mt.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from mt.devices import DeviceName
    from mt.training.processes import Place
    from mt.training.progress import Outcome
    from mt.training.recipe import RecipeConfig


def train(
    config: Annotated[Path, typer.Argument(help="A recipe in YAML; see `mt config schema`.")],
    overrides: OverridesOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The run directory. [default: checkpoints/CONFIG's name]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on exactly where the run stopped.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Train for this long, such as 30m or 8h: --set training.budget=TIME.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    processes: Annotated[
        str,
        typer.Option(
            metavar="auto|N",
            help="Processes that train together on this machine, on its cores or a GPU each; auto: "
            "one, or those that torchrun started.",
        ),
    ] = "auto",
) -> None:
    """Train a model, validate it as it learns, and keep the best.

    Ctrl-C ends the run after the current update with a checkpoint; --resume goes on from there.
    """
    from mt.training.processes import own_place, start_others
    from mt.training.recipe import load_recipe

    place = own_place(_parse_processes(processes))
    run = out or Path("checkpoints") / config.stem
    if budget is not None and not budget.strip():  # as of a variable that is not set
        raise typer.BadParameter(
            "expected a time, such as 30m, but found none; add it", param_hint="--budget"
        )
    given = [*(overrides or ()), *([] if budget is None else [f"training.budget={budget}"])]
    with told_once(lambda: place.local_rank == 0):
        recipe = load_recipe(config, given, run if resume else None)
    with start_others(place) as place:
        train_and_tell(recipe, run, resume, device, place)


def _parse_processes(text: str) -> int | None:
    """Read the number of processes; ``None`` for ``auto``."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(
            f"--processes: expected auto or a number from 1, but found `{text}`; leave it out"
        )
    return int(text)


def train_and_tell(
    recipe: "RecipeConfig", run: Path, resume: bool, device: "DeviceName", place: "Place"
) -> None:
    """Train, say how it went, and leave with its exit code if it was interrupted.

    Args:
        recipe: Everything that determines the run.
        run: The run directory.
        resume: Go on with what is there.
        device: Where to compute.
        place: Which process of the run this one is.

    Raises:
        MtError: See :func:`mt.training.run.train`.
    """
    import logging
    import time

    began = time.perf_counter()
    from mt.allocator import keep_freed_memory, refuse_little_memory
    from mt.logs import start_logging, terminal

    refuse_little_memory()
    from mt import hardware
    from mt.training.interruption import interrupted_by_signals
    from mt.training.run import train as run_training
    from mt.training.world import join

    start_logging(logging.ERROR if place.rank else logging.INFO)
    console = terminal()
    with told_once(lambda: place.local_rank == 0):
        chosen = hardware.choose_device(device, place.local_rank, place.local_size)
    keep_freed_memory(one_heap=True)
    hardware.prepare_training(chosen, recipe.training.precision)
    with (
        interrupted_by_signals(),
        join(place, chosen) as world,
        told_once(world.fails_first),
    ):
        outcome = run_training(recipe, run, resume, chosen, console, world, began)
    if place.rank == 0:
        _summarise(outcome, console)
    if not outcome.finished:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def told_once(is_heard: Callable[[], bool]) -> Iterator[None]:
    """Let one of several processes that fail say why; the others leave with the same exit code."""
    try:
        yield
    except KeyboardInterrupt:
        if is_heard():
            raise
        raise typer.Exit(INTERRUPTED) from None
    except Exception:
        if is_heard():
            raise
        raise typer.Exit(USER_ERROR) from None


def _summarise(outcome: "Outcome", console: "Console") -> None:
    from mt.training.pace import duration

    progress = outcome.progress
    console.print(f"\n[bold]{outcome.run}[/]: {outcome.ended} at update {progress.update:,}")
    console.print(f"  time       {duration(progress.seconds)}")
    if progress.history:
        console.print(f"  best       update {outcome.best.update:,}: {outcome.best}")
    if progress.average:
        console.print(f"  average    {progress.average}")
    for name, (before, now) in outcome.changes.items():
        console.print(f"  {name:<10} {before} → {now}")
    console.print(f"  card       {outcome.run / 'README.md'}")
    if outcome.finished:
        console.print(f"  translate  mt translate {outcome.run} FILE")
    else:
        console.print("  go on      the same command with --resume")
