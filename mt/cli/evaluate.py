"""``mt evaluate``: measure a model, or hypotheses that exist already."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    warn_between,
    warn_of_copies,
)
from mt.errors import unequal_lines
from mt.evaluation import (
    Measurement,
    MetricName,
    Score,
    TokenizerName,
    measure,
    refuse_missing_tokenizer,
    split_into_words,
)
from mt.evaluation.tables import TableFormat, scores_table, signatures
from mt.outputs import open_output

if TYPE_CHECKING:
    from mt.evaluation.breakdown import Range


@dataclass
class TestSet:
    """A text that is measured."""

    name: str
    """The file of the hypotheses, or what a model translates."""
    references: Sequence[str]
    """Where they come from."""
    truth: Sequence[Sequence[str]]
    tokenizer: TokenizerName
    source: Sequence[str] | None = None
    hypotheses: Sequence[str] = ()
    measurements: Sequence[Measurement] = ()
    scores: Sequence[Score] = ()
    parts: "dict[Range, tuple[int, list[Score]]] | None" = None
    """By the length of the reference: lines and scores."""

    def to_json(self) -> dict[str, Any]:
        """Return what was measured for a JSON file."""
        found: dict[str, Any] = {
            "name": self.name,
            "references": list(self.references),
            "lines": len(self.hypotheses),
            "scores": {
                score.metric: score.to_json() | measured.details()
                for score, measured in zip(self.scores, self.measurements, strict=True)
            },
        }
        if self.parts is not None:
            found["by_length"] = [
                {
                    "first": each.first,
                    "last": each.last,
                    "lines": lines,
                    "scores": {score.metric: score.to_json() for score in scores},
                }
                for each, (lines, scores) in self.parts.items()
            ]
        return found


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]", help="A run or a bundle; leave it out with --hypothesis."
        ),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--source",
            metavar="FILE",
            help="Text for the model to translate, or that was translated, for COMET; give several "
            "files for more test sets.",
        ),
    ] = None,
    hypotheses: Annotated[
        list[Path] | None,
        typer.Option(
            "--hypothesis",
            metavar="FILE",
            help="A translation to measure, not a model; give several files for more test sets.",
        ),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option(
            "--reference",
            metavar="FILE",
            help="Human translation; give several files for more. Several test sets take theirs in "
            "turn, each as many.",
        ),
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            "--test-set",
            metavar="NAME:SOURCE-TARGET",
            help="A test set of sacreBLEU, as in wmt14:en-de, instead of source and references.",
        ),
    ] = None,
    metrics: MetricsOption = None,
    tokenizer: TokenizerOption = None,
    lowercase: LowercaseOption = False,
    by: Annotated[
        Literal["length"] | None,
        typer.Option(
            help="Score the lines of each length of the reference as well.", metavar="length"
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the scores by length, as .png or .svg."),
    ] = None,
    sentences: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the scores of each sentence here, as TSV."),
    ] = None,
    outputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Keep the model's translations here; one file for each test set.",
        ),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(min=1, help="Hypotheses kept per sentence.", show_default="the model's"),
    ] = None,
    form: Annotated[
        Literal["text", "markdown", "latex", "json"],
        typer.Option("--format", help="How the scores are printed."),
    ] = "text",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Score translations against references with sacreBLEU, or with COMET.

    Prints each score from 0 to 100 with its 95 % interval and its signature. Files hold detokenized
    text, one sentence per line, or are SGML or XML of WMT; `FILE:2` is a column of a table with
    tabs, `FILE:target` a named one or a field of JSON Lines.
    """
    wanted = wanted_metrics(metrics, tokenizer)
    _check_picture(picture, by)
    if as_json and form not in {"text", "json"}:
        raise typer.BadParameter(f"expected --json or --format {form}, but got both; leave one out")
    if hypotheses:
        unused = None if "comet" in wanted else sources
        _refuse_unused(model=model, source=unused, output=outputs, beam=beam)
    elif model is None or not (sources or known):
        raise typer.BadParameter(
            "expected MODEL and --source to translate, or --hypothesis with a translation"
        )
    tests = (
        _known_test_sets(known, hypotheses, sources, references, wanted, tokenizer)
        if known
        else _test_sets(hypotheses, sources or [], references or [], wanted, tokenizer)
    )
    refuse_without_source(
        wanted,
        sum(test.source is not None for test in tests),
        len(tests),
        max(len(test.truth) for test in tests),
    )
    if outputs and len(outputs) != len(tests):
        raise typer.BadParameter(
            f"expected --output once for each of {len(tests)} sources, but got {len(outputs)}"
        )
    with contextlib.nullcontext() if sentences is None else open_output(sentences) as file:
        if model is not None:
            texts = [test.source or () for test in tests]
            translations = translate_texts(model, texts, device, beam, outputs or ())
            for test, translation in zip(tests, translations, strict=True):
                test.hypotheses = translation
        for test in tests:
            warn_between(model or test.name, test.hypotheses, test.truth, lowercase)
            test.measurements = measure(
                test.hypotheses,
                test.truth,
                wanted,
                test.tokenizer,
                lowercase=lowercase,
                source=test.source,
            )
            test.scores = [each.score() for each in test.measurements]
            if by is not None:
                test.parts = _scores_by_length(test, lowercase)
        if file is not None:
            file.writelines(f"{line}\n" for line in _sentence_lines(tests))
    if picture is not None:
        _draw(tests, picture)
    if as_json or form == "json":
        typer.echo(json.dumps([test.to_json() for test in tests], indent=2, ensure_ascii=False))
    else:
        typer.echo(_as_text(tests, form))


