"""Scores by the length of the reference as a picture."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mt.evaluation.breakdown import Range
from mt.evaluation.score import Score
from mt.pictures import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_scores_by_length(texts: Mapping[str, Mapping[Range, Sequence[Score]]], path: Path) -> None:
    """Draw scores over the length of the reference, a panel for each metric.

    Args:
        texts: By name: scores of the same metrics in each range of lengths.
        path: Ends with ``.png`` or ``.svg``.

    Raises:
        DataError: If the suffix names no format, or the file cannot be written.
    """
    ranges = sorted({each for parts in texts.values() for each in parts}, key=lambda it: it.first)
    names = [score.name for parts in texts.values() for score in next(iter(parts.values()))]
    names = list(dict.fromkeys(names))

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for index, (axes, name) in enumerate(zip(panels, names, strict=True)):
            for number, (text, parts) in enumerate(texts.items()):
                shift = 0.12 * (number - (len(texts) - 1) / 2)  # so that intervals lie side by side
                scores = {place: parts[each][index] for place, each in enumerate(ranges)
                          if each in parts}  # fmt: skip
                places = [place + shift for place in scores]
                (line,) = axes.plot(places, [score.value for score in scores.values()], marker="o")
                line.set_label(text.replace("$", r"\$"))
                for place, score in zip(places, scores.values(), strict=True):
                    if score.low is not None and score.high is not None:
                        axes.vlines(place, score.low, score.high, color=line.get_color(), alpha=0.5)
            axes.set_xticks(range(len(ranges)), list(map(str, ranges)))
            axes.set(xlabel="words of the reference", title=name)
            axes.text(
                0.5, -0.24, _signature(texts, index), transform=axes.transAxes, ha="center",
                fontsize=6, color="grey", parse_math=False,
            )  # fmt: skip
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.3)
        if len(texts) > 1:
            panels[0].legend(frameon=False)

    save_figure(path, (5.0 * len(names), 3.4), draw)


def _signature(texts: Mapping[str, Mapping[Range, Sequence[Score]]], metric: int) -> str:
    """Return the signature of a metric that most parts share: small ones have no interval."""
    scores = (parts[metric] for ranges in texts.values() for parts in ranges.values())
    return Counter(score.signature for score in scores).most_common(1)[0][0]
