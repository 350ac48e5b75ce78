r"""Train one model after the other that differ in their attention alone, and compare them.

    python -m benchmarks.attention --output benchmarks/results/attention.md
    python -m benchmarks.attention --variants kinds --config configs/demo.yaml \
        --source data/demo/test.en --reference data/demo/test.de --gold data/demo/test.align

All train on the same pairs in the same order, with the same seed and number of updates, by
``mt train``; all are judged on the same test set. What is finished already is not done again, and
an interrupted training is resumed: the program may be stopped and started at will.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest
from sacrebleu.significance import Result as Comparison

from benchmarks.harness import ROOT, facts, our_environment, say, table
from mt.evaluation import Score, evaluate
from mt.yaml import read_yaml

DOT, BILINEAR, ADDITIVE = ({"score": {"kind": kind}} for kind in ("dot", "bilinear", "additive"))
WINDOW, PREDICTED = ({"scope": {"kind": kind, "width": 4}} for kind in ("window", "predicted"))

Section = dict[str, Any]
"""A recipe's section ``model``, or what a variant changes in it."""


def _everywhere(kind: Section) -> Section:
    return {"self_attention": kind, "cross_attention": kind}


RECURRENT: Section = {"kind": "recurrent", "dim": 192}
"""Has about as many parameters as the Transformers of our recipes; its dropout is the recipe's."""
KINDS: dict[str, Section] = {
    "recurrent, fixed context": RECURRENT | {"attention": None},
    "recurrent, additive": RECURRENT | {"attention": ADDITIVE},
    "recurrent, dot product": RECURRENT | {"attention": DOT},
    "recurrent, bilinear": RECURRENT | {"attention": BILINEAR},
    "Transformer, scaled dot product": {},
    "Transformer, dot product": _everywhere(DOT),
    "Transformer, bilinear": _everywhere(BILINEAR),
    "Transformer, additive": _everywhere(ADDITIVE),
    "Transformer, window": _everywhere(WINDOW),
    "Transformer, local": {"self_attention": WINDOW, "cross_attention": PREDICTED},
}
POSITIONS: dict[str, Section] = {
    f"Transformer, {kind} positions": {"positions": {"kind": kind}}
    for kind in ("sinusoidal", "learned", "rotary", "shaw", "t5", "alibi")
}
FEW = (
    "recurrent, fixed context", "recurrent, additive", "recurrent, dot product",
    "Transformer, scaled dot product", "Transformer, additive", "Transformer, local",
)  # fmt: skip
VARIANTS = {"few": {name: KINDS[name] for name in FEW}, "kinds": KINDS, "positions": POSITIONS}
"""What each model has in place of the recipe's section ``model``, or changes in it."""
CLASSES = 5
"""Of source lengths, with about as many test pairs each."""
SAMPLES = 5000
"""Of each bootstrap; the least p-value is near its inverse, and is multiplied by the pairs."""
LEVEL = 0.05
"""P-values below are significant."""

PValues = dict[frozenset[str], float]
"""Of each pair of models: the p-value of their difference in BLEU."""


@dataclass
class Result:
    """What is known of one variant."""

    name: str
    model: Section
    hypotheses: list[str] = field(default_factory=list)
    parameters: int = 0
    seconds: float = 0.0
    """Of training, validation not counted."""
    tokens_per_second: float = 0.0
    sentences_per_second: float = 0.0
    error_rate: float | None = None
    """Of its alignment with the gold links, in percent; ``None`` without links or attention."""


@dataclass(frozen=True)
class Point:
    """A model's score on the sources of some lengths."""

    words: str
    """Their lengths."""
    pairs: int
    score: Score


def models(options: argparse.Namespace) -> dict[str, Section]:
    """Return the section ``model`` of each variant; a Transformer is of the recipe's size."""
    recipe = read_yaml(options.config)["model"]
    if recipe["kind"] != "transformer":
        raise SystemExit(
            f"{options.config}: model.kind: expected transformer, whose attention is varied, but "
            f"found {recipe['kind']}; choose another recipe"
        )
    variants: dict[str, Section] = VARIANTS[options.variants]
    return {
        name: section | {"dropout": recipe["dropout"]} if "kind" in section else recipe | section
        for name, section in variants.items()
    }


def train(options: argparse.Namespace, name: str, model: Section) -> Path:
    """Train a variant, unless that is done already; return its run."""
    conditions = f"{options.config.stem}-{options.updates}-{options.seed}"
    run: Path = options.work / conditions / name.replace(", ", "-").replace(" ", "-").lower()
    finished = run / "finished"
    if finished.exists():
        return run
    arguments = [
        "train", str(options.config), "--out", str(run), "--set", f"model={json.dumps(model)}",
        "--set", f"training.updates={options.updates}",
        "--set", f"training.schedule.warmup={options.updates // 8}",
        "--set", f"validation.every={options.updates // 5}", "--set", "training.average.count=1",
        "--set", f"seed={options.seed}",
    ]  # fmt: skip
    if (run / "config.yaml").exists():
        arguments.append("--resume")
    say(f"{name}: training")
    _mt(options, arguments)
    finished.touch()
    return run