def _test_sets(
    hypotheses: Sequence[Path] | None,
    sources: Sequence[Path],
    references: Sequence[Path],
    metrics: Sequence[MetricName],
    tokenizer: TokenizerName | None,
) -> list[TestSet]:
    """Read test sets from files."""
    tests = []
    sources_of = dict(zip(hypotheses or sources, sources, strict=False))
    for path, its in _dealt(hypotheses or sources, references):
        lines = read_text(path, "hypothesis" if hypotheses else "source")
        truth = read_references(its, path, lines, metrics, tokenizer)
        test = TestSet(str(path), list(map(str, its)), truth, tokenizer or "13a")
        if hypotheses:
            test.hypotheses = lines
            if path in sources_of:
                source = sources_of[path]
                test.source = read_text(source, "source")
                if len(test.source) != len(lines):
                    raise unequal_lines(source, len(test.source), path, len(lines))
        else:
            warn_of_copies(its, truth, path, lines)
            test.source = lines
        tests.append(test)
    return tests


def _known_test_sets(
    known: Sequence[str],
    hypotheses: Sequence[Path] | None,
    sources: Sequence[Path] | None,
    references: Sequence[Path] | None,
    metrics: Sequence[MetricName],
    tokenizer: TokenizerName | None,
) -> list[TestSet]:
    """Read test sets that sacreBLEU knows."""
    from mt.evaluation.known_test_sets import known_test_set

    if sources or references:
        raise typer.BadParameter(
            "--test-set has source and references; leave out --source and --reference"
        )
    if hypotheses and len(hypotheses) != len(known):
        raise typer.BadParameter(
            f"expected --hypothesis once for each of {len(known)} test sets, but got "
            f"{len(hypotheses)}"
        )
    tests = []
    for name, path in zip_longest(known, hypotheses or ()):
        found = known_test_set(name)
        used = tokenizer or found.tokenizer
        if "bleu" in metrics:
            refuse_missing_tokenizer(used)
        test = TestSet(str(path or name), [name], found.references, used, source=found.source)
        if path is not None:
            test.hypotheses = read_text(path, "hypothesis")
            if len(test.hypotheses) != len(found.source):
                raise unequal_lines(path, len(test.hypotheses), name, len(found.source))
        tests.append(test)
    return tests


def _scores_by_length(test: TestSet, lowercase: bool) -> "dict[Range, tuple[int, list[Score]]]":
    from mt.evaluation.breakdown import lines_by_length

    words = split_into_words(test.truth[0], test.tokenizer, lowercase)
    return {
        each: (len(lines), [one.score(lines=lines) for one in test.measurements])
        for each, lines in lines_by_length(words).items()
    }


