"""What the loops share: a small training, the command line in other processes, how to compare."""

import json
import multiprocessing
import os
import resource
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from mt.bundle import open_bundle, read_index
from tests.tiny import recipe_of, write_corpus

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["mt.cli.main", "mt.training.run", "torch._dynamo", "matplotlib.figure"]
)
"""Children start with what takes long to load, so that a training takes a second."""

UPDATES = 40


@dataclass
class Found:
    """What a loop saw."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """What was not as promised, a line each."""

    def __str__(self) -> str:
        counts = [f"{number:,} {what}" for what, number in self.counts.items()]
        return ", ".join([*counts, f"{len(self.broken)} broken"])

    def add(self, what: str) -> None:
        """Count something that was as promised."""
        self.counts[what] += 1

    def check(self, kept: bool, what: str, otherwise: str) -> None:
        """Count a promise that was kept, or note that it was not."""
        if kept:
            self.add(what)
        else:
            self.broken.append(otherwise)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    text: str
    """What it wrote to stderr and stdout."""

    @property
    def line(self) -> str:
        """The last line."""
        return (self.text.splitlines() or [""])[-1]

    @property
    def refused(self) -> bool:
        """Whether it ended with code 2, and one line that says why."""
        lines = [line for line in self.text.splitlines() if line.startswith("mt: ")]
        return self.code == 2 and lines == [self.line] and "Traceback" not in self.text


class Command:
    """A call of the command line in a process of its own."""

    def __init__(
        self, *arguments: object, output: Path, limits: Mapping[int, int] | None = None
    ) -> None:
        """Start it.

        Args:
            arguments: Those of the command line.
            output: Where its stderr and stdout go.
            limits: What the system allows it, by the number of the resource.
        """
        self.output = output
        self.process: BaseProcess = PROCESSES.Process(
            target=_run, args=([*map(str, arguments)], output, dict(limits or {}))
        )
        self.process.start()

    def kill(self) -> bool:
        """Kill it, and say whether it was still running."""
        self.process.kill()
        self.process.join()
        return self.process.exitcode != 0

    def end(self) -> Ended:
        """Wait for it."""
        self.process.join(timeout=120)
        code = self.process.exitcode
        assert code is not None, f"it does not end: {self.output}"
        return Ended(code, self.output.read_text(encoding="utf-8", errors="replace"))


def _run(arguments: list[str], output: Path, limits: Mapping[int, int]) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    from mt.cli.main import build_app

    sys.argv = ["mt", *arguments]
    for name, limit in limits.items():
        resource.setrlimit(name, (limit, resource.RLIM_INFINITY))
    build_app(arguments[:1])(arguments)


@dataclass(frozen=True)
class UndisturbedRun:
    """A run that nothing has disturbed, with which others of its recipe are compared."""

    recipe: Path
    path: Path

    def is_like(self, run: Path) -> bool:
        """Say whether a run ended with the same weights and the same curve, bit for bit."""
        return _bundles(run) == _bundles(self.path) and curve_of(run) == curve_of(self.path)


def train(
    recipe: Path, run: Path, *more: object, limits: Mapping[int, int] | None = None
) -> Command:
    """Start to train in a directory, or go on."""
    return Command(
        "train", recipe, "--out", run, "--device", "cpu", *more,
        output=run.with_name(f"{run.name}.txt"), limits=limits,
    )  # fmt: skip


def train_undisturbed(folder: Path, **model: object) -> UndisturbedRun:
    """Write a corpus and a recipe into an empty folder, and train there.

    Args:
        folder: It exists.
        model: Changes of the recipe's model.
    """
    write_corpus(folder)
    recipe = recipe_of(folder)
    recipe["model"] |= model
    # Odd, so that reports, validations and interruptions fall on different updates.
    recipe["training"] |= {"updates": UPDATES, "report_every": 3}
    recipe["training"]["schedule"]["warmup"] = 4  # runs may be shorter at first
    recipe["validation"] |= {"every": 5}
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe, indent=2), encoding="utf-8")
    undisturbed = UndisturbedRun(path, folder / "whole")
    ended = train(path, undisturbed.path).end()
    assert ended.code == 0, ended.text
    return undisturbed


def curve_of(run: Path) -> list[dict[str, Any]]:
    """Return all that ``metrics.jsonl`` tells but times and speeds."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    times = ("seconds", "tokens_per_second")
    return [{k: v for k, v in json.loads(line).items() if k not in times} for line in lines]


def _bundles(run: Path) -> list[object]:
    """Return the checksums of the best and the last bundle, and what they say of themselves."""
    bundles = [open_bundle(read_index(run)[name]) for name in ("best", "last")]
    return [
        (each.path.name, each.manifest.files["model.safetensors"], each.metadata)
        for each in bundles
    ]
