"""What ``mt evaluate`` and ``mt compare`` share: their options, and how text to score is read."""

import contextlib
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from mt.devices import DeviceName
from mt.errors import DataError, unequal_lines
from mt.evaluation import (
    MetricName,
    TokenizerName,
    doubts,
    doubts_between,
    refuse_missing_comet,
    refuse_missing_tokenizer,
    refuse_unless_text,
    suited_tokenizer,
)
from mt.outputs import open_output

if TYPE_CHECKING:
    from mt.evaluation.texts import Side


def _metric(name: str) -> str:
    if name.lower() not in get_args(MetricName):
        raise typer.BadParameter(f"expected {', '.join(get_args(MetricName))}, but got {name}")
    return name.lower()


MetricsOption = Annotated[
    list[str] | None,  # Typer takes no list of literals
    typer.Option(
        "--metric",
        parser=_metric,
        metavar="|".join(get_args(MetricName)),
        help="What to measure; give several for more.",
        show_default="bleu and chrf",
    ),
]
TokenizerOption = Annotated[
    TokenizerName | None,
    typer.Option(
        "--tokenize",
        metavar="NAME",
        help="What splits text into the words that BLEU counts: zh, ja-mecab, ko-mecab, char, "
        "flores200 or another of sacreBLEU's tokenizers.",
        show_default="13a",
    ),
]
LowercaseOption = Annotated[
    bool,
    typer.Option("--lowercase", help="Count capital letters as small ones; TER always does."),
]


def wanted_metrics(
    names: Sequence[str] | None, tokenizer: TokenizerName | None
) -> list[MetricName]:
    """Return the metrics asked for, each once, when the tokenizer fits and can be used."""
    wanted = cast("list[MetricName]", list(dict.fromkeys(names or ["bleu", "chrf"])))
    if tokenizer is not None:
        if "bleu" not in wanted:
            raise typer.BadParameter("--tokenize is for BLEU; leave it out, or add --metric bleu")
        refuse_missing_tokenizer(tokenizer)
    if "comet" in wanted:
        refuse_missing_comet()
    return wanted


def refuse_without_source(
    metrics: Sequence[MetricName], sources: int, texts: int, references: int
) -> None:
    """Refuse COMET where it has not a source and one reference for each text.

    Args:
        metrics: Those asked for.
        sources: Sources given.
        texts: Texts that are scored and need a source each.
        references: References of each.
    """
    if "comet" not in metrics:
        return
    if sources != texts:
        raise typer.BadParameter(
            f"--metric comet reads the source: expected --source {texts} times, as often as texts "
            f"are scored, but got {sources}"
        )
    if references > 1:
        raise typer.BadParameter(
            f"--metric comet reads one reference, but got {references}; name one of them"
        )


def read_text(path: Path, side: "Side") -> list[str]:
    """Read a text; what is scored must be text as people write it."""
    from mt.evaluation.texts import read_side

    lines = read_side(path, side)
    if not lines:
        raise DataError(f"{path}: expected text, but the file is empty; check the path")
    refuse_unless_text(lines, str(path))
    if side != "source":
        for doubt in doubts(lines):
            warn(path, doubt)
    return lines


def read_references(
    paths: Sequence[Path],
    other: object,
    lines: Sequence[str],
    metrics: Sequence[MetricName],
    tokenizer: TokenizerName | None,
) -> list[list[str]]:
    """Read references that have as many lines as another text, and warn of their script."""
    references = [read_text(path, "reference") for path in paths]
    for path, reference in zip(paths, references, strict=True):
        if len(reference) != len(lines):
            raise unequal_lines(path, len(reference), other, len(lines))
        _warn_of_tokenizer(path, reference, metrics, tokenizer)
    return references


def warn(where: object, doubt: str) -> None:
    """Say on stderr what makes a score mean little."""
    typer.echo(f"mt: warning: {where}: {doubt}", err=True)


def warn_between(
    name: object,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    lowercase: bool,
) -> None:
    """Warn of what makes the comparison of a translation with its references doubtful."""
    if lowercase:
        hypotheses = [line.lower() for line in hypotheses]
        references = [[line.lower() for line in lines] for lines in references]
    for doubt in doubts_between(hypotheses, references):
        warn(name, doubt)


def warn_of_copies(
    paths: Sequence[Path], references: Sequence[Sequence[str]], source: Path, sources: Sequence[str]
) -> None:
    """Notice the source, or a text that was not translated, in the place of a reference."""
    for path, lines in zip(paths, references, strict=True):
        same = sum(line == other for line, other in zip(lines, sources, strict=True))
        if 2 * same > len(lines):
            warn(
                path,
                f"expected a translation, but {same:,} of {len(lines):,} lines are the same as in "
                f"{source}; check the path",
            )


def translate_texts(
    model: Path,
    texts: Sequence[Sequence[str]],
    device: DeviceName,
    beam: int | None = None,
    outputs: Iterable[Path] = (),
) -> list[list[str]]:
    """Translate texts with a model, each into a file of its own where there are any."""
    from mt.allocator import keep_freed_memory
    from mt.logs import start_logging
    from mt.translation import load_translator

    start_logging()
    keep_freed_memory()
    translations = []
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open_output(path)) for path in outputs]
        translator = load_translator(model, device)
        config = translator.config if beam is None else translator.config.with_beam(beam)
        for text, file in zip_longest(texts, files):
            hypotheses = []
            for translation in translator.translate(text, config):
                hypotheses.append(translation.text)
                if file is not None:
                    file.write(f"{translation.text}\n")
            translations.append(hypotheses)
    return translations


def _warn_of_tokenizer(
    path: Path,
    lines: Sequence[str],
    metrics: Sequence[MetricName],
    tokenizer: TokenizerName | None,
) -> None:
    """Name the tokenizer for references that the default one does not split into words."""
    suited = suited_tokenizer(lines)
    if suited and "bleu" in metrics and tokenizer is None:
        warn(
            path,
            "expected text that BLEU's tokenizer 13a splits into words, but it seems to be "
            f"{suited[0]}; give --tokenize {suited[1]}, or --metric chrf",
        )
    spaced = {"chrf++": "chrF++", "ter": "TER"}
    counted = [name for metric, name in spaced.items() if metric in metrics]
    if suited and counted:
        warn(
            path,
            f"expected words between spaces for {' and '.join(counted)}, but it seems to be "
            f"{suited[0]}; give --metric chrf",
        )
