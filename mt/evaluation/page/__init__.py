"""A comparison as one page that a browser opens from disk.

The page is complete in itself and has no script: style and pictures stand in it, and its policy
lets it load nothing else, from anywhere.
"""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from mt import pages
from mt.evaluation.comparison import Comparison, Example, System
from mt.evaluation.page.charts import interval, lines_with_intervals, share
from mt.evaluation.score import Score
from mt.pages import common_style, policy_digest, table


def save_page(comparison: Comparison, path: Path) -> None:
    """Write a comparison as an HTML page that is complete or absent.

    Args:
        comparison: What to show.
        path: Where.

    Raises:
        DataError: If the file cannot be written.
    """
    pages.save_page(path, page_of(comparison))


def page_of(comparison: Comparison) -> str:
    """Write a comparison as the text of an HTML page."""
    style = common_style() + files(__name__).joinpath("style.css").read_text(encoding="utf-8")
    names = [system.name for system in comparison.systems]
    count = len(comparison.references)
    return Template(files(__name__).joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(", ".join(names)),
        style=style,
        style_digest=policy_digest(style),
        lead=f"{len(comparison.baseline.hypotheses):,} lines, "
        f"{count} reference{'s' if count > 1 else ''}. The first translation is the baseline that "
        "the others are compared with.",
        systems="".join(f'<li class="{_colour(i)}">{escape(n)}</li>' for i, n in enumerate(names)),
        tokenizer=comparison.tokenizer,
        metric=comparison.baseline.scores[comparison.example_metric].name,
        scores="".join(_scores(comparison)),
        lengths="".join(_lengths(comparison)),
        words=_words(comparison),
        sentences="".join(_sentences(comparison)),
        signatures="".join(f"<p>{name}: <code>{escape(it)}</code></p>"
                           for name, it in comparison.signatures()),
    )  # fmt: skip


def _scores(comparison: Comparison) -> Iterator[str]:
    """Make a table for each metric."""
    heads = ["", "score", "", "difference", "p, bootstrap", "p, randomisation", "wins", "losses",
             "ties", ""]  # fmt: skip
    for place, metric in enumerate(comparison.baseline.scores):
        scale = _scale(system.scores[place] for system in comparison.systems)
        rows = []
        for number, system in enumerate(comparison.systems):
            score = system.scores[place]
            row = [_name(number, system), score.number, interval(score, scale, _colour(number))]
            if system.against_baseline:
                against = system.against_baseline[place]
                counts = against.wins, against.losses, against.ties
                row += [
                    f"{against.tests.difference:+.2f}",
                    against.tests.shown(against.tests.bootstrap),
                    against.tests.shown(against.tests.randomisation),
                    *(f"{each:,}" for each in counts),
                    share(counts, (_colour(number), _colour(0))),
                ]
            rows.append(row + [""] * (len(heads) - len(row)))
        yield f"<h3>{metric.name}</h3>{table(heads, rows)}"


def _lengths(comparison: Comparison) -> Iterator[str]:
    """Make a chart and a table for each metric."""
    heads = ["words", "lines", *(escape(system.name) for system in comparison.systems)]
    for place, metric in enumerate(comparison.baseline.scores):
        columns = [
            [system.by_length[part][place] for part in comparison.lines_by_length]
            for system in comparison.systems
        ]
        rows = [
            [str(part), f"{lines:,}", *(column[row].number for column in columns)]
            for row, (part, lines) in enumerate(comparison.lines_by_length.items())
        ]
        chart = lines_with_intervals(
            list(map(str, comparison.lines_by_length)),
            [(_colour(number), column) for number, column in enumerate(columns)],
            _scale(score for column in columns for score in column),
        )
        yield f"<h3>{metric.name}</h3><div class=sides>{chart}{table(heads, rows)}</div>"


def _words(comparison: Comparison) -> str:
    heads = ["occurrences", "words", *(escape(system.name) for system in comparison.systems)]
    rows = []
    for part, counts in comparison.baseline.by_frequency.items():
        values = [system.by_frequency[part].f1 for system in comparison.systems]
        shown = ["–" if value is None else f"{value:.2f}" for value in values]
        rows.append([str(part), f"{counts.reference:,}", *shown])
    return table(heads, rows)


def _sentences(comparison: Comparison) -> Iterator[str]:
    for number, system in enumerate(comparison.systems[1:], start=1):
        against = system.against_baseline[comparison.example_metric]
        for verb, examples in (("wins", against.won), ("loses", against.lost)):
            if examples:
                opened = " open" if number == 1 else ""
                yield f"<details{opened}><summary>{escape(system.name)} {verb}</summary>"
                for example in examples:
                    yield from _example(comparison, number, system, example)
                yield "</details>"


def _example(
    comparison: Comparison, number: int, system: System, example: Example
) -> Iterator[str]:
    baseline = comparison.baseline
    one, other = _marked(baseline.hypotheses[example.line], system.hypotheses[example.line])
    yield f"<dl><dt>line</dt><dd class=number>{example.line + 1:,}</dd><dd></dd>"
    if comparison.source is not None:
        yield _text("source", comparison.source[example.line])
    for lines in comparison.references:
        yield _text("reference", lines[example.line])
    for place, its, value, text in (
        (0, baseline, example.baseline, one),
        (number, system, example.system, other),
    ):
        yield f'<dt class="{_colour(place)}">{escape(its.name)}</dt>'
        yield f"<dd class=number>{value:.1f}</dd><dd dir=auto>{text}</dd>"
    yield "</dl>"


def _text(name: str, text: str) -> str:
    return f"<dt>{name}</dt><dd></dd><dd dir=auto>{escape(text)}</dd>"


def _marked(one: str, other: str) -> tuple[str, str]:
    """Mark the words in which two texts differ; characters, where no spaces separate words."""
    space = " " if " " in one + other else ""
    sides = [text.split(" ") if space else list(text) for text in (one, other)]
    marked: tuple[list[str], list[str]] = ([], [])
    for kind, *ends in SequenceMatcher(None, sides[0], sides[1], autojunk=False).get_opcodes():
        for side, found, start, end in zip(sides, marked, ends[::2], ends[1::2], strict=True):
            text = escape(space.join(side[start:end]))
            if start < end:
                found.append(text if kind == "equal" else f"<mark>{text}</mark>")
    return space.join(marked[0]), space.join(marked[1])


def _name(number: int, system: System) -> str:
    note = " <small>baseline</small>" if number == 0 else ""
    return f'<span class="{_colour(number)}">{escape(system.name)}</span>{note}'


def _colour(number: int) -> str:
    return f"c{number % 6}"


def _scale(scores: Iterable[Score]) -> tuple[float, float]:
    """Return the least and the largest end of all intervals."""
    ends = [
        end for score in scores for end in (score.low, score.value, score.high) if end is not None
    ]
    return min(ends), max(ends)
