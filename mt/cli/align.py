"""``mt align``: word alignments from attention weights, and their error rate."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.cli.options import DeviceOption, JsonOption
from mt.devices import DeviceName
from mt.errors import unequal_lines
from mt.evaluation.alignment import (
    GoldLinks,
    Links,
    doubts_of_links,
    format_links,
    read_links,
    refuse_links_outside,
    score_links,
)
from mt.inspection.alignment.symmetry import Joining
from mt.outputs import open_output
from mt.text.words import WordKind, split_words

if TYPE_CHECKING:
    from mt.data.corpora.contract import Pair
    from mt.data.corpora.plain import PlainTextConfig
    from mt.inspection.alignment.aligner import Aligner, WeightedLinks


def align(
    model: Annotated[
        Path | None, typer.Argument(metavar="[MODEL]", help="A run or a bundle; none with --links.")
    ] = None,
    source: Annotated[Path | None, typer.Option(metavar="FILE", help="Source sentences.")] = None,
    target: Annotated[Path | None, typer.Option(metavar="FILE", help="Their translations.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where links go. [default: stdout]")
    ] = None,
    reverse: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="A model of the other direction; links get better."),
    ] = None,
    joining: Annotated[
        Joining | None,
        typer.Option(
            "--join", help="How the links of two directions are symmetrised.", show_default="joint"
        ),
    ] = None,
    words: Annotated[
        WordKind,
        typer.Option(
            help="What is a word: what spaces separate, or punctuation split off as well."
        ),
    ] = "spaces",
    view: Annotated[
        str | None,
        typer.Option(
            metavar="VIEW",
            help="Which attention weights: plain:2 is the mean over the heads of decoder layer 2, "
            "plain:2.3 its head 3; shifted:2.3 takes those of the step after the word.",
            show_default="chosen on the first pairs",
        ),
    ] = None,
    reverse_view: Annotated[
        str | None, typer.Option(metavar="VIEW", help="Which attention weights of the other model.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Leave out links of less weight.", show_default="0"),
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Write the weight of each link, as in 0-0:0.9312.")
    ] = False,
    gold: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Links that people made: print the alignment error rate instead."
        ),
    ] = None,
    gold_base: Annotated[
        int, typer.Option(min=0, max=1, help="What the gold links count words from.")
    ] = 0,
    links: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An alignment to measure, not a model.")
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Link the words of sentence pairs by the attention weights of the decoder.

    Writes a line of Pharaoh links for each pair, as in `0-0 1-2`: source word, target word, counted
    from 0. With `--gold` it prints the alignment error rate, precision and recall instead.
    """
    if as_json and gold is None:
        raise typer.BadParameter("--json is for a score; give --gold, or leave it out")
    if links is not None:
        _refuse_unused(
            {
                "MODEL": model, "--reverse": reverse, "--join": joining, "--view": view,
                "--reverse-view": reverse_view, "--threshold": threshold, "--output": output,
                "--scores": scores or None,
            }
        )  # fmt: skip
        _measure(links, gold, gold_base, words, _text(source, target), as_json)
        return
    text = _text(source, target)
    if model is None or text is None:
        raise typer.BadParameter(
            "expected MODEL, --source and --target to align, or --links with an alignment"
        )
    if reverse is None and (joining or reverse_view):
        raise typer.BadParameter("--join and --reverse-view are for two models; give --reverse")
    if gold is not None and scores and output is None:
        raise typer.BadParameter("--gold prints no links; give --output for --scores, or omit it")
    pairs: Iterable[Pair]
    if gold is None:
        _refuse_unequal(text)
        pairs, truth = text.pairs(), None
    else:
        pairs = list(text.pairs())
        truth = _read(gold, gold_base, words, source, pairs)
    aligner = _aligner(model, reverse, joining, words, view, reverse_view, threshold, device)
    aligned = aligner.align(pairs)
    if truth is None or output is not None:
        aligned = _written(aligned, output, scores)
    if truth is None:
        for _ in aligned:
            pass
    else:
        _tell([frozenset(line) for line in aligned], truth, gold_base, as_json)


