"""``mt compare``: whether one translation is better than another, and where."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.cli.options import DeviceOption, JsonOption
from mt.cli.scored_text import (
    LowercaseOption,
    MetricsOption,
    TokenizerOption,
    read_references,
    read_text,
    refuse_without_source,
    translate_texts,
    wanted_metrics,
    warn,
    warn_between,
    warn_of_copies,
)
from mt.errors import unequal_lines
from mt.evaluation.tables import signatures, table
from mt.pages import refuse_other_suffix

if TYPE_CHECKING:
    from mt.evaluation.comparison import Comparison, Example, System

FEW = 100
"""Lines of which there are too few ways to shuffle or resample them."""
SHOWN = 3
"""Sentences of each kind that the terminal shows; a page shows more."""


def compare(
    systems: Annotated[
        list[Path],
        typer.Argument(
            metavar="SYSTEM",
            help="Translations, the baseline first; or models, which translate --source.",
        ),
    ],
    references: Annotated[
        list[Path],
        typer.Option(
            "--reference", metavar="FILE", help="Human translation; give several files for more."
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What was translated: for models, and to show beside translations."
        ),
    ] = None,
    metrics: MetricsOption = None,
    tokenizer: TokenizerOption = None,
    lowercase: LowercaseOption = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page that shows everything.")
    ] = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Compare translations of the same text with the first of them.

    Shows scores with paired tests of their differences, computed as sacreBLEU does, how many
    sentences each wins, and by which sentences, lengths and words they differ.
    """
    wanted = wanted_metrics(metrics, tokenizer)
    _check(systems, source, output)
    refuse_without_source(wanted, int(source is not None), 1, len(references))
    first = source or systems[0]
    lines = read_text(first, "hypothesis" if source is None else "source")
    texts = {}
    for path in systems:
        texts[path] = lines if path == first or path.is_dir() else read_text(path, "hypothesis")
        if len(texts[path]) != len(lines):
            raise unequal_lines(path, len(texts[path]), first, len(lines))
    truth = read_references(references, first, lines, wanted, tokenizer)
    if source is not None:
        warn_of_copies(references, truth, source, lines)
    for path in systems:
        if path.is_dir():
            (texts[path],) = translate_texts(path, [lines], device)
        warn_between(path, texts[path], truth, lowercase)
        if path != systems[0] and texts[path] == texts[systems[0]]:
            warn(path, f"expected another translation, but it is the same as {systems[0]}")

    from mt.evaluation.comparison import compare as compare_texts

    comparison = compare_texts(
        {str(path): text for path, text in texts.items()},
        truth,
        wanted,
        tokenizer or "13a",
        lowercase=lowercase,
        source=None if source is None else lines,
    )
    if len(lines) < FEW:
        warn(
            first,
            f"expected some hundred lines for tests of significance, but it has {len(lines):,}; "
            "their p-values are too small",
        )
    if output is not None:
        from mt.evaluation.page import save_page

        save_page(comparison, output)
    if as_json:
        typer.echo(json.dumps(comparison.to_json(), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n\n".join(_as_text(comparison)))


def _check(systems: Sequence[Path], source: Path | None, output: Path | None) -> None:
    if len(systems) < 2:
        raise typer.BadParameter("expected two translations or more, but got one; name another")
    if len(set(systems)) < len(systems):
        raise typer.BadParameter("expected different translations, but one was given twice")
    for path in systems:
        if path.is_dir() and source is None:
            raise typer.BadParameter(
                f"expected --source for {path} to translate, since it is a directory; name one"
            )
    if output is not None:
        refuse_other_suffix(output)


def _as_text(comparison: "Comparison") -> Iterator[str]:
    yield _scores(comparison)
    yield "* p < 0.05, two-sided, not corrected for the number of comparisons"
    yield signatures(comparison.signatures())
    metric = comparison.baseline.scores[0].name
    names = [system.name for system in comparison.systems]
    yield f"{metric} by the length of the reference, in words\n\n" + table(
        ["words", "lines", *names],
        (
            [str(part), f"{lines:,}"]
            + [system.by_length[part][0].number for system in comparison.systems]
            for part, lines in comparison.lines_by_length.items()
        ),
    )
    yield "F1 of words by how often they occur in the reference\n\n" + table(
        ["occurrences", "words", *names],
        (
            [str(part), f"{counts.reference:,}"]
            + [_percent(system.by_frequency[part].f1) for system in comparison.systems]
            for part, counts in comparison.baseline.by_frequency.items()
        ),
    )
    for system in comparison.systems[1:]:
        yield from _examples(comparison, system)


def _scores(comparison: "Comparison") -> str:
    rows = []
    for place, score in enumerate(comparison.baseline.scores):
        baseline = f"{comparison.baseline.name} (baseline)"
        rows.append([score.name, baseline, score.number, *[""] * 6])
        for system in comparison.systems[1:]:
            against = system.against_baseline[place]
            rows.append(
                [
                    score.name,
                    system.name,
                    system.scores[place].number,
                    f"{against.tests.difference:+.2f}",
                    against.tests.shown(against.tests.bootstrap),
                    against.tests.shown(against.tests.randomisation),
                    *(f"{each:,}" for each in (against.wins, against.losses, against.ties)),
                ]
            )
    heads = ["metric", "system", "score", "difference", "p bootstrap", "p randomisation"]
    return table([*heads, "wins", "losses", "ties"], rows, left=2)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _examples(comparison: "Comparison", system: "System") -> Iterator[str]:
    place = comparison.example_metric
    against = system.against_baseline[place]
    metric = system.scores[place].name
    for verb, examples in (("wins", against.won), ("loses", against.lost)):
        if examples:
            shown = [_example(comparison, system, each) for each in examples[:SHOWN]]
            yield f"Sentences that {system.name} {verb} by most, by {metric}"
            yield from shown


def _example(comparison: "Comparison", system: "System", example: "Example") -> str:
    line = example.line
    baseline = comparison.baseline
    rows = [] if comparison.source is None else [("source", "", comparison.source[line])]
    rows += [("reference", "", lines[line]) for lines in comparison.references]
    rows.append((baseline.name, f"{example.baseline:.2f}", baseline.hypotheses[line]))
    rows.append((system.name, f"{example.system:.2f}", system.hypotheses[line]))
    width = max(len(name) for name, _, _ in rows)
    return f"line {line + 1:,}\n" + "\n".join(
        f"  {name:<{width}}  {value:>6}  {text}" for name, value, text in rows
    )
