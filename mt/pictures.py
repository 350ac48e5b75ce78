"""Pictures as files: PNG or SVG, in whatever fonts are installed, complete or absent."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mt.errors import DataError
from mt.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

FORMATS = ("png", "svg")
"""Picture formats, named as the suffixes of their files."""

_DOTS_PER_INCH = 150
_FONTS = (
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Arabic",
    "Noto Sans Hebrew", "Noto Sans Devanagari", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Arial Unicode MS", "Microsoft YaHei", "PingFang SC", "Hiragino Sans",
)  # fmt: skip
"""Tried one after the other for each character, as far as they are installed."""


def save_figure(path: Path, size: tuple[float, float], draw: Callable[["Figure"], None]) -> None:
    """Draw a figure of matplotlib into a file that is complete or absent.

    Neither a display nor matplotlib's global state is used. An SVG holds its labels as text, which
    a viewer draws in its own fonts; a PNG has the characters that the fonts installed here have.

    Args:
        path: Ends with ``.png`` or ``.svg``.
        size: Width and height in inches.
        draw: Draws into the empty figure.

    Raises:
        DataError: If the suffix names no format, or the file cannot be written.
    """
    from matplotlib import rc_context  # noqa: PLC0415 - commands that draw nothing need none of it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    picture_format = refuse_unknown_format(path)
    installed = set(fontManager.get_font_names())
    fonts = [font for font in _FONTS if font in installed]
    settings = rc_context({"font.family": fonts, "svg.fonttype": "none", "svg.hashsalt": "mt"})
    with settings, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure = Figure(figsize=size)
        FigureCanvasAgg(figure)
        draw(figure)
        try:
            with atomic_file(path.resolve()) as scratch:
                figure.savefig(
                    scratch,
                    format=picture_format,
                    dpi=_DOTS_PER_INCH,
                    bbox_inches="tight",
                    metadata={"Date": None} if picture_format == "svg" else None,
                )
        except OSError as error:
            raise DataError(
                f"{path}: expected a file to write, but it cannot be opened ({error.strerror}); "
                "check the path"
            ) from None
    if picture_format == "png" and any("missing from font" in str(each.message) for each in caught):
        log.warning(
            "%s: no installed font has some of these characters, they are drawn as boxes; an .svg "
            "keeps them as text", path,
        )  # fmt: skip


def refuse_unknown_format(path: Path) -> str:
    """Return the picture format that a file's suffix names.

    Raises:
        DataError: If it names none.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise DataError(
            f"{path}: expected a picture file ending with .png or .svg, but it ends with "
            f"{f'`.{suffix}`' if suffix else 'no suffix'}; name it otherwise"
        )
    return suffix
