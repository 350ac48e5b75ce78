"""``mt explain``: a translation with its attention weights, probabilities and alternatives."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mt.cli.options import DeviceOption
from mt.errors import DataError
from mt.lines import read_stdin


def explain(
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
            metavar="FILE",
            help="An .html page with everything there is to see, or the map as .png or .svg; "
            "give several files for more.",
        ),
    ] = None,
    layer: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draw the weights of one decoder layer, from 1; a page has all.",
            show_default="the mean over all",
        ),
    ] = None,
    tokens: Annotated[
        bool,
        typer.Option("--tokens", help="Show subword tokens instead of words; a page has both."),
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Translate a sentence and show the attention weights of each target word.

    Rows are target words, columns source words, `</s>` is the end mark of either: the shade of a
    cell is the weight of the decoder's cross-attention from the row's word to the column's, the
    mean over all heads.

    A page shows every layer and head, the probability of each word, and what the translation would
    have been with another token in its place.
    """
    from rich.console import Console

    from mt.allocator import keep_freed_memory, refuse_little_memory

    refuse_little_memory()
    from mt.inspection.attention import cross_attention_of
    from mt.inspection.explanation import explain_translation
    from mt.inspection.forced_decoding import force_decode
    from mt.inspection.page import save_page
    from mt.inspection.pictures import picture_for_terminal, save_picture
    from mt.logs import start_logging
    from mt.translation import load_translator

    suffixes = {path: _known_suffix(path) for path in output or ()}
    start_logging()
    keep_freed_memory()
    if sentence is None:
        sentence = next(read_stdin(), "")
    translator = load_translator(model, device, engine="torch")
    decoding = force_decode(translator, sentence, target)
    if not decoding.attention.cross and set(suffixes.values()) == {".html"}:
        drawing = "This model has no cross-attention to draw; the page shows its probabilities.\n"
    else:
        attention = cross_attention_of(decoding, layer=layer, tokens=tokens)
        console = Console()
        colour = console.color_system in {"256", "truecolor"} and not console.no_color
        with console.capture() as drawn:
            picture = picture_for_terminal(attention, console.width, colour)
            console.print(picture, soft_wrap=True)
        drawing = drawn.get()
    for path, suffix in suffixes.items():
        if suffix == ".html":
            save_page(explain_translation(translator, decoding), path, _heading(model))
        else:
            save_picture(attention, path)
    sys.stdout.write(f"{decoding.text}\n\n{drawing}")


def _heading(model: Path) -> str:
    """Name a model by its directory and its languages."""
    from mt.bundle import load_bundle
    from mt.text.words import printable

    source, target = load_bundle(model, lambda bundle: bundle.metadata.languages)
    return printable(f"{model.resolve().name} ({source} → {target})")


def _known_suffix(path: Path) -> str:
    """Return the suffix that says what to write.

    Raises:
        DataError: If it names nothing that can be written.
    """
    suffix = path.suffix.lower()
    if suffix not in {".html", ".png", ".svg"}:
        raise DataError(
            f"{path}: expected a file ending with .html, .png or .svg, but it ends with "
            f"{f'`{suffix}`' if suffix else 'no suffix'}; name it otherwise"
        )
    return suffix