def _measure(
    links: Path,
    gold: Path | None,
    base: int,
    words: WordKind,
    text: "PlainTextConfig | None",
    as_json: bool,
) -> None:
    """Score links that exist already."""
    if gold is None:
        raise typer.BadParameter("expected --gold to compare --links with")
    source = None if text is None else Path(text.source)
    pairs = None if text is None else list(text.pairs())
    truth = _read(gold, base, words, source, pairs)
    found = [line.possible for line in _read(links, 0, words, source, pairs)]
    if len(found) != len(truth):
        raise unequal_lines(gold, len(truth), links, len(found))
    _tell(found, truth, base, as_json)


def _text(source: Path | None, target: Path | None) -> "PlainTextConfig | None":
    from mt.data.corpora.plain import PlainTextConfig

    if source is None and target is None:
        return None
    if source is None or target is None:
        raise typer.BadParameter("expected --source and --target together, but got one of them")
    return PlainTextConfig(source=source, target=target)


def _refuse_unequal(text: "PlainTextConfig") -> None:
    """Read both files to their ends, where that can be done twice, before a model is loaded."""
    if all(path.is_file() or not path.exists() for path in map(Path, text.files())):
        for _ in text.pairs():
            pass


def _aligner(
    model: Path,
    reverse: Path | None,
    joining: Joining | None,
    words: WordKind,
    view: str | None,
    reverse_view: str | None,
    threshold: float | None,
    device: DeviceName,
) -> "Aligner":
    from mt.allocator import keep_freed_memory, refuse_little_memory

    refuse_little_memory()
    from mt.inspection.alignment.aligner import Aligner, AlignmentConfig
    from mt.inspection.alignment.reader import load_reader
    from mt.inspection.alignment.views import View
    from mt.logs import start_logging

    config = AlignmentConfig(
        words,
        joining or "joint",
        threshold or 0.0,
        None if view is None else View.parse(view, "--view"),
        None if reverse_view is None else View.parse(reverse_view, "--reverse-view"),
    )
    start_logging()
    keep_freed_memory()
    back = None if reverse is None else load_reader(reverse, device)
    return Aligner(load_reader(model, device), back, config)


def _written(
    aligned: Iterable["WeightedLinks"], output: Path | None, scores: bool
) -> Iterator["WeightedLinks"]:
    """Write links as they pass by."""
    with contextlib.nullcontext(sys.stdout) if output is None else open_output(output) as file:
        for line in aligned:
            file.write(_line(line, scores))
            yield line


def _line(links: "WeightedLinks", scores: bool) -> str:
    if not scores:
        return f"{format_links(frozenset(links))}\n"
    return " ".join(f"{i}-{j}:{weight:.4f}" for (i, j), weight in links.items()) + "\n"


def _read(
    path: Path, base: int, words: WordKind, source: Path | None, pairs: "list[Pair] | None"
) -> list[GoldLinks]:
    """Read links and compare them with the text, if there is one."""
    links = list(read_links(path, base))
    if source is None or pairs is None:
        return links
    if len(pairs) != len(links):
        raise unequal_lines(path, len(links), source, len(pairs))
    for number, (pair, line) in enumerate(zip(pairs, links, strict=True), start=1):
        source_words, target_words = (len(split_words(side, words)) for side in pair)
        refuse_links_outside(
            line.possible, source_words, target_words, f"{path} line {number}", base
        )
    return links


def _tell(found: Sequence[Links], truth: Sequence[GoldLinks], base: int, as_json: bool) -> None:
    for doubt in doubts_of_links(found, truth, base):
        typer.echo(f"mt: warning: {doubt}", err=True)
    score = score_links(found, truth)
    typer.echo(json.dumps(score.to_json(), indent=2) if as_json else str(score))


def _refuse_unused(values: dict[str, object]) -> None:
    given = [name for name, value in values.items() if value is not None]
    if given:
        raise typer.BadParameter(f"with --links nothing is aligned; leave out {', '.join(given)}")
