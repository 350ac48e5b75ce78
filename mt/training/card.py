"""The run card: one page that says what a run was, with its scores, data, machine and recipe."""

import json
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import torch

import mt
from mt import hardware
from mt.bundle import Origin
from mt.evaluation import StringMetricName
from mt.files import atomic_file, write_atomically
from mt.training.listeners import METRICS
from mt.training.pace import duration
from mt.training.preparation import Prepared
from mt.training.progress import Outcome
from mt.training.recipe import RecipeConfig
from mt.training.validation import ValidationResult


def write_card(
    recipe: RecipeConfig,
    outcome: Outcome,
    prepared: Prepared,
    origin: Origin | None,
    machine: str,
) -> None:
    """Write ``README.md`` and ``curves.svg`` into the run directory."""
    _draw_curves(outcome.run)
    card = "\n".join(_card(recipe, outcome, prepared, origin, machine))
    write_atomically(outcome.run / "README.md", card)


def _card(
    recipe: RecipeConfig,
    outcome: Outcome,
    prepared: Prepared,
    origin: Origin | None,
    machine: str,
) -> Iterator[str]:
    data, progress = recipe.data, outcome.progress
    yield f"# {outcome.run.name}: {data.source} → {data.target}\n"
    ended, plan = outcome.ended.capitalize(), progress.plan
    planned = plan.updates if plan is not None else recipe.training.updates
    yield f"{ended} at update {progress.update:,} of {planned:,}"
    yield f"after {duration(progress.seconds)} of training, {datetime.now(UTC):%Y-%m-%d}.\n"
    if origin is not None:
        yield f"Started from `{origin.bundle}`, update {origin.update:,}, whose weights have the"
        yield f"SHA-256 `{origin.sha256}`.\n"
    yield "![Loss and validation over the updates](curves.svg)\n"
    yield "## Validation\n\n| | update | result | signature |\n|---|---|---|---|"
    for name, result in _notable(outcome):
        signature = f"`{result.score.signature}`" if result.score else ""
        yield f"| {name} | {result.update:,} | {result} | {signature} |"
    if changes := outcome.changes:
        yield "\n| | at the start | chosen |\n|---|---|---|"
        yield from (f"| {name} | {before} | {now} |" for name, (before, now) in changes.items())
    yield "\nScores on validation pairs pick a checkpoint; report those of `mt evaluate` on"
    yield "test pairs.\n"
    yield "## Data\n\n| | pairs | fingerprint |\n|---|---|---|"
    for use, pairs in (("training", prepared.training), ("validation", prepared.validation)):
        yield f"| {use} | {pairs.counts} | `{pairs.fingerprint[:16]}` |"
    yield ""
    for use, corpora in (("training", data.train), ("validation", data.validation)):
        for corpus in corpora:
            about = corpus.model_dump(mode="json", exclude_none=True)
            written = json.dumps(about, ensure_ascii=False)
            yield f"- {use}: `{written}`, content `{corpus.fingerprint()[:16]}`"
    yield f"- tokenizers: SHA-256 `{prepared.tokenizers.fingerprint[:12]}…`"
    yield "\n## Machine\n"
    yield f"- {machine}; peak memory {hardware.peak_memory() / 2**20:,.0f} MiB"
    yield f"- Python {platform.python_version()}, torch {torch.__version__}, mt {mt.__version__}"
    yield f"\n## Recipe\n\n```yaml\n{recipe.to_yaml().rstrip()}\n```\n"


def _notable(outcome: Outcome) -> Iterator[tuple[str, ValidationResult]]:
    progress = outcome.progress
    if progress.history:
        yield "best checkpoint", outcome.best
        yield "last validation", progress.history[-1]
    if progress.average:
        yield "average of checkpoints", progress.average


def _draw_curves(run: Path) -> None:
    """Draw what ``metrics.jsonl`` holds: losses on the left, the score on the right."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second to load, and only a run's end needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    lines = (run / METRICS).read_text(encoding="utf-8").splitlines()
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    reports = [entry for entry in entries if "loss" in entry]
    results = [entry for entry in entries if "validation" in entry]
    mpl.rcParams["svg.hashsalt"] = "curves"
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    losses.plot(*_points(reports, "cross_entropy"), label="training", color="#9ecae1")
    losses.plot(
        [entry["update"] for entry in results],
        [entry["validation"]["loss"] for entry in results],
        label="validation", color="#08519c", marker=".",
    )  # fmt: skip
    losses.set(xlabel="update", ylabel="nats per target token", title="cross-entropy")
    losses.legend(frameon=False)
    metrics = get_args(StringMetricName)
    metric = next((key for entry in results for key in entry["validation"] if key in metrics), None)
    if metric is None:
        scores.plot(*_points(reports, "rate"), color="#a63603")
        scores.set(xlabel="update", title="learning rate")
    else:
        scores.plot(
            [entry["update"] for entry in results],
            [entry["validation"][metric]["score"] for entry in results],
            color="#a63603", marker=".",
        )  # fmt: skip
        scores.set(xlabel="update", title=f"validation {metric}")
    for axes in (losses, scores):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    with atomic_file(run / "curves.svg") as scratch:
        figure.savefig(scratch, format="svg", metadata={"Date": None})


def _points(entries: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    return [entry["update"] for entry in entries], [entry[key] for entry in entries]
