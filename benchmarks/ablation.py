r"""Train a recipe, and the same with one part changed, with several seeds each: an ablation table.

    python -m benchmarks.ablation configs/multi30k-en-de.yaml --seeds 1 2 3 --work FOLDER \
        --instead AdamW "training.optimizer.kind=adamw training.optimizer.learning_rate=3e-3" \
        --instead post-norm model.norm=post --decoding mbr "search.size=10 decision=mbr" \
        --validation SOURCE REFERENCE --test SOURCE REFERENCE

Every run is ``mt train`` on one thread, ``--jobs`` of them at a time; the seed changes all that is
drawn, from the first weights to the order of pairs. Models translate as the recipe says, and those
of the recipe once more as each ``--decoding`` says. Parts are kept by their scores on validation
text; those on the test set are for the record.

What is finished is not done again, and an interrupted training is resumed: the program may be
stopped and started at will. A difference is the mean over the seeds, each beside the recipe with
the same seed, and its standard error.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, facts, middle, our_environment, say, table, write_record
from mt.files import write_atomically

RECIPE = "the recipe"


@dataclass(frozen=True)
class Variant:
    """A recipe with something changed: how a model is trained, or how it translates."""

    training: str = ""
    """What ``mt train --set`` changes, apart by spaces."""
    decoding: str | None = None
    """What ``mt translate --set`` changes; the model is that of the recipe then."""


@dataclass(frozen=True)
class Result:
    """What one training reached: BLEU on both sets, and before it the loss on validation text."""

    loss: float
    """In nats a token, of the weights that were kept."""
    validation: float
    test: float
    signature: str
    minutes: float


def main() -> None:
    """Train, score, and write or print the table."""
    options = _parser().parse_args()
    about = facts(1) | {"recipe": str(options.recipe), "seeds": " ".join(map(str, options.seeds))}
    variants = {RECIPE: Variant()}
    variants |= {name: Variant(training=settings) for name, settings in options.instead}
    variants |= {name: Variant(decoding=settings) for name, settings in options.decoding}
    if len(set(map(_folder, variants))) <= len(options.instead) + len(options.decoding):
        raise SystemExit(f"--instead, --decoding: expected different names, none `{RECIPE}`")
    asked = [(name, seed) for seed in options.seeds for name in variants]

    def scored(each: tuple[str, int]) -> Result:
        name, seed = each
        return score(options, name, seed, variants[name].decoding)

    with ThreadPoolExecutor(options.jobs) as pool:
        trainings = [
            pool.submit(train, options, name, seed, variants[name].training)
            for name, seed in asked
            if variants[name].decoding is None
        ]
    for training in trainings:
        training.result()
    with ThreadPoolExecutor(options.jobs) as pool:
        results = dict(zip(asked, pool.map(scored, asked), strict=True))
    groups = {name: [results[name, seed] for seed in options.seeds] for name in variants}
    text = f"{describe(groups, variants)}\n\nSignature: `{results[asked[0]].signature}`"
    if options.output:
        write_record(options.output, "A recipe with one thing changed at a time", about, [], text)
        say(f"written: {options.output}")
    print(text)


def train(options: argparse.Namespace, name: str, seed: int, changes: str) -> None:
    """Train one model, unless that is done already."""
    run = _run(options, name, seed)
    settings = [f"seed={seed}", *options.set, *shlex.split(changes)]
    command = ["train", options.recipe, "--out", run, *_set(settings)]
    asked, finished = shlex.join(map(str, command)), run / "finished"
    if not finished.exists():
        say(f"{name}, seed {seed}: training")
        _mt([*command, "--resume"] if (run / "config.yaml").exists() else command)
        finished.write_text(asked, encoding="utf-8")
    if finished.read_text("utf-8") != asked:
        raise SystemExit(f"{run}: expected a run of `mt {asked}`, but found another; remove it")


def score(options: argparse.Namespace, name: str, seed: int, decoding: str | None) -> Result:
    """Score one model on both sets."""
    run = _run(options, name if decoding is None else RECIPE, seed)
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    kept = "" if decoding is None else f"-{_folder(name)}"
    on_validation = _evaluate(run, f"validation{kept}", options.validation, decoding)
    on_test = _evaluate(run, f"test{kept}", options.test, decoding)
    result = Result(
        loss=[entry["validation"]["loss"] for entry in entries if entry.get("best")][-1],
        validation=on_validation["score"],
        test=on_test["score"],
        signature=on_test["signature"],
        minutes=max(entry.get("seconds", 0.0) for entry in entries) / 60,
    )
    say(f"{name}, seed {seed}: {result}")
    return result


def _folder(name: str) -> str:
    return name.replace(" ", "-").lower()


def _run(options: argparse.Namespace, name: str, seed: int) -> Path:
    run: Path = options.work / f"{_folder(name)}-{seed}"
    return run


def _set(settings: Sequence[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def describe(groups: Mapping[str, Sequence[Result]], variants: Mapping[str, Variant]) -> str:
    """Write a row for the recipe and for each variant, with what the change costs or brings."""
    rows = []
    for name, results in groups.items():
        settings = variants[name].decoding or variants[name].training
        row = [name, f"`{settings}`" if settings else ""]
        for value in ("loss", "validation", "test"):
            if value == "loss" and variants[name].decoding is not None:
                row += ["as the recipe", ""]
                continue
            found = [getattr(result, value) for result in results]
            digits = 3 if value == "loss" else 2
            shown = [f"{each:.{digits}f}" for each in found]
            row.append(f"{statistics.mean(found):.{digits}f} ({', '.join(shown)})")
            whole = [getattr(result, value) for result in groups[RECIPE]]
            row.append("" if name == RECIPE else difference(found, whole, digits))
        rows.append([*row, middle([result.minutes for result in results])])
    head = [
        "instead", "settings", "validation loss, mean (each seed)", "difference ± error",
        "validation BLEU", "difference", "test BLEU", "difference", "minutes, one thread",
    ]  # fmt: skip
    return table(head, rows)


def difference(found: Sequence[float], whole: Sequence[float], digits: int) -> str:
    """Write the mean difference of runs with the same seeds, and its standard error."""
    each = [one - other for one, other in zip(found, whole, strict=True)]
    text = f"{statistics.mean(each):+.{digits}f}"
    if len(each) == 1:
        return text
    return f"{text} ± {statistics.stdev(each) / len(each) ** 0.5:.{digits}f}"


def _evaluate(run: Path, part: str, texts: Sequence[Path], decoding: str | None) -> Any:
    """Score a model as `mt evaluate` does, or what `mt translate` makes of it, once."""
    source, reference = texts
    scored: list[str | Path] = [run, "--source", source]
    asked, kept = f"{source} {reference} {decoding}", run / f"{part}.json"
    known = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    if known.get("asked") != asked:
        if decoding is not None:
            translations = run / f"{part}.txt"
            _mt(["translate", run, source, "--output", translations, *_set(shlex.split(decoding))])
            scored = ["--hypothesis", translations]
        command = ["evaluate", *scored, "--reference", reference, "--metric", "bleu", "--json"]
        [found] = json.loads(_mt(command))
        known = {"asked": asked, **found["scores"]["bleu"]}
        write_atomically(kept, json.dumps(known))
    return known


def _mt(arguments: Sequence[str | Path]) -> str:
    command = [sys.executable, "-m", "mt", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=our_environment(1), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"mt {arguments[0]}: failed with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="An ablation table.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument(
        "--instead", nargs=2, action="append", default=[], metavar=("NAME", "SETTINGS"),
        help="a variant: its name, and what `mt train --set` changes, apart by spaces",
    )  # fmt: skip
    parser.add_argument(
        "--decoding", nargs=2, action="append", default=[], metavar=("NAME", "SETTINGS"),
        help="the recipe's models, translating with what `mt translate --set` changes",
    )  # fmt: skip
    parser.add_argument("--set", action="append", default=[], help="as `mt train --set`, for all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    for part in ("validation", "test"):
        names = ("SOURCE", "REFERENCE")
        parser.add_argument(f"--{part}", type=Path, nargs=2, required=True, metavar=names)
    parser.add_argument("--work", type=Path, required=True, help="a folder for the runs")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--output", type=Path, help="a Markdown file")
    return parser


if __name__ == "__main__":
    main()
