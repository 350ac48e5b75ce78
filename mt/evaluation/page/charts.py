"""Small charts as SVG that stands in a page; colours are classes of its style."""

from collections.abc import Sequence

from mt.evaluation.score import Score

Scale = tuple[float, float]
"""The values at the two ends of an axis."""

_WIDTH, _HEIGHT, _LEFT, _BELOW = 640, 220, 40, 24


def interval(score: Score, scale: Scale, colour: str) -> str:
    """Draw a score as a point on a line that is its interval."""
    width, height = 150, 16

    def place(value: float) -> str:
        return f"{_part(value, scale) * (width - 12) + 6:.1f}"

    line = ""
    if score.low is not None and score.high is not None:
        line = (
            f'<line class=own x1="{place(score.low)}" x2="{place(score.high)}" '
            f'y1="{height / 2}" y2="{height / 2}"/>'
        )
    return (
        f'<svg class="{colour}" width="{width}" height="{height}" role=img '
        f'aria-label="{score.number}">{line}'
        f'<circle cx="{place(score.value)}" cy="{height / 2}" r="4"/></svg>'
    )


def share(counts: tuple[int, int, int], colours: tuple[str, str]) -> str:
    """Draw wins, ties and losses as parts of a bar.

    Args:
        counts: Wins, losses, ties.
        colours: Of wins and of losses.
    """
    wins, losses, ties = (96 * count / max(sum(counts), 1) for count in counts)
    return (
        '<svg width="96" height="12" aria-hidden=true>'
        f'<rect class="{colours[0]}" width="{wins:.1f}" height="12"/>'
        f'<rect class=tie x="{wins:.1f}" width="{ties:.1f}" height="12"/>'
        f'<rect class="{colours[1]}" x="{wins + ties:.1f}" width="{losses:.1f}" height="12"/></svg>'
    )


def lines_with_intervals(
    names: Sequence[str], series: Sequence[tuple[str, Sequence[Score]]], scale: Scale
) -> str:
    """Draw scores over categories, a line for each system.

    Args:
        names: Of the categories.
        series: For each system its colour and its score in each category.
        scale: The values at the bottom and the top.
    """
    step = (_WIDTH - _LEFT) / len(names)

    def high(value: float) -> float:
        return 8 + (1 - _part(value, scale)) * (_HEIGHT - _BELOW - 16)

    parts = []
    for value in (scale[0], sum(scale) / 2, scale[1]):
        y = high(value)
        parts += [
            f'<line class=axis x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor=end>{value:.0f}</text>',
        ]
    for place, name in enumerate(names):
        x = _LEFT + (place + 0.5) * step
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor=middle>{name}</text>')
    for number, (colour, scores) in enumerate(series):
        shift = 8 * (number - (len(series) - 1) / 2)  # so that intervals stand side by side
        points = [
            (_LEFT + (place + 0.5) * step + shift, high(score.value))
            for place, score in enumerate(scores)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<g class="{colour}"><polyline points="{line}"/>')
        for (x, y), score in zip(points, scores, strict=True):
            if score.low is not None and score.high is not None:
                parts.append(
                    f'<line class=own x1="{x:.1f}" x2="{x:.1f}" y1="{high(score.low):.1f}" '
                    f'y2="{high(score.high):.1f}"/>'
                )
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{score.number}</title></circle>'
            )
        parts.append("</g>")
    return (
        f'<svg class=chart viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden=true>{"".join(parts)}</svg>'
    )


def _part(value: float, scale: Scale) -> float:
    least, largest = scale
    return (value - least) / (largest - least) if largest > least else 0.5
