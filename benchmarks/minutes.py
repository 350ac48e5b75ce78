"""Draw BLEU against wall time: ``mt train`` with a recipe, beside a plain loop of transformers.

    python -m benchmarks.minutes configs/multi30k-en-de.yaml --peer-minutes 30 \
        [--test SOURCE REFERENCE] [--threads 2] [--output FILE.md]

One after the other, each alone on the machine. The time of ``mt train`` is all of it, from the
start of the command, with its tokenizer, its encoding and its validations. The other side is
``benchmarks/hf_loop.py``, whose clock begins with the first update and stands still while it is
validated. BLEU is that of greedy translations of the recipe's first validation set.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.harness import (
    ROOT,
    environment,
    facts,
    our_environment,
    say,
    table,
    write_record,
)
from mt.training.recipe import load_recipe

OURS, THEIRS = "mt train", "transformers, plain loop"
LEVELS = (25, 30, 33, 35, 37, 38, 39, 40)
"""BLEU that is waited for."""

Curve = list[tuple[float, float]]
"""Minutes since the start, and BLEU then."""


def main() -> None:
    """Train both, and write the picture and the record."""
    options = _parser().parse_args()
    if load_recipe(options.recipe).validation.metric != "bleu":
        raise SystemExit(f"{options.recipe}: expected validation.metric to be bleu")
    about = facts(options.threads) | {"recipe": str(options.recipe)}
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or Path(folder) / "run"
        ours, minutes = train_ours(options, run)
        text = f"`mt train` took {minutes:.1f} minutes.\n\n"
        text += evaluate(options, run) if options.test else ""
        write(options, about, text, {OURS: ours})  # else an interruption would cost it
        write(options, about, text, {OURS: ours, THEIRS: watch_theirs(options, run)})


def write(
    options: argparse.Namespace, about: Mapping[str, str], text: str, curves: Mapping[str, Curve]
) -> None:
    """Write the picture and the record of what there is, or print the table."""
    text += describe(curves)
    if options.output is None:
        print(text)
        return
    picture = options.output.with_suffix(".svg")
    draw(curves, picture)
    text += f"\n\n![BLEU against minutes]({picture.name})"
    raw = {"about": about, "curves": curves}
    options.output.with_suffix(".json").write_text(json.dumps(raw, indent=1) + "\n", "utf-8")
    write_record(options.output, "BLEU against wall time", about, [], text)


def train_ours(options: argparse.Namespace, run: Path) -> tuple[Curve, float]:
    """Train by the command, and note when it tells of a validation; return also all its minutes."""
    command = [sys.executable, "-m", "mt", "train", str(options.recipe), "--out", str(run)]
    began, told = time.perf_counter(), dict[int, float]()
    for line in _lines(command, our_environment(options.threads)):
        say(line)
        if mark := re.search(r"update ([\d,]+)  validation:", line):
            told[int(mark[1].replace(",", ""))] = (time.perf_counter() - began) / 60
    minutes = (time.perf_counter() - began) / 60
    entries = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    validated = [each for each in entries if "validation" in each]
    scores = [(each["update"], each["validation"]["bleu"]["score"]) for each in validated]
    return [(told[update], score) for update, score in scores], minutes


def watch_theirs(options: argparse.Namespace, run: Path) -> Curve:
    """Train the other side in a process of its own."""
    command = [
        sys.executable, "-m", "benchmarks.hf_loop", str(options.recipe), "--tokens-of", str(run),
        "--minutes", str(options.peer_minutes),
    ]  # fmt: skip
    curve = []
    for line in _lines(command, environment(options.threads, PYTHONPATH=str(ROOT))):
        say(f"{THEIRS}: {line}")
        if line.startswith("{"):
            measured = json.loads(line)
            curve.append((measured["minutes"], measured["bleu"]))
    return curve


def _lines(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[str]:
    """Run a command, and yield what it says when it says it."""
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(variables), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            yield line.rstrip()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: failed with {process.returncode}")


def evaluate(options: argparse.Namespace, run: Path) -> str:
    """Score what was trained, as the recipe says to translate, on a test set."""
    source, reference = options.test
    found = subprocess.run(
        [sys.executable, "-m", "mt", "evaluate", run, "--source", source, "--reference", reference,
         "--metric", "bleu"],
        cwd=ROOT, env=our_environment(options.threads), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return f"On {source.name}, `mt evaluate`:\n\n```\n{found.stdout.strip()}\n```\n\n"


def describe(curves: Mapping[str, Curve]) -> str:
    """Write when each side first had how much BLEU."""
    rows = [[str(level), *(_first(curve, level) for curve in curves.values())] for level in LEVELS]
    best = ["best", *(_best(curve) for curve in curves.values())]
    return table(["BLEU", *(f"{name}, minutes" for name in curves)], [*rows, best])


def _first(curve: Curve, level: float) -> str:
    return next((f"{minutes:.1f}" for minutes, bleu in curve if bleu >= level), "—")


def _best(curve: Curve) -> str:
    minutes, bleu = max(curve, key=lambda point: point[1])
    return f"{bleu:.2f} after {minutes:.1f}"


def draw(curves: Mapping[str, Curve], path: Path) -> None:
    """Draw BLEU against minutes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - loads slowly
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), label=name, marker=".")
    axes.set_xlabel("minutes")
    axes.set_ylabel("BLEU of greedy translations of validation text")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="BLEU against wall time.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--peer-minutes", type=float, default=30)
    parser.add_argument("--run", type=Path, help="where the run of mt train goes, to be kept")
    parser.add_argument("--test", type=Path, nargs=2, metavar=("SOURCE", "REFERENCE"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="a Markdown file; a picture stands beside it")
    return parser


if __name__ == "__main__":
    main()
