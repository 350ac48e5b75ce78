"""``mt attention``: what a translation looked at."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mt.cli.options import DeviceOption
from mt.files import decode_lines


def attention(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    sentence: Annotated[
        str | None, typer.Argument(help="What to translate. [default: the first line of stdin]")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A translation to explain.", show_default="the model's"),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Draw it as .png or .svg, too; give several files for more."
        ),
    ] = None,
    layer: Annotated[
        int | None,
        typer.Option(min=1, help="A decoder layer, from 1.", show_default="the mean over all"),
    ] = None,
    pieces: Annotated[
        bool, typer.Option("--pieces", help="Show subword pieces instead of words.")
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Translate a sentence and draw where the decoder looked as it wrote each word.

    Rows are target words, columns source words, `</s>` the end of either: the darker a cell, the
    more the row's word looked at the column's.
    """
    from rich.console import Console

    from mt.inspection import (
        cross_attention_of,
        picture_for_terminal,
        refuse_unknown_format,
        save_picture,
    )
    from mt.logs import start_logging
    from mt.translation import load_translator

    for path in output or ():
        refuse_unknown_format(path)
    start_logging()
    if sentence is None:
        sentence = next(decode_lines(sys.stdin.buffer, "stdin"), "")
    seen = cross_attention_of(
        load_translator(model, device), sentence, target, layer=layer, pieces=pieces
    )
    console = Console()
    colour = console.color_system in {"256", "truecolor"} and not console.no_color
    with console.capture() as drawn:
        console.print(picture_for_terminal(seen, console.width, colour), soft_wrap=True)
    sys.stdout.write(f"{seen.text}\n\n{drawn.get()}")
    for path in output or ():
        save_picture(seen, path)
