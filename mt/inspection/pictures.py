"""Draw attention as a heat map: in the terminal, or as a PNG or SVG file.

Rows are target words, columns source words; the stronger a shade, the larger the attention weight
of the row's word to the column's. Shades reach from 0 to the largest weight of the picture, which a
legend gives.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from mt.pictures import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mt.inspection.attention import AttentionMap

_SHADES = ("· ", "░░", "▒▒", "▓▓", "██")
"""From nothing to the largest weight, legible without colour."""
_BLUES = (255, 195, 153, 117, 75, 39, 33, 27, 20, 18)
"""The same as 256-colour codes, light to dark. Every cell is painted, also the lightest, so that
the terminal's own background does not matter."""
_LONGEST_LABEL = 20
"""Terminal cells that a word may take."""

_CELL_INCHES, _MOST_INCHES = 0.4, 24.0


def picture_for_terminal(attention: "AttentionMap", width: int = 80, colour: bool = True) -> Text:
    """Draw a heat map in characters.

    Each source word hangs above its own column, so that it reads from left to right. A sentence too
    wide for the terminal continues in a second map below the first.

    Args:
        attention: What to draw.
        width: Terminal cells in a line.
        colour: Use 256 colours; otherwise five shades of grey that survive plain text.
    """
    rows = [_shortened(word) for word in attention.target]
    columns = [_shortened(word) for word in attention.source]
    indent = max(cell_len(word) for word in rows) + 1
    weights = [[float(weight) for weight in row] for row in attention.weights]
    largest = max(map(max, weights))
    lines: list[Text] = []
    first = 0
    while first < len(columns):
        end = _last_that_fits(columns, first, width - indent)
        for column in range(first, end):
            bars = "│ " * (column - first)
            lines.append(Text(f"{'':{indent}}{bars}┌ {columns[column]}"))
        for word, row in zip(rows, weights, strict=True):
            line = Text(" " * (indent - 1 - cell_len(word)) + word + " ")
            for weight in row[first:end]:
                line.append_text(_cell(weight / largest, colour))
            if not colour:
                line.rstrip()
            lines.append(line)
        lines.append(Text())
        first = end
    lines.append(_legend(largest, colour))
    return Text("\n").join(lines)


def save_picture(attention: "AttentionMap", path: Path) -> None:
    """Draw a heat map into a file that is complete or absent.

    Args:
        attention: What to draw.
        path: Ends with ``.png`` or ``.svg``.

    Raises:
        DataError: If the suffix names no format, or the file cannot be written.
    """
    height, width = attention.weights.shape
    cell = min(_CELL_INCHES, _MOST_INCHES / max(height, width))
    points = 72 * cell * 0.38

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((0, 0, cell * width / (cell * width + 1), 1))
        image = axes.imshow(attention.weights.numpy(), cmap="Blues", vmin=0, aspect="auto")
        axes.set_xticks(
            range(width), attention.source, rotation=45, ha="left", rotation_mode="anchor",
            fontsize=points, parse_math=False,
        )  # fmt: skip
        axes.set_yticks(range(height), attention.target, fontsize=points, parse_math=False)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03, aspect=30)
        bar.set_label("attention weight", fontsize=points)
        bar.ax.tick_params(labelsize=points)
        bar.outline.set_visible(False)

    save_figure(path, (cell * width + 1, cell * height), draw)


def _shortened(word: str) -> str:
    if cell_len(word) <= _LONGEST_LABEL:
        return word
    return set_cell_size(word, _LONGEST_LABEL - 1).rstrip() + "…"


def _last_that_fits(columns: Sequence[str], first: int, room: int) -> int:
    """Return the end of the longest run of columns from ``first`` that fits, at least one."""
    end = first
    while end < len(columns) and 2 * (end - first) + 2 + cell_len(columns[end]) <= room:
        end += 1
    return max(end, first + 1)


def _cell(share: float, colour: bool) -> Text:
    """Draw one cell, two characters wide, which is about a square."""
    if colour:
        code = _BLUES[min(int(share * len(_BLUES)), len(_BLUES) - 1)]
        return Text("  ", Style(bgcolor=f"color({code})"))
    return Text(_SHADES[min(int(share * len(_SHADES)), len(_SHADES) - 1)])


def _legend(largest: float, colour: bool) -> Text:
    steps = len(_BLUES if colour else _SHADES)
    scale = Text("attention weight 0 ")
    for step in range(steps):
        scale.append_text(_cell((step + 0.5) / steps, colour))
    return scale.append(f" {largest:.2f}")
