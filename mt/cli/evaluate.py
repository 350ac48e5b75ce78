"""``mt evaluate``: measure a model, or hypotheses that exist already."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from mt.cli.options import DeviceOption, JsonOption
from mt.devices import DeviceName
from mt.errors import DataError, unequal_lines
from mt.evaluation import (
    MetricName,
    Score,
    TokenizerName,
    doubts,
    doubts_between,
    refuse_missing_tokenizer,
    refuse_unless_text,
    suited_tokenizer,
)
from mt.evaluation import evaluate as measure
from mt.files import open_output
from mt.lines import read_lines


def _metric(name: str) -> str:
    if name.lower() not in get_args(MetricName):
        raise typer.BadParameter(f"expected {', '.join(get_args(MetricName))}, but got {name}")
    return name.lower()


def evaluate(
    references: Annotated[
        list[Path],
        typer.Option(
            "--reference", metavar="FILE", help="Human translation; give several files for more."
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]", help="A run or a bundle; leave it out with --hypothesis."
        ),
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text for the model to translate.")
    ] = None,
    hypothesis: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A translation to measure, not a model.")
    ] = None,
    metrics: Annotated[
        list[str] | None,  # Typer takes no list of literals
        typer.Option(
            "--metric",
            parser=_metric,
            metavar="|".join(get_args(MetricName)),
            help="What to measure; give several for more.",
            show_default="bleu",
        ),
    ] = None,
    tokenizer: Annotated[
        TokenizerName | None,
        typer.Option(
            "--tokenize",
            metavar="NAME",
            help="What splits text into the words that BLEU counts: zh, ja-mecab, ko-mecab, char "
            "or another of sacreBLEU's tokenizers.",
            show_default="13a",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the model's translations here.")
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(min=1, help="Hypotheses kept per sentence.", show_default="the model's"),
    ] = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Score translations against references with sacreBLEU.

    Prints each score from 0 to 100 with its 95 % interval and its signature. Files hold detokenized
    UTF-8 text, one sentence per line.
    """
    wanted = cast("list[MetricName]", list(dict.fromkeys(metrics or ["bleu"])))
    if tokenizer is not None and "bleu" not in wanted:
        raise typer.BadParameter("--tokenize is for BLEU; leave it out, or add --metric bleu")
    if tokenizer is not None:
        refuse_missing_tokenizer(tokenizer)
    if hypothesis is not None:
        _refuse_unused(model=model, source=source, output=output, beam=beam)
        hypotheses = _read(hypothesis)
        truth = _read_references(references, hypothesis, hypotheses)
        _warn_of_tokenizer(references, truth, wanted, tokenizer)
    elif model is not None and source is not None:
        sources = _read(source, is_scored=False)
        truth = _read_references(references, source, sources)
        _warn_of_tokenizer(references, truth, wanted, tokenizer)
        _warn_of_copies(references, truth, source, sources)
        hypotheses = _translate(model, sources, output, device, beam)
    else:
        raise typer.BadParameter(
            "expected MODEL and --source to translate, or --hypothesis with a translation"
        )
    for doubt in doubts_between(hypotheses, truth):
        _warn(hypothesis or model, doubt)
    scores = measure(hypotheses, truth, wanted, tokenizer=tokenizer or "13a")
    typer.echo(_as_json(scores) if as_json else "\n".join(map(str, scores)))


def _refuse_unused(**values: object) -> None:
    given = [name for name, value in values.items() if value is not None]
    if given:
        names = ", ".join("MODEL" if name == "model" else f"--{name}" for name in given)
        raise typer.BadParameter(f"with --hypothesis nothing is translated; leave out {names}")


def _read(path: Path, is_scored: bool = True) -> list[str]:
    """Read a file; what is scored must be text as people write it."""
    lines = list(read_lines(path))
    if not lines:
        raise DataError(f"{path}: expected text, but the file is empty; check the path")
    refuse_unless_text(lines, str(path))
    if is_scored:
        for doubt in doubts(lines):
            _warn(path, doubt)
    return lines


def _read_references(paths: Sequence[Path], other: Path, lines: Sequence[str]) -> list[list[str]]:
    references = [_read(path) for path in paths]
    for path, reference in zip(paths, references, strict=True):
        if len(reference) != len(lines):
            raise unequal_lines(path, len(reference), other, len(lines))
    return references


def _warn(where: object, doubt: str) -> None:
    typer.echo(f"mt: warning: {where}: {doubt}", err=True)


def _warn_of_tokenizer(
    paths: Sequence[Path],
    references: Sequence[Sequence[str]],
    metrics: Sequence[MetricName],
    tokenizer: TokenizerName | None,
) -> None:
    """Name the tokenizer for references that the default one does not split into words."""
    for path, lines in zip(paths, references, strict=True):
        suited = suited_tokenizer(lines)
        if suited and "bleu" in metrics and tokenizer is None:
            _warn(
                path,
                "expected text that BLEU's tokenizer 13a splits into words, but it seems to be "
                f"{suited[0]}; give --tokenize {suited[1]}, or --metric chrf",
            )
        if suited and "ter" in metrics:
            _warn(
                path,
                f"expected words between spaces for TER, but it seems to be {suited[0]}; give "
                "--metric chrf",
            )


def _warn_of_copies(
    paths: Sequence[Path], references: Sequence[Sequence[str]], source: Path, sources: Sequence[str]
) -> None:
    """Notice the source, or a text that was not translated, in the place of a reference."""
    for path, lines in zip(paths, references, strict=True):
        same = sum(line == other for line, other in zip(lines, sources, strict=True))
        if 2 * same > len(lines):
            _warn(
                path,
                f"expected a translation, but {same:,} of {len(lines):,} lines are the same as in "
                f"{source}; check the path",
            )


def _translate(
    model: Path, sources: list[str], output: Path | None, device: DeviceName, beam: int | None
) -> list[str]:
    from mt.allocator import keep_freed_memory
    from mt.translation import load_translator

    keep_freed_memory()
    hypotheses = []
    with contextlib.nullcontext() if output is None else open_output(output) as file:
        translator = load_translator(model, device)
        config = translator.config if beam is None else translator.config.with_beam(beam)
        for translation in translator.translate(sources, config):
            hypotheses.append(translation.text)
            if file is not None:
                file.write(f"{translation.text}\n")
    return hypotheses


def _as_json(scores: Sequence[Score]) -> str:
    return json.dumps({score.metric: score.to_json() for score in scores}, indent=2)