def _check_picture(picture: Path | None, by: str | None) -> None:
    from mt.pictures import refuse_unknown_format

    if picture is None:
        return
    if by is None:
        raise typer.BadParameter("--picture shows scores by length; add --by length")
    refuse_unknown_format(picture)


def _refuse_unused(**values: object) -> None:
    given = [name for name, value in values.items() if value]
    if given:
        names = ", ".join("MODEL" if name == "model" else f"--{name}" for name in given)
        raise typer.BadParameter(f"with --hypothesis nothing is translated; leave out {names}")


def _dealt(
    paths: Sequence[Path], references: Sequence[Path]
) -> Iterator[tuple[Path, Sequence[Path]]]:
    """Give each test set its references: the first ones to the first, as many to each."""
    if not references:
        raise typer.BadParameter(
            "expected --reference with human translations, or --test-set; name one"
        )
    each, rest = divmod(len(references), len(paths))
    if rest or not each:
        raise typer.BadParameter(
            f"expected --reference as often for each of {len(paths)} test sets, but got "
            f"{len(references)} in all; name those of the first test set first. Several "
            "translations of one text: see mt compare"
        )
    for number, path in enumerate(paths):
        yield path, references[number * each : (number + 1) * each]


def _as_text(tests: Sequence[TestSet], form: TableFormat) -> str:
    blocks = []
    scores = [score for test in tests for score in test.scores]
    signed = list(dict.fromkeys((score.name, score.signature) for score in scores))
    if form == "text" and len(tests) == 1:
        blocks.append("\n".join(map(str, scores)))
    else:
        rows = [(_labels(test), test.scores) for test in tests]
        blocks.append(scores_table(["test set", "reference", "lines"], rows, form, left=2))
        blocks.append(signatures(signed, form))
    shown = slice(1 if len(tests) == 1 else 0, None)  # a single test set needs no name
    parts = [
        ([test.name, str(each), f"{lines:,}"][shown], scores)
        for test in tests
        for each, (lines, scores) in (test.parts or {}).items()
    ]
    if parts:
        heads = ["test set", "reference words", "lines"][shown]
        blocks.append(scores_table(heads, parts, form))
        other = [(score.name, score.signature) for _, row in parts for score in row]
        if set(other) - set(signed):  # parts of a few lines have no interval
            blocks.append(signatures(other, form))
    return "\n\n".join(blocks)


def _labels(test: TestSet) -> list[str]:
    return [
        test.name,
        ", ".join(test.references),
        f"{len(test.hypotheses):,}",
    ]


def _sentence_lines(tests: Sequence[TestSet]) -> Iterator[str]:
    """Write a table of sentences; the head of a score is its name and signature."""
    for number, test in enumerate(tests):
        scores = [each.sentences() for each in test.measurements]
        sides = [test.hypotheses, *test.truth]
        if test.source is not None:
            sides.append(test.source)
        if number == 0:
            heads = [f"{column[0].name}|{column[0].signature}" for column in scores]
            names = ["hypothesis", *_numbered("reference", len(test.truth))]
            if test.source is not None:
                names.append("source")
            yield "\t".join(["test set", "line", *heads, *names])
        rows = zip(zip(*scores, strict=True), zip(*sides, strict=True), strict=True)
        for line, (values, texts) in enumerate(rows, start=1):
            cells = [test.name, str(line), *(repr(score.value) for score in values), *texts]
            yield "\t".join(" ".join(cell.split("\t")).replace("\r", " ") for cell in cells)


def _numbered(name: str, count: int) -> list[str]:
    return [name if count == 1 else f"{name} {number}" for number in range(1, count + 1)]


def _draw(tests: Sequence[TestSet], path: Path) -> None:
    from mt.evaluation.picture import save_scores_by_length

    save_scores_by_length(
        {
            test.name: {each: scores for each, (_, scores) in (test.parts or {}).items()}
            for test in tests
        },
        path,
    )
