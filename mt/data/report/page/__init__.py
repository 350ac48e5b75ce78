"""A report as one page that a browser opens from disk; it has no script and loads nothing."""

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from mt import pages
from mt.data.report.characters import name, odd_characters, scripts
from mt.data.report.findings import Finding, parts_in_order
from mt.data.report.overlap import Overlap
from mt.data.report.page.charts import bar, histogram, order
from mt.data.report.report import Report
from mt.data.report.survey import Survey
from mt.data.report.tally import LONGEST, RATIO_PLACES, RATIO_STEP, Side
from mt.data.report.vocabularies import Vocabulary

_SIDES = "source", "target"
_LENGTHS = 61
"""Places of the histogram of lengths that are drawn; longer sentences stand in the last."""
_RATIOS = RATIO_PLACES // 2 - 24, RATIO_PLACES // 2 + 25
"""Places of the histogram of ratios that are drawn: from 1:8 to 8:1."""


def save_page(report: Report, recipe: str, path: Path) -> None:
    """Write a report as an HTML page that is complete or absent.

    Args:
        report: What to show.
        recipe: The text of a recipe that would suit.
        path: Where.

    Raises:
        DataError: If the file cannot be written.
    """
    pages.save_page(path, page_of(report, recipe))


def page_of(report: Report, recipe: str) -> str:
    """Write a report as the text of an HTML page; no text of a corpus can become a part of it."""
    folder = files(__name__)
    languages = escape(" → ".join(report.training[0].languages))
    style = pages.common_style() + folder.joinpath("style.css").read_text(encoding="utf-8")
    return Template(folder.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(report.training[0].where),
        style=style,
        style_digest=pages.policy_digest(style),
        lead=f"{report.pairs:,} pairs to learn from, {languages}.",
        findings="".join(map(_finding, report.findings)) or "<p>Nothing seems to be wrong.</p>",
        surveys="".join(map(_survey, report.surveys)),
        overlaps=_overlaps(report.overlaps),
        vocabularies=_vocabularies(report.vocabularies),
        recipe=escape(recipe),
    )


def _finding(it: Finding) -> str:
    return (
        f'<div class="finding {it.level}"><b class=level>{it.level}</b>'
        f"<p><b>{escape(it.title)}</b></p><p>{escape(it.meaning)}</p>"
        f"<p class=advice>{escape(it.advice)}</p></div>"
    )


def _survey(it: Survey) -> str:
    return "".join(
        (
            f"<section><h2>{escape(it.where)}</h2>",
            _counts(it),
            "<h3>Do the lines belong together?</h3>",
            order(parts_in_order(it), max(it.pairs, 1)),
            '<h3>Lengths</h3><div class="sides">',
            *(_lengths(side, language, f"c{number}")
              for number, (side, language) in enumerate(zip(it.sides, it.languages, strict=True))),
            f"</div>{_ratios(it)}",
            _letters(it),
            _filters(it),
            _suspicious(it),
            "</section>",
        )
    )  # fmt: skip


def _counts(it: Survey) -> str:
    source, target = it.sides
    pairs = max(1, it.pairs)
    rows = [
        ("pairs", f"{it.pairs:,}", ""),
        ("words", f"{source.total_words:,}", f"{target.total_words:,}"),
        ("words a sentence: mean", *(f"{each.total_words / pairs:.1f}" for each in it.sides)),
        ("half have at most", *(str(each.quantile(0.5)) for each in it.sides)),
        ("99 of 100 have at most", *(str(each.quantile(0.99)) for each in it.sides)),
        ("the longest", *(f"{each.longest:,}" for each in it.sides)),
        ("blank, the other side is not", *(f"{each.blank.count:,}" for each in it.sides)),
        ("blank on both sides", f"{it.blank.count:,}", ""),
        ("sentences that stood there before", *(f"{each.repeated:,}" for each in it.sides)),
        ("pairs that stood there before", f"{it.repeated:,}", ""),
        ("copied, not translated", f"{it.copies.count:,}", ""),
    ]  # fmt: skip
    heads = [
        "",
        *(f"{side} ({escape(tag)})" for side, tag in zip(_SIDES, it.languages, strict=True)),
    ]
    return pages.table(heads, rows)


