"""Several processes in one place: one works, the others are refused, readers see whole files."""

import random
import time
from pathlib import Path

from mt.bundle import load_bundle, read_index
from tests.reliability.common import Command, Found, UndisturbedRun, train, train_undisturbed
from tests.tiny import write_untrained


def together(folder: Path, rounds: int, seed: int) -> Found:
    """Train twice in a directory, translate twice to a file, and read a run that trains."""
    found, draw = Found(), random.Random(seed)
    undisturbed = train_undisturbed(folder)
    bundle = write_untrained(folder)
    sources = [folder / "dev.src", folder / "test.src"]
    texts = [_translated(bundle, source, folder) for source in sources]
    for number in range(rounds):
        _train_twice(undisturbed, folder / f"run{number}", draw.uniform(0, 0.5), found)
        _translate_twice(bundle, sources, texts, draw.uniform(0, 0.2), found)
        _read_while_it_trains(undisturbed.recipe, folder / f"read{number}", found)
    return found


def _train_twice(undisturbed: UndisturbedRun, run: Path, pause: float, found: Found) -> None:
    first = train(undisturbed.recipe, run, "--resume")
    time.sleep(pause)
    second = Command(
        "train", undisturbed.recipe, "--out", run, "--device", "cpu", "--resume",
        output=run.with_name(f"{run.name}.second.txt"),
    )  # fmt: skip
    ended = [first.end(), second.end()]
    refused = [each for each in ended if each.refused and "to be the only process" in each.line]
    found.check(
        sum(each.code == 0 for each in ended) + len(refused) == 2 and len(refused) < 2,
        "pairs of trainings", f"{run}: {[(each.code, each.line) for each in ended]}",
    )  # fmt: skip
    if refused:
        found.add("of them refused")
    if not undisturbed.is_like(run):
        found.broken.append(f"{run}: another result")


def _translation(bundle: Path, source: Path, output: Path, name: str) -> Command:
    return Command(
        "translate", bundle, source, "--output", output, "--device", "cpu",
        output=output.with_name(name),
    )  # fmt: skip


def _translated(bundle: Path, source: Path, folder: Path) -> str:
    output = folder / "alone"
    assert _translation(bundle, source, output, "alone.txt").end().code == 0
    return output.read_text(encoding="utf-8")


def _translate_twice(
    bundle: Path, sources: list[Path], texts: list[str], pause: float, found: Found
) -> None:
    output = bundle.parent / "translation"
    output.unlink(missing_ok=True)
    commands = []
    for number, source in enumerate(sources):
        commands.append(_translation(bundle, source, output, f"translate{number}.txt"))
        time.sleep(pause)
    ended = [command.end() for command in commands]
    possible = [text for text, each in zip(texts, ended, strict=True) if each.code == 0]
    found.check(
        all(each.code == 0 or each.refused for each in ended)
        and output.read_text(encoding="utf-8") in possible
        and not list(output.parent.glob("translation.*")),
        "pairs of translations", f"translation: {[(each.code, each.line) for each in ended]}",
    )  # fmt: skip
    if len(possible) == 1:
        found.add("of them refused")


def _read_while_it_trains(recipe: Path, run: Path, found: Found) -> None:
    command = train(recipe, run, "--set", "validation.every=1", "--set", "training.updates=15")
    while command.process.is_alive():
        if not read_index(run):
            continue
        try:
            weights = load_bundle(run, lambda bundle: bundle.weights())
            found.check(len(weights) > 0, "readings", f"{run}: no weights")
        except Exception as error:
            found.broken.append(f"{run}: {error!r}")
    ended = command.end()
    found.check(ended.code == 0, "runs read", f"{run}: {ended.line}")