def translate(options: argparse.Namespace, run: Path) -> tuple[list[str], float]:
    """Translate the test set by a run's best bundle; return the lines and the seconds it took."""
    output, clock = run / "test.txt", run / "test.json"
    if not clock.exists():
        start = time.perf_counter()
        _mt(options, ["translate", str(run), str(options.source), "--output", str(output)])
        clock.write_text(json.dumps({"seconds": time.perf_counter() - start}))
    seconds = float(json.loads(clock.read_text())["seconds"])
    return output.read_text(encoding="utf-8").splitlines(), seconds


def align(options: argparse.Namespace, model: Section, run: Path) -> float | None:
    """Return a variant's alignment error rate, if there are gold links and it has attention."""
    if options.gold is None or model.get("attention", True) is None:
        return None
    report = _mt(
        options,
        [
            "align", str(run), "--source", str(options.source), "--target", str(options.reference),
            "--gold", str(options.gold), "--words", "marks", "--json",
        ],
    )  # fmt: skip
    return float(json.loads(report)["aer"])


def gather(options: argparse.Namespace, name: str, model: Section) -> Result:
    """Train, translate, and read what the run wrote of itself."""
    run = train(options, name, model)
    hypotheses, seconds = translate(options, run)
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    speeds = sorted(entry["tokens_per_second"] for entry in entries if "tokens_per_second" in entry)
    info = json.loads(_mt(options, ["info", str(run), "--json"]))
    return Result(
        name, model, hypotheses,
        parameters=info["metadata"]["parameters"],
        seconds=max(entry.get("seconds", 0.0) for entry in entries),
        tokens_per_second=speeds[len(speeds) // 2],
        sentences_per_second=len(hypotheses) / seconds,
        error_rate=align(options, model, run),
    )  # fmt: skip


def compare(results: Sequence[Result], references: Sequence[str]) -> str:
    """Write the table of scores."""
    head = [
        "model", "BLEU [95 %]", "parameters", "training, tokens/s", "training, minutes",
        "translation, sentences/s", "AER",
    ]  # fmt: skip
    rows = []
    for each in results:
        (score,) = evaluate(each.hypotheses, [references])
        rows.append(
            [
                each.name, f"{score.value:.2f} {bounds(score, 2)}",
                f"{each.parameters:,}", f"{each.tokens_per_second:,.0f}",
                f"{each.seconds / 60:.1f}", f"{each.sentences_per_second:,.0f}",
                "–" if each.error_rate is None else f"{each.error_rate:.1f}",
            ]
        )  # fmt: skip
    return table(head, rows)


def bootstrap(
    new: Result, others: Sequence[Result], references: Sequence[str]
) -> tuple[PValues, str]:
    """Compare one model with each of others by a paired bootstrap.

    Returns:
        The p-values, and the signature of the test.
    """
    paired = PairedTest(
        [(each.name, each.hypotheses) for each in (new, *others)],
        {"BLEU": BLEU(references=[list(references)])}, references=None,
        test_type="bs", n_samples=SAMPLES,
    )  # fmt: skip
    signatures, scores = paired()
    results = (each for each in scores["BLEU"] if isinstance(each, Comparison))
    found = [each.p_value for each in results if each.p_value is not None]  # of all but the first
    pairs = (frozenset((new.name, each.name)) for each in others)
    return dict(zip(pairs, found, strict=True)), str(signatures["BLEU"])


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for there being many, in the order given.

    All that are below a level after it are significant with no more than that chance of a single
    false alarm among them, however they depend on each other.

    Source: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    corrected = [0.0] * len(p_values)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = least
    return corrected


def judge(names: Sequence[str], p_values: PValues) -> str:
    """Write the p-values of all pairs as one table, plain and corrected."""
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))

    def cell(row: int, column: int) -> str:
        if row == column:
            return "–"
        pair = frozenset((names[row], names[column]))
        if row < column:
            return f"{p_values[pair]:.4f}"
        result = "" if corrected[pair] < LEVEL else ", not significant"
        return f"{corrected[pair]:.3f}{result}"

    places = range(len(names))
    head = ["model", *(str(place + 1) for place in places)]
    rows = [
        [f"{row + 1}. {name}", *(cell(row, column) for column in places)]
        for row, name in enumerate(names)
    ]
    return (
        "Above the diagonal: the p-value of each pair by itself. Between equal models one in "
        f"{1 / LEVEL:.0f} would be below {LEVEL} by chance; below the diagonal stands what Holm's "
        f"(1979) correction over all {len(p_values)} pairs makes of them, *not significant* from "
        f"{LEVEL} on. The test tells these models apart, each trained once; how kinds differ over "
        "seeds it does not tell.\n\n"
        f"{table(head, rows)}"
    )


