"""Train one model after the other that differ in their attention alone, and compare them.

    python -m benchmarks.attention --output benchmarks/results/attention.md

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

RECURRENT = "kind: recurrent, dim: 192, dropout: 0.2"
TRANSFORMER = (
    "kind: transformer, dim: 128, encoder_layers: 4, decoder_layers: 4, heads: 4, "
    "feed_forward: 256, dropout: 0.2"
)
ADDITIVE, LOCAL = "{score: {kind: additive}}", "{scope: {kind: window, width: 4}}"
PREDICTED = "{scope: {kind: predicted, width: 4}}"
VARIANTS = {
    "recurrent, fixed context": f"{{{RECURRENT}, attention: null}}",
    "recurrent, additive": f"{{{RECURRENT}, attention: {ADDITIVE}}}",
    "recurrent, dot product": f"{{{RECURRENT}, attention: {{score: {{kind: dot}}}}}}",
    "Transformer, scaled dot product": f"{{{TRANSFORMER}}}",
    "Transformer, additive": (
        f"{{{TRANSFORMER}, self_attention: {ADDITIVE}, cross_attention: {ADDITIVE}}}"
    ),
    "Transformer, local": (
        f"{{{TRANSFORMER}, self_attention: {LOCAL}, cross_attention: {PREDICTED}}}"
    ),
}
"""What the recipe's section ``model`` is in each."""
CLASSES = 5
"""Of source lengths, with about as many test pairs each."""
SAMPLES = 1000
"""Of each bootstrap."""


@dataclass
class Result:
    """What is known of one variant."""

    name: str
    run: Path
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


def train(options: argparse.Namespace, name: str) -> Path:
    """Train a variant, unless that is done already; return its run."""
    run: Path = Path(options.work) / name.replace(", ", "-").replace(" ", "-").lower()
    if (run / "README.md").exists():  # written when all is done
        return run
    arguments = [
        "train", str(options.config), "--out", str(run), "--set", f"model={VARIANTS[name]}",
        "--set", f"training.updates={options.updates}",
        "--set", f"training.schedule.warmup={options.updates // 8}",
        "--set", f"validation.every={options.updates // 5}", "--set", "training.average.count=1",
        "--set", f"seed={options.seed}",
    ]  # fmt: skip
    if (run / "config.yaml").exists():
        arguments.append("--resume")
    say(f"{name}: training")
    _mt(options, arguments)
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


def align(options: argparse.Namespace, name: str, run: Path) -> float | None:
    """Return a variant's alignment error rate, if there are gold links and it has attention."""
    if options.gold is None or "attention: null" in VARIANTS[name]:
        return None
    report = _mt(
        options,
        [
            "align", str(run), "--source", str(options.source), "--target", str(options.reference),
            "--gold", str(options.gold), "--words", "marks", "--json",
        ],
    )  # fmt: skip
    return float(json.loads(report)["aer"])


def gather(options: argparse.Namespace, name: str) -> Result:
    """Train, translate, and read what the run wrote of itself."""
    run = train(options, name)
    hypotheses, seconds = translate(options, run)
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    speeds = sorted(entry["tokens_per_second"] for entry in entries if "tokens_per_second" in entry)
    info = json.loads(_mt(options, ["info", str(run), "--json"]))
    return Result(
        name, run, hypotheses,
        parameters=info["origin"]["parameters"],
        seconds=max(entry.get("seconds", 0.0) for entry in entries),
        tokens_per_second=speeds[len(speeds) // 2],
        sentences_per_second=len(hypotheses) / seconds,
        error_rate=align(options, name, run),
    )  # fmt: skip


def compare(results: Sequence[Result], references: Sequence[str]) -> str:
    """Write the table of scores, with the probability that a difference to the first is chance."""
    baseline, *others = results
    chances = {}
    signature = ""
    if others:
        systems: list[tuple[str, Sequence[str]]] = [
            (each.name, each.hypotheses) for each in results
        ]
        test = PairedTest(
            systems, {"BLEU": BLEU(references=[list(references)])}, references=None,
            test_type="bs", n_samples=SAMPLES,
        )  # fmt: skip
        signatures, scores = test()
        found = (each.p_value for each in scores["BLEU"] if isinstance(each, Comparison))
        chances = dict(zip(scores["System"], found, strict=True))
        signature = str(signatures["BLEU"])
    rows = []
    for each in results:
        (score,) = evaluate(each.hypotheses, [references])
        chance = chances.get(each.name)
        verdict = "–" if chance is None else f"p = {chance:.3f}"
        if chance is not None and chance >= 0.05:
            verdict += ", not significant"
        rows.append(
            [
                each.name, f"{score.value:.2f} {bounds(score, 2)}", verdict,
                f"{each.parameters:,}", f"{each.tokens_per_second:,.0f}",
                f"{each.seconds / 60:.1f}", f"{each.sentences_per_second:,.0f}",
                "–" if each.error_rate is None else f"{each.error_rate:.1f}",
            ]
        )  # fmt: skip
    head = [
        "model", "BLEU [95 %]", f"against {baseline.name}", "parameters",
        "training, pieces/s", "training, minutes", "translation, sentences/s", "AER",
    ]  # fmt: skip
    return f"{table(head, rows)}\n\nSignature: `{signature}`\n"


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
    sources = options.source.read_text(encoding="utf-8").splitlines()
    references = options.reference.read_text(encoding="utf-8").splitlines()
    results: list[Result] = []
    for name in VARIANTS:
        results.append(gather(options, name))
        curves = by_length(results, sources, references)
        picture = options.output.with_suffix(".svg")
        draw(curves, picture)
        listed = "\n".join(f"- {key}: {value}" for key, value in about.items())
        models = "\n".join(f"- {each.name}: `model: {VARIANTS[each.name]}`" for each in results)
        options.output.write_text(
            f"# Kinds of attention compared\n\n{listed}\n\n{compare(results, references)}\n"
            f"## BLEU by source length\n\n![BLEU by source length]({picture.name})\n\n"
            f"{describe(curves)}\n\n## The models\n\n{models}\n",
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
