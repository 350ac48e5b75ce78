"""``mt translate``: text in, text out."""

import contextlib
import itertools
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mt.cli.options import (
    BeamOption,
    DeviceOption,
    EngineOption,
    EnsembleOption,
    ResumeOption,
    TagOption,
    TranslationOverridesOption,
)
from mt.cli.requests import translation_request, with_search
from mt.devices import DeviceName, OutputFormat
from mt.errors import DataError
from mt.files import sha256
from mt.lines import count_lines, read_lines, read_stdin
from mt.outputs import keep_whole_groups, open_output

if TYPE_CHECKING:
    from mt.cli.progress import Progress
    from mt.inspection.alignment.aligner import Aligner
    from mt.translation import ConstrainedLine, Translation

_GROUPS = {"tsv": lambda line: line.partition("\t")[0]}
"""What lines of a source line have in common, in the formats that may have several."""
_ALIGNED_AT_ONCE = 128
"""Lines of a file: the first of them choose the layer and head that links are read from."""
_SHOWN = 80
"""Characters of the first line by which a text is known when a run is resumed."""


def translate(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[INPUT]",
            help="A text file; of a .jsonl file the field `source` or `text`, and what `prefix`, "
            "`terms` and `forbidden` ask of the line. [default: stdin]",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file. [default: stdout]")] = None,
    resume: ResumeOption = False,
    beam: BeamOption = None,
    nbest: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Translations of a line, the best first. [default: the model's, mostly 1]",
        ),
    ] = None,
    form: Annotated[
        OutputFormat, typer.Option("--format", help="What a line of output is.")
    ] = "text",
    scores: Annotated[
        bool, typer.Option("--scores", help="Add log-probabilities; in JSON of each word.")
    ] = False,
    alignment: Annotated[
        bool, typer.Option("--alignment", help="Add links between words, as `mt align` does.")
    ] = False,
    tag: TagOption = None,
    glossary: Annotated[
        Path | None,
        typer.Option(metavar="TSV", help="Terms that translations must use: source, tab, target."),
    ] = None,
    forbid: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Words that translations must not hold, one a line."),
    ] = None,
    ensemble: EnsembleOption = None,
    overrides: TranslationOverridesOption = None,
    split: Annotated[
        bool, typer.Option("--split/--no-split", help="Translate a line sentence by sentence.")
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse text that is not UTF-8, instead of mending it.")
    ] = False,
    engine: EngineOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Translate a text line by line: as many lines out as in, in their order, blank ones blank.

    Lines are translated as they come, so that it works in a pipe and on files of any length. The
    text may be compressed by gzip, bzip2, xz or zstd. What holds no word is copied. A line of `tsv`
    is one translation: number of the source line, rank, scores and links if asked for, text.
    """
    from mt.allocator import keep_freed_memory
    from mt.logs import start_logging
    from mt.requests import keep_request
    from mt.translation import load_translator
    from mt.translation.constraints import read_forbidden
    from mt.translation.glossary import Glossary
    from mt.translation.output import source_of, write_lines, written_fields
    from mt.translation.tagging import tagger

    _refuse_what_text_cannot_hold(form, (nbest or 1) > 1 or scores or alignment)
    if resume and (output is None or source is None):
        raise typer.BadParameter("--resume needs INPUT and --output as files")
    if source is not None and not source.exists():
        next(read_lines(source))  # complains before the model is loaded
    terms = None if glossary is None else Glossary.read(glossary)
    forbidden = [] if forbid is None else read_forbidden(forbid)
    start_logging()
    keep_freed_memory()
    with contextlib.ExitStack() as stack:
        file, done = sys.stdout, 0
        if output is not None:
            file = stack.enter_context(open_output(output, resume))
            done = keep_whole_groups(file, _GROUPS.get(form)) if resume else 0
        translator = load_translator(
            model, device, engine=engine, overrides=overrides or (), ensemble=ensemble or ()
        )
        tagged = tagger(translator.tokenizers.source, tag)
        config = with_search(translator.config, beam, nbest)
        config = config.changed(
            token_log_probabilities=scores, split_sentences=split and config.split_sentences
        )
        added = written_fields(config, scores, alignment) if form == "jsonl" else ()
        sources, waiting = _sources(source, strict, added), deque[Mapping[str, Any]]()
        if output is not None:
            first = list(itertools.islice(sources, 1))
            sources = itertools.chain(first, sources)
            listed = {"--glossary": glossary, "--forbid": forbid}
            request = {
                **translation_request(translator, config), "--tag": tag, "--format": form,
                "--alignment": alignment,
                "the first line": [source_of(each)[:_SHOWN] for each in first],
                **{name: sha256(path) for name, path in listed.items() if path and path.is_file()},
            }  # fmt: skip
            keep_request(file, output, request)
        aligner = _aligner(model, device) if alignment else None
        show = None if output is None else stack.enter_context(_progress(source, done))
        _skip(sources, done, source)
        lines = map(tagged, _remembered(sources, waiting))
        found = stack.enter_context(
            contextlib.closing(
                translator.translate(lines, config, itertools.count(done + 1), terms, forbidden)
            )
        )
        at_once = _ALIGNED_AT_ONCE if aligner and source else 1
        while batch := list(itertools.islice(found, at_once)):
            fields = [waiting.popleft() for _ in batch]
            links = _links(aligner, fields, batch) if aligner else itertools.repeat(None)
            for each in zip(fields, batch, links, strict=False):
                done += 1
                file.write(write_lines(form, done, *each, scores=scores))
            if show is None:
                file.flush()
            else:
                show(done)


def _refuse_what_text_cannot_hold(form: OutputFormat, more: bool) -> None:
    if form == "text" and more:
        raise typer.BadParameter(
            "a line of text has no room for --nbest, --scores or --alignment; add --format jsonl "
            "or tsv"
        )


def _sources(
    source: Path | None, strict: bool, added: Collection[str]
) -> Iterator[Mapping[str, Any]]:
    """Read what is to be translated, each line with the fields that come with it.

    Args:
        source: The file; ``None``: stdin.
        strict: Refuse what is not UTF-8.
        added: The fields that a translation gets, which none may have before.
    """
    from mt.translation.output import read_objects

    lines = read_lines(source, not strict) if source is not None else read_stdin(not strict)
    if source is not None and {".jsonl", ".ndjson"} & {each.lower() for each in source.suffixes}:
        return read_objects(lines, str(source), added)
    return ({"source": line} for line in lines)


def _skip(sources: Iterator[Mapping[str, Any]], done: int, source: Path | None) -> None:
    """Pass over the lines that an interrupted run has translated."""
    passed = sum(1 for _ in itertools.islice(sources, done))
    if passed < done:
        raise DataError(
            f"{source}: expected the text whose translation is resumed, but it has {passed:,} "
            f"lines and {done:,} are translated; start anew without --resume"
        )


def _remembered(
    sources: Iterable[Mapping[str, Any]], waiting: deque[Mapping[str, Any]]
) -> "Iterator[str | ConstrainedLine]":
    """Give what is translated, and keep the fields until the translations come."""
    from mt.translation.output import line_of

    for fields in sources:
        waiting.append(fields)
        yield line_of(fields)


def _progress(source: Path | None, done: int) -> "AbstractContextManager[Progress]":
    from mt.cli.progress import lines_progress

    total = None
    if source is not None and source.is_file():
        with contextlib.suppress(DataError):  # what is mended is not counted
            total = count_lines(source)
    return lines_progress("translating", total, done)


def _aligner(model: Path, device: DeviceName) -> "Aligner":
    from mt.inspection.alignment.aligner import Aligner
    from mt.inspection.alignment.reader import load_reader

    return Aligner(load_reader(model, device))


def _links(
    aligner: "Aligner", fields: Sequence[Mapping[str, Any]], translations: Sequence["Translation"]
) -> Iterator[str]:
    from mt.data.corpora.contract import Pair
    from mt.evaluation.alignment import format_links
    from mt.translation.output import source_of

    pairs = [
        Pair(source_of(source), translation.text)
        for source, translation in zip(fields, translations, strict=True)
    ]
    return (format_links(frozenset(links)) for links in aligner.align(pairs))
