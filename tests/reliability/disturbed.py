"""A training of two processes that is disturbed, beside one that is not.

What the programs share that need root, a cluster or a package, and so are started by hand.
"""
# ruff: noqa: T201

import argparse
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mt.bundle import read_index
from tests.reliability.common import UndisturbedRun, curve_of
from tests.tiny import ROOT, command, environment, recipe_of, write_corpus

EVERY = 50
"""Updates between two checkpoints."""
PLANNED = ("update", "epoch", "rate")
"""What a report tells that rounding does not change."""
PATIENCE = 300.0
"""Seconds that anything has to happen."""


@dataclass(frozen=True)
class Outcome:
    """What came of a single event, with its figures, and whether that is as promised."""

    text: str
    as_promised: bool = True


def all_of(*outcomes: Outcome) -> Outcome:
    """Put outcomes together: as promised if all are."""
    text = "; ".join(each.text for each in outcomes)
    return Outcome(text, all(each.as_promised for each in outcomes))


def parser(documentation: str | None, parts: Iterable[str]) -> argparse.ArgumentParser:
    """Return what reads a command line that names some of the parts of a program."""
    made = argparse.ArgumentParser(
        description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; or all")
    return made


def go_through(parts: Iterable[str], do: Callable[[str], Outcome]) -> int:
    """Do one part after the other and print what came of each; return the exit code."""
    all_as_promised = True
    for part in parts:
        began = time.monotonic()
        outcome = do(part)
        broken = "" if outcome.as_promised else "BROKEN: "
        print(f"{part}: {broken}{outcome.text} ({time.monotonic() - began:.0f} s)", flush=True)
        all_as_promised &= outcome.as_promised
    return int(not all_as_promised)


def wait_until(
    done: Callable[[], bool], what: str, ended: Callable[[], bool] = lambda: False
) -> float:
    """Wait until something is so, and return the seconds that it took.

    Args:
        done: Whether it is.
        what: How a failure calls it.
        ended: Whether it can no longer happen.
    """
    began = time.monotonic()
    while not done():
        assert not ended(), f"ended before: {what}"
        assert time.monotonic() - began < PATIENCE, f"too long: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


def script_of(guide: str, *words: str, places: Mapping[str, str]) -> str:
    """Return the only script of a guide that has all of some words.

    Args:
        guide: Its page among those of `docs/howto`.
        words: What is in no other script there.
        places: What stands for something in the script, and what is put there; all of it is there.
    """
    page = (ROOT / "docs/howto" / guide).read_text(encoding="utf-8")
    scripts = re.findall(r"```\w+\n(.*?)```", page, re.DOTALL)
    [script] = [each for each in scripts if all(word in each for word in words)]
    for shown, here in places.items():
        assert shown in script, f"{guide}: {shown}"
        script = script.replace(shown, here)
    return str(script)


@dataclass(frozen=True)
class SharedRun(UndisturbedRun):
    """One whose recipe and directory all hosts see, while corpora and store may be on each.

    Attributes:
        folder: Where all of it is; the directories of other runs lie beside :attr:`path`.
        data: Where the recipe expects corpora and store.
        updates: How many there are.
    """

    folder: Path
    data: Path
    updates: int


def train_by_two(folder: Path, updates: int) -> SharedRun:
    """Write corpora and a recipe into an empty folder, and train with two processes of this host.

    Without dropout, so that runs of one and of two processes are alike.
    """
    data, shared = folder / "data", folder / "shared"
    data.mkdir()
    shared.mkdir()
    recipe = recipe_of(write_corpus(data))
    recipe["model"]["dropout"] = 0.0
    recipe["training"] |= {"updates": updates, "report_every": 10}
    recipe["validation"] |= {"every": EVERY}
    path, run = shared / "recipe.yaml", shared / "undisturbed"
    path.write_text(json.dumps(recipe, indent=2), encoding="utf-8")
    call = command("train", path, "--out", run, "--device", "cpu", "--processes", "2")
    subprocess.run(call, env=environment(), check=True, capture_output=True)
    return SharedRun(path, run, folder, data, updates)


def wait_for_checkpoint(run: Path, update: int, ended: Callable[[], bool] = lambda: False) -> None:
    """Wait until a run has written the checkpoint of an update."""
    wait_until(lambda: last_checkpoint(run) >= update, f"checkpoint {update}", ended)


def last_checkpoint(run: Path) -> int:
    """Return the update of the last checkpoint of a run; 0: there is none."""
    last = read_index(run).get("last")
    return 0 if last is None else int(last.name.removeprefix("update-"))


def resumed(run: Path, least: int) -> Outcome:
    """Say where a run went on: at an update that is as late as a checkpoint, never anew."""
    log = run / "log.txt"
    said = log.read_text(encoding="utf-8") if log.exists() else ""
    found = re.findall(r"resuming after update (\d+)", said)
    if not found:
        return Outcome("never resumed", as_promised=False)
    text = f"resumed after update {' and '.join(found)}; its last checkpoint was {least}"
    return Outcome(text, min(map(int, found)) >= least > 0)


def compare(undisturbed: UndisturbedRun, run: Path) -> Outcome:
    """Say whether a run ended as the undisturbed one, bit for bit."""
    if undisturbed.is_like(run):
        return Outcome("the same weights and curve, bit for bit")
    curves = compare_curves(undisturbed, run)
    return Outcome(f"other weights or another curve; {curves.text}", as_promised=False)


def compare_curves(undisturbed: UndisturbedRun, run: Path) -> Outcome:
    """Say how far the losses of a run are from the undisturbed ones, relatively.

    Sums in another order differ by rounding, which training enlarges; other pairs, or another
    learning rate, would show in every report.
    """
    mine, theirs = (
        [report for report in curve_of(each) if "loss" in report]
        for each in (run, undisturbed.path)
    )
    plans = [[[each[key] for key in PLANNED] for each in curve] for curve in (mine, theirs)]
    if plans[0] != plans[1]:
        return Outcome("other epochs or learning rates", as_promised=False)
    largest = max(abs(a["loss"] / b["loss"] - 1) for a, b in zip(mine, theirs, strict=True))
    text = f"the same epochs and learning rates, relative differences of losses up to {largest:.0e}"
    return Outcome(text, largest < 1e-3)