def _lengths(side: Side, language: str, colour: str) -> str:
    counts = side.words.tolist()
    drawn = [*counts[: _LENGTHS - 1], sum(counts[_LENGTHS - 1 : LONGEST + 1])]
    names = [(place, str(place)) for place in range(0, _LENGTHS - 1, 10)]
    names.append((_LENGTHS - 2, f"{_LENGTHS - 1}+"))
    chart = histogram(drawn, names, "words of a sentence", colour)
    return f"<figure>{chart}<figcaption>{escape(language)}</figcaption></figure>"


def _ratios(it: Survey) -> str:
    first, last = _RATIOS
    step = round(1 / RATIO_STEP)
    names = [
        (place - first, f"{2**power}:1" if power > 0 else f"1:{2**-power}")
        for power in range(-3, 4)
        if first <= (place := RATIO_PLACES // 2 + power * step) < last
    ]
    counts = it.ratios.tolist()[first:last]
    chart = histogram(counts, names, "characters of the target for one of the source", "c2")
    return (
        f"<h3>Ratio of lengths</h3><figure>{chart}<figcaption>One hill is what translations look "
        "like; what stands far from it is probably none.</figcaption></figure>"
    )


def _letters(it: Survey) -> str:
    rows = []
    for side, language in zip(it.sides, it.languages, strict=True):
        shares = list(scripts(side.characters).items())[:6]
        written = ", ".join(f"{script} {share:.1%}" for script, share in shares)
        odd = list(odd_characters(side.characters).items())[:8]
        listed = ", ".join(f"{name(code)} ({count:,})" for code, count in odd)
        rows.append(
            (escape(language), escape(written), f"{len(side.characters):,}", escape(listed))
        )
    heads = ["", "letters", "different characters", "odd characters"]
    return f'<h3>Letters</h3><div class="pairs">{pages.table(heads, rows)}</div>'


def _filters(it: Survey) -> str:
    rows = [
        (escape(kind), f"{count:,}", f"{count / max(1, it.pairs):.2%}",
         bar(count / max(1, it.pairs), "c1"))
        for kind, count in it.objections.most_common()
    ]  # fmt: skip
    if not rows:
        return "<h3>What filters would remove</h3><p>Nothing.</p>"
    total = it.removed / max(1, it.pairs)
    rows.append(("any but duplicates", f"{it.removed:,}", f"{total:.2%}", bar(total, "c1")))
    return (
        "<h3>What filters would remove</h3><p>Each as if it were the only one; "
        f"<code>mt data clean</code> does it.</p>{pages.table(['filter', 'pairs', '', ''], rows)}"
    )


def _suspicious(it: Survey) -> str:
    if not it.suspicious:
        return ""
    rows = [
        (f"{each.line:,}", "<br>".join(map(escape, each.reasons)),
         *(f"<span dir=auto>{escape(text[:400])}</span>" for text in each.pair))
        for each in it.suspicious
    ]  # fmt: skip
    heads = ["line", "why", *map(escape, it.languages)]
    return (
        f"<details open><summary>The {len(rows)} most suspicious pairs</summary>"
        f'<div class="pairs">{pages.table(heads, rows)}</div></details>'
    )


def _overlaps(overlaps: list[Overlap]) -> str:
    if not overlaps:
        return ""
    rows = [
        (escape(each.where), f"{each.pairs:,}", f"{each.same_pair.count:,}",
         f"{each.same_source.count:,}", f"{each.same_target.count:,}",
         f"{each.near_source.count:,}", f"{each.near_target.count:,}")
        for each in overlaps
    ]  # fmt: skip
    heads = ["", "pairs", "pair", "source", "target", "source, nearly", "target, nearly"]
    return (
        "<section><h2>What of validation and test is in the training data</h2><p>Nearly: but for "
        f"case, punctuation and digits.</p>{pages.table(heads, rows)}</section>"
    )


def _vocabularies(tried: list[Vocabulary]) -> str:
    if not tried:
        return ""
    return f"<section><h2>Vocabularies</h2>{''.join(_tried(tried))}</section>"


def _tried(tried: list[Vocabulary]) -> Iterator[str]:
    yield (
        "<p>Tokens of a sentence with a joint vocabulary learnt from a sample. More pieces make "
        "shorter sentences and a larger model; a token that spells a single byte stands for a "
        "rare character.</p>"
    )
    heads = ["pieces", "tokens of a source", "of a target", "bytes among them", "seconds to learn"]
    yield pages.table(
        heads,
        [
            (f"{each.size:,}", f"{each.source_tokens:.1f}", f"{each.target_tokens:.1f}",
             f"{each.bytes:.3%}", f"{each.seconds:.1f}")
            for each in tried
        ],
    )  # fmt: skip
