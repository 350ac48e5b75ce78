"""A training of two processes that is disturbed, beside one that is not.

What the programs share that need root, a cluster or a package, and so are started by hand.
"""
# ruff: noqa: T201

import argparse
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from mt.bundle import open_bundle, read_index
from tests.tiny import ROOT, command, environment, recipe_of, write_corpus

EVERY = 50
"""Updates between two checkpoints."""
PATIENCE = 300.0
"""Seconds that anything has to happen."""


@dataclass(frozen=True)
class Outcome:
    """What came of something, and whether that is as promised."""

    told: str
    kept: bool = True


def all_of(*outcomes: Outcome) -> Outcome:
    """Put outcomes together: as promised if all are."""
    told = "; ".join(each.told for each in outcomes)
    return Outcome(told, all(each.kept for each in outcomes))


def parser(documentation: str | None, parts: Iterable[str]) -> argparse.ArgumentParser:
    """Return what reads a command line that names some of the parts of a program."""
    made = argparse.ArgumentParser(
        description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; or all")
    return made


def go_through(parts: Iterable[str], do: Callable[[str], Outcome]) -> int:
    """Do one part after the other and print what came of each; return the exit code."""
    kept = True
    for part in parts:
        began = time.monotonic()
        outcome = do(part)
        broken = "" if outcome.kept else "BROKEN: "
        print(f"{part}: {broken}{outcome.told} ({time.monotonic() - began:.0f} s)", flush=True)
        kept &= outcome.kept
    return int(not kept)


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


class World:
    """A recipe, and the result of two undisturbed processes, with which others are compared.

    Attributes:
        own: Where the recipe expects corpora and store; it may be another folder on each host.
        corpora: A copy of the corpora.
        shared: What all hosts see: the recipe, and runs.
    """

    def __init__(self, folder: Path, updates: int) -> None:
        """Write it, and train on this machine."""
        self.folder = folder
        self.own, self.shared = folder / "own", folder / "shared"
        self.own.mkdir()
        self.shared.mkdir()
        self.corpora = folder / "corpora"
        self.corpora.mkdir()
        write_corpus(self.corpora)
        recipe = recipe_of(self.own)
        recipe["model"]["dropout"] = 0.0  # so that runs of one and of two processes are alike
        recipe["training"] |= {"updates": updates, "report_every": 10}
        recipe["validation"] |= {"every": EVERY}
        self.updates = updates
        self.recipe = self.shared / "recipe.yaml"
        self.recipe.write_text(json.dumps(recipe, indent=2), encoding="utf-8")
        shutil.copytree(self.corpora, self.own, dirs_exist_ok=True)
        call = command("train", self.recipe, "--out", self.whole, "--device", "cpu")
        subprocess.run(
            [*call, "--processes", "2"], env=environment(), check=True, capture_output=True
        )

    @property
    def whole(self) -> Path:
        """The run of two processes on one machine."""
        return self.shared / "whole"

    def run(self, event: str) -> Path:
        """Name the run that something happens to."""
        return self.shared / event

    def said(self, event: str) -> str:
        """Return what a run has said in its log."""
        log = self.run(event) / "log.txt"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def wait_for_checkpoint(
        self, event: str, update: int, ended: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until a run has written the checkpoint of an update."""
        wait_until(lambda: self.last_checkpoint(event) >= update, f"checkpoint {update}", ended)

    def last_checkpoint(self, event: str) -> int:
        """Return the update of the last checkpoint of a run; 0: there is none."""
        last = read_index(self.run(event)).get("last")
        return 0 if last is None else int(last.name.removeprefix("update-"))

    def resumed(self, event: str, least: int) -> Outcome:
        """Say where a run went on: at an update that is as late as a checkpoint, never anew."""
        found = re.findall(r"resuming after update (\d+)", self.said(event))
        if not found:
            return Outcome("never resumed", kept=False)
        told = f"resumed after update {' and '.join(found)}; its last checkpoint was {least}"
        return Outcome(told, min(map(int, found)) >= least > 0)

    def compare(self, event: str) -> Outcome:
        """Say how a run differs from the undisturbed one."""
        mine, theirs = (_weights(run) for run in (self.run(event), self.whole))
        if mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine):
            return Outcome("the same weights, bit for bit")
        largest = max(float((mine[k] - theirs[k]).abs().max()) for k in mine)
        return Outcome(f"weights differ by up to {largest:.1e}", kept=False)

    def compare_curves(self, event: str) -> Outcome:
        """Say how far the losses of a run are from the undisturbed ones.

        Sums in another order differ by rounding, which training enlarges; other pairs, or another
        learning rate, would show in every report.
        """
        mine, theirs = (_curve(run) for run in (self.run(event), self.whole))
        if [each[:3] for each in mine] != [each[:3] for each in theirs]:
            return Outcome("other epochs or learning rates", kept=False)
        largest = max(abs(a[3] / b[3] - 1) for a, b in zip(mine, theirs, strict=True))
        told = f"the same epochs and learning rates, losses within {largest:.0e} of themselves"
        return Outcome(told, largest < 1e-3)


def _curve(run: Path) -> list[tuple[int, int, float, float]]:
    """Load update, epoch, learning rate and loss of each report."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    reports = [report for report in map(json.loads, lines) if "loss" in report]
    return [tuple(each[key] for key in ("update", "epoch", "rate", "loss")) for each in reports]


def _weights(run: Path) -> dict[str, torch.Tensor]:
    """Load the last weights, and the best."""
    return {
        f"{name} {key}": weight
        for name in ("best", "last")
        for key, weight in open_bundle(read_index(run)[name]).weights().items()
    }
