"""``mt translate``: text in, text out."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from mt.cli.options import DeviceOption
from mt.devices import EngineName
from mt.files import open_output
from mt.lines import read_lines, read_stdin


def translate(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    source: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="A text file. [default: stdin]")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file. [default: stdout]")] = None,
    beam: Annotated[
        int | None, typer.Option(min=1, help="Hypotheses kept per sentence. [default: the model's]")
    ] = None,
    engine: Annotated[
        EngineName | None, typer.Option(help="What computes. [default: the model's, mostly auto]")
    ] = None,
    split: Annotated[
        bool, typer.Option("--split/--no-split", help="Translate a line sentence by sentence.")
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse text that is not UTF-8, instead of mending it.")
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Translate a text line by line: as many lines out as in, in their order, blank ones blank.

    Lines are translated as they come, so that it works in a pipe and on files of any length. The
    text may be compressed by gzip, bzip2 or xz. What holds no word is copied.
    """
    from mt.allocator import keep_freed_memory
    from mt.logs import start_logging
    from mt.translation import load_translator

    if source is not None and not source.exists():
        next(read_lines(source))  # complains before the model is loaded
    start_logging()
    keep_freed_memory()
    lines = read_lines(source, not strict) if source is not None else read_stdin(not strict)
    with contextlib.nullcontext(sys.stdout) if output is None else open_output(output) as file:
        translator = load_translator(model, device, engine)
        config = translator.config if beam is None else translator.config.with_beam(beam)
        if not split:
            config = config.model_copy(update={"split_sentences": False})
        for translation in translator.translate(lines, config):
            file.write(f"{translation.text}\n")
            if output is None:
                file.flush()