def by_length(
    results: Sequence[Result], sources: Sequence[str], references: Sequence[str]
) -> dict[str, list[Point]]:
    """Return each model's BLEU in each class of source lengths."""
    lengths = [len(line.split()) for line in sources]
    ordered = sorted(lengths)
    most_words = sorted({ordered[(n + 1) * len(ordered) // CLASSES - 1] for n in range(CLASSES)})
    curves: dict[str, list[Point]] = {}
    for each in results:
        curve, least = [], ordered[0]
        for most in most_words:
            chosen = [i for i, length in enumerate(lengths) if least <= length <= most]
            ours = [each.hypotheses[i] for i in chosen]
            theirs = [references[i] for i in chosen]
            name = f"{least}–{most}" if most > least else f"{most}"
            curve.append(Point(name, len(chosen), evaluate(ours, [theirs])[0]))
            least = most + 1
        curves[each.name] = curve
    return curves


def draw(curves: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Draw BLEU by source length with its intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - loads slowly
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, (name, curve) in enumerate(curves.items()):
        places = [x + (index - (len(curves) - 1) / 2) * 0.07 for x in range(len(curve))]
        scores = [point.score.value for point in curve]
        limits = [(point.score.low or 0.0, point.score.high or 0.0) for point in curve]
        errors = [
            [score - low for score, (low, _) in zip(scores, limits, strict=True)],
            [high - score for score, (_, high) in zip(scores, limits, strict=True)],
        ]
        style = "--" if name.startswith("recurrent") else "-"
        axes.errorbar(places, scores, errors, label=name, capsize=2, linestyle=style, marker="o")
    first = next(iter(curves.values()))
    axes.set_xticks(range(len(first)), [f"{point.words}\n({point.pairs} pairs)" for point in first])
    axes.set_xlabel("source words")
    axes.set_ylabel("BLEU, 95 % interval")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def describe(curves: Mapping[str, Sequence[Point]]) -> str:
    """Write the curves as a table."""
    first = next(iter(curves.values()))
    head = ["model", *(f"{point.words} words ({point.pairs})" for point in first)]
    rows = [
        [name, *(f"{point.score.value:.1f} {bounds(point.score, 1)}" for point in curve)]
        for name, curve in curves.items()
    ]
    return table(head, rows)


def bounds(score: Score, digits: int) -> str:
    """Write the interval of a score."""
    if score.low is None or score.high is None:
        return ""
    return f"[{score.low:.{digits}f}, {score.high:.{digits}f}]"


def main() -> None:
    """Train, translate and compare, writing the record after each variant."""
    options = _parser().parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    about = facts(options.threads)
    about["recipe"] = f"{options.config.name}, {options.updates:,} updates, seed {options.seed}"
    about["test set"] = options.source.stem
    if options.gold:
        about["AER"] = (
            f"`mt align --words marks` on {options.gold.name}, one direction, the view chosen "
            "without gold"
        )
    sources = options.source.read_text(encoding="utf-8").splitlines()
    references = options.reference.read_text(encoding="utf-8").splitlines()
    results: list[Result] = []
    p_values: PValues = {}
    for name, model in models(options).items():
        new = gather(options, name, model)
        more, signature = bootstrap(new, results, references)
        p_values |= more
        results.append(new)
        curves = by_length(results, sources, references)
        picture = options.output.with_suffix(".svg")
        draw(curves, picture)
        listed = "\n".join(f"- {key}: {value}" for key, value in about.items())
        sections = "\n".join(
            f"- {each.name}: `model: {json.dumps(each.model)}`" for each in results
        )
        options.output.write_text(
            f"# Kinds of attention compared\n\n{listed}\n\n{compare(results, references)}\n\n"
            f"Signature: `{signature}`\n\n## Which differences are chance\n\n"
            f"{judge([each.name for each in results], p_values)}\n\n"
            f"## BLEU by source length\n\n![BLEU by source length]({picture.name})\n\n"
            f"{describe(curves)}\n\n## The models\n\n{sections}\n",
            encoding="utf-8",
        )
        say(f"{name}: written to {options.output}")


def _mt(options: argparse.Namespace, arguments: Sequence[str]) -> str:
    """Run ``mt``; return what it printed."""
    environment: dict[str, Any] = dict(our_environment(options.threads)) | {"COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "mt", *arguments], env=environment, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare kinds of attention on the same data.")
    data = ROOT / "data/multi30k"
    parser.add_argument("--config", type=Path, default=ROOT / "configs/multi30k-en-de.yaml")
    parser.add_argument("--variants", choices=VARIANTS, default="few")
    parser.add_argument("--source", type=Path, default=data / "test_2016_flickr.en")
    parser.add_argument("--reference", type=Path, default=data / "test_2016_flickr.de")
    parser.add_argument("--gold", type=Path, help="links between the words of both, marks apart")
    parser.add_argument("--updates", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--work", type=Path, default=ROOT / "checkpoints/attention")
    results = ROOT / "benchmarks/results"
    parser.add_argument("--output", type=Path, default=results / "attention.md")
    return parser


if __name__ == "__main__":
    main()
