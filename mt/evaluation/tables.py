"""Scores as a table: for a terminal, in Markdown, or in LaTeX with booktabs."""

from collections.abc import Iterable, Sequence
from typing import Literal

from mt.evaluation.score import Score

TableFormat = Literal["text", "markdown", "latex"]

_STYLES = {"text": "simple", "markdown": "github", "latex": "latex_booktabs"}
_LATEX = {sign: rf"\{sign}" for sign in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], form: TableFormat = "text", left: int = 1
) -> str:
    """Set cells in columns.

    Args:
        heads: Names of the columns.
        rows: Cells; each row has one for each column.
        form: How it is written.
        left: Columns, from the first, that are flush left; the others are flush right.
    """
    from tabulate import tabulate  # noqa: PLC0415 - `mt --help` needs none of it

    cells = [list(row) for row in rows]
    if form == "markdown":
        cells = [[cell.replace("|", r"\|") for cell in row] for row in cells]
    sides = ["left"] * left + ["right"] * (len(heads) - left)
    written: str = tabulate(
        cells, list(heads), tablefmt=_STYLES[form], disable_numparse=True, colalign=sides
    )
    return written


def scores_table(
    heads: Sequence[str],
    rows: Iterable[tuple[Sequence[str], Sequence[Score]]],
    form: TableFormat = "text",
    left: int = 1,
) -> str:
    """Set scores in columns, with their intervals.

    Args:
        heads: Names of the columns before the scores.
        rows: Cells of these columns, and the scores of the same metrics in every row.
        form: How it is written.
        left: Columns, from the first, that are flush left.
    """
    rows = list(rows)
    names = [score.name for score in rows[0][1]]
    cells = [[*labels, *(score.number for score in scores)] for labels, scores in rows]
    return table([*heads, *names], cells, form, left)


def signatures(named: Iterable[tuple[str, str]], form: TableFormat = "text") -> str:
    """List signatures behind what they are of, each once."""
    found = list(dict.fromkeys(named))
    if form == "text":
        width = max(len(name) for name, _ in found)
        return "\n".join(f"{name:<{width}}  {signature}" for name, signature in found)
    if form == "markdown":
        return "\n".join(f"- {name}: `{signature}`" for name, signature in found)
    lines = (f"{name}: \\texttt{{{_escaped(signature)}}}" for name, signature in found)
    return "{\\footnotesize " + " \\\\\n".join(lines) + "\\par}"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)
