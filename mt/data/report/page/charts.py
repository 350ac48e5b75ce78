"""Charts as SVG that stands in a page; colours are classes of its style."""

from collections.abc import Sequence

_WIDTH, _HEIGHT, _BELOW = 560, 150, 34


def histogram(
    counts: Sequence[int], names: Sequence[tuple[int, str]], axis: str, colour: str
) -> str:
    """Draw how often values occur.

    Args:
        counts: For each place from the left.
        names: Places that are named below, with their names.
        axis: What the values are.
        colour: The class of the bars.
    """
    step, highest = _WIDTH / len(counts), max(*counts, 1)
    floor = _HEIGHT - _BELOW
    bars = "".join(
        f'<rect x="{place * step:.1f}" y="{floor - high:.1f}" width="{max(step - 0.6, 0.6):.1f}" '
        f'height="{high:.1f}"/>'
        for place, count in enumerate(counts)
        if (high := (floor - 6) * count / highest) > 0.05
    )
    labels = "".join(
        f'<text x="{(place + 0.5) * step:.1f}" y="{floor + 13}" text-anchor="middle">{name}</text>'
        for place, name in names
    )
    return (
        f'<svg class="chart {colour}" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">{bars}'
        f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{floor}" y2="{floor}"/>{labels}'
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 5}" text-anchor="middle">{axis}</text></svg>'
    )


def bar(share: float, colour: str) -> str:
    """Draw a share of the whole."""
    return (
        f'<svg class="{colour}" width="120" height="12" aria-hidden="true">'
        f'<rect class="tie" width="120" height="12"/>'
        f'<rect width="{120 * min(1.0, share):.1f}" height="12"/></svg>'
    )


def order(parts: Sequence[tuple[int, int, int | None]], lines: int) -> str:
    """Draw a corpus from its first line to its last, and how far the sides are apart in it."""
    width, height = _WIDTH, 44
    marks = []
    for first, last, offset in parts:
        begin, end = ((line - 1) / lines * width for line in (first, last + 1))
        kind = "good" if offset == 0 else "lost" if offset is None else "bad"
        text = {"good": "in order", "lost": "no translations"}.get(kind, f"shifted by {offset}")
        marks.append(
            f'<rect class="{kind}" x="{begin:.1f}" width="{max(end - begin, 2):.1f}" y="4" '
            f'height="18"><title>lines {first:,} to {last:,}: {text}</title></rect>'
        )
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="order of the lines">'
        f'{"".join(marks)}<text x="0" y="38">line 1</text>'
        f'<text x="{width}" y="38" text-anchor="end">line {lines:,}</text></svg>'
    )
