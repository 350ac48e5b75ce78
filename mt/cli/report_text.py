"""A report on corpora as text for a terminal."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mt.evaluation.tables import table

if TYPE_CHECKING:
    from mt.data.report import Finding, Report
    from mt.data.report.survey import Survey

SHOWN = 5
"""Suspicious pairs that the terminal shows; a page shows more."""
_WIDTH = 88
_MOST = 120
"""Characters of a sentence that are shown."""


def as_text(report: "Report") -> Iterator[str]:
    """Write a report, paragraph by paragraph."""
    for survey in report.surveys:
        yield _survey(survey)
    yield "What is worth knowing" if report.findings else "Nothing seems to be wrong."
    for finding in report.findings:
        yield finding_text(finding)
    for survey in report.surveys:
        if survey.objections:
            yield f"What each filter would remove, of {survey.where}\n\n" + _filters(survey)
        if survey.suspicious:
            yield f"Most suspicious pairs, of {survey.where}\n\n" + _suspicious(survey)
    if report.vocabularies:
        yield "Tokens of a sentence, by the size of a joint vocabulary\n\n" + table(
            ["pieces", "source", "target", "bytes among them"],
            [
                [f"{each.size:,}", f"{each.source_tokens:.1f}", f"{each.target_tokens:.1f}",
                 f"{each.bytes:.3%}"]
                for each in report.vocabularies
            ],
        )  # fmt: skip


def finding_text(finding: "Finding") -> str:
    """Write a finding: what, what it means, what to do."""
    text = f"{finding.level.upper()}: {finding.title}\n{finding.meaning}\n→ {finding.advice}"
    return "\n".join(
        textwrap.fill(
            line, _WIDTH, initial_indent="  " * (number > 0), subsequent_indent="  ",
            break_long_words=False, break_on_hyphens=False,
        )
        for number, line in enumerate(text.splitlines())
    )  # fmt: skip


def _survey(it: "Survey") -> str:
    sides = it.sides
    means = [f"{side.total_words / max(1, it.pairs):.1f}" for side in sides]
    rows = [
        ["words", *(f"{side.total_words:,}" for side in sides)],
        ["words a sentence", *means],
        ["99 of 100 have at most", *(f"{side.quantile(0.99)}" for side in sides)],
        ["the longest", *(f"{side.longest:,}" for side in sides)],
        ["blank, the other side is not", *(f"{side.blank.count:,}" for side in sides)],
        ["stood there before", *(f"{side.repeated:,}" for side in sides)],
    ]
    head = f"{it.where}: {it.pairs:,} pairs, {it.repeated:,} of them repeated, "
    head += f"{it.copies.count:,} not translated"
    return f"{head}\n\n{table(['', *it.languages], rows)}"


def _filters(it: "Survey") -> str:
    rows = [
        [kind, f"{count:,}", f"{count / max(1, it.pairs):.2%}"]
        for kind, count in it.objections.most_common()
    ]
    return table(["filter", "pairs", "share"], rows)


def _suspicious(it: "Survey") -> str:
    return "\n".join(
        f"line {each.line:,}: {'; '.join(each.reasons)}\n"
        + "\n".join(f"  {_short(text)}" for text in each.pair)
        for each in it.suspicious[:SHOWN]
    )


def _short(text: str) -> str:
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return shown if len(shown) <= _MOST else shown[: _MOST - 1] + "…"
