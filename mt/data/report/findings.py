"""What a survey means, in words for somebody who has texts and wants a translation model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mt.data.report.characters import name, odd_characters, scripts
from mt.data.report.overlap import Overlap
from mt.data.report.survey import Survey
from mt.data.report.tally import Side
from mt.lines import LineNumbers

Level = Literal["problem", "warning", "note"]
"""``problem``: a model trained on this will be bad, or seem better than it is. ``warning``: worth a
look before training. ``note``: good to know."""
_ORDER: tuple[Level, ...] = ("problem", "warning", "note")

_NAMED_RANGES = 3
_UNRELATED = 0.05
"""Nats a line below which nothing shows that lines belong together. Shuffled corpora of 500 lines
have 0.03, the least that was seen of one in order is 0.14."""
_ENOUGH = 500
"""Lines from which on that can be told."""
_FEW_PAIRS = 10_000
_SPACED = re.compile(r"\w [.,](?: |$)")


@dataclass(frozen=True)
class Finding:
    """Something worth knowing about a corpus."""

    level: Level
    title: str
    """What was found, with numbers."""
    meaning: str
    """What that does to a model."""
    advice: str
    """What to do."""


def findings(
    training: Sequence[Survey], held_out: Sequence[Survey] = (), overlaps: Sequence[Overlap] = ()
) -> list[Finding]:
    """Say what is worth knowing, the most important first.

    Args:
        training: Surveys of corpora to learn from.
        held_out: Surveys of corpora for validation and test.
        overlaps: Of the latter with the former.
    """
    found = [each for overlap in overlaps for each in _overlap(overlap)]
    surveys = [*training, *held_out]
    for survey in surveys:
        prefix = f"{survey.where}: " if len(surveys) > 1 else ""
        found += (replace(each, title=prefix + each.title) for each in _of(survey))
    pairs = sum(survey.pairs for survey in training)
    if pairs < _FEW_PAIRS:
        found.append(
            Finding(
                "warning",
                f"There are only {pairs:,} pairs to learn from.",
                "A model that starts from nothing needs tens of thousands of pairs before it "
                "writes sentences, and hundreds of thousands before it writes good ones.",
                "Add more text of the same kind, or any text of the same two languages.",
            )
        )
    return sorted(found, key=lambda each: _ORDER.index(each.level))


def spoiling(training: Sequence[Survey], overlaps: Sequence[Overlap]) -> list[Finding]:
    """Say what spoils a training or its validation, the most important first; no notes.

    Args:
        training: Surveys of corpora to learn from.
        overlaps: Of held-out corpora with them.
    """
    found = [each for overlap in overlaps for each in _overlap(overlap)]
    for survey in training:
        found += [*_order(survey), *_blanks(survey), *_copies(survey)]
    serious = [each for each in found if each.level != "note"]
    return sorted(serious, key=lambda each: _ORDER.index(each.level))


def _of(survey: Survey) -> Iterator[Finding]:
    """Look at everything in turn, the most important first within a level."""
    if survey.broken:
        yield Finding(
            "problem", f"It cannot be read to its end: {survey.broken}.",
            f"What is said here is about the {survey.pairs:,} pairs before.",
            "Mend this first; nothing can be trained on it as it is.",
        )  # fmt: skip
    yield from _order(survey)
    yield from _scripts(survey)
    yield from _blanks(survey)
    yield from _encoding(survey)
    yield from _copies(survey)
    yield from _repeats(survey)
    yield from _tokenised(survey)
    share = survey.removed / max(1, survey.pairs)
    if share > 0.05:
        yield Finding(
            "warning", f"The filters would remove {share:.0%} of the pairs.",
            "So many odd pairs cost training time, and a model learns from them what it should "
            "not write.",
            "Look at the most suspicious pairs below; `mt data clean` writes what the filters "
            "leave, with a reason for each pair that goes.",
        )  # fmt: skip


def _order(survey: Survey) -> Iterator[Finding]:
    """Say where the sides are shifted, or that they do not belong together at all."""
    ranges = parts_in_order(survey)
    lost = sum(last - first + 1 for first, last, offset in ranges if offset is None)
    knows = survey.information is not None and survey.pairs >= _ENOUGH
    unrelated = knows and (survey.information or 0) < _UNRELATED
    if unrelated or lost > survey.pairs / 2:
        yield Finding(
            "problem", "The two sides hardly look like translations of each other.",
            "Neither lengths nor numbers, names or punctuation of a line fit those of its "
            "partner: one side was sorted or shuffled by itself, or is another text.",
            "Compare the first and the last lines of both sides, and get the files anew.",
        )  # fmt: skip
        return
    moved = [each for each in ranges if each[2] != 0]
    for first, last, offset in moved[:_NAMED_RANGES]:
        lines = f"From about line {first:,} to line {last:,}"
        if last == survey.pairs:
            lines = f"From about line {first:,} on"
        if offset is None:
            yield Finding(
                "problem", f"{lines} the sides hardly look like translations of each other.",
                "These pairs are probably in disorder, or belong to other partners, and teach a "
                "model nonsense.",
                f"Look at line {first:,} of both sides; mend the order, or leave these lines out.",
            )  # fmt: skip
        else:
            ahead = "back" if offset < 0 else "ahead"
            missing = "missing from the target, or one too many in the source"
            if offset > 0:
                missing = "missing from the source, or one too many in the target"
            yield Finding(
                "problem",
                f"{lines} the target is {abs(offset)} line{'s' * (abs(offset) > 1)} {ahead}: line "
                f"{first + 10:,} of the source belongs to line {first + 10 + offset:,} of the "
                "target.",
                "Every pair there is wrong, and a model learns nothing but nonsense from them.",
                f"Compare both sides around line {first:,}: a line is {missing}. Mend it, and "
                "check again.",
            )  # fmt: skip
    if len(moved) > _NAMED_RANGES:
        yield Finding(
            "problem", f"{len(moved) - _NAMED_RANGES} more parts are shifted or in disorder.",
            "The order of the two sides is not to be relied upon.",
            "Mend the first of them and check again; better, get the files anew.",
        )  # fmt: skip


def parts_in_order(survey: Survey) -> list[tuple[int, int, int | None]]:
    """List the first and the last line of each part of the corpus, and its offset."""
    begins = [1, *(shift.line for shift in survey.shifts)]
    ends = [*(shift.line - 1 for shift in survey.shifts), survey.pairs]
    offsets = [0, *(shift.offset for shift in survey.shifts)]
    return [each for each in zip(begins, ends, offsets, strict=True) if each[1] >= each[0]]


def _scripts(survey: Survey) -> Iterator[Finding]:
    count = survey.objections["script"]
    if count <= 0.01 * survey.pairs:
        return
    written = "; ".join(
        f"{side} ({language}): {_shares(its)}"
        for side, language, its in zip(
            ("source", "target"), survey.languages, survey.sides, strict=True
        )
    )
    many = count > survey.pairs / 2
    yield Finding(
        "problem" if many else "warning",
        f"{count:,} pairs have a side in letters that its language is not written in.",
        f"The letters are, {written}.",
        "Are the files, or --source and --target, in the wrong order?"
        if many
        else "`mt data clean` removes them.",
    )


def _shares(side: Side) -> str:
    parts = [f"{share:.0%} {script}" for script, share in scripts(side.characters).items()]
    return ", ".join(parts[:3]) or "no letters"


def _blanks(survey: Survey) -> Iterator[Finding]:
    for side, blank in (("source", survey.source.blank), ("target", survey.target.blank)):
        if blank.count:
            yield Finding(
                "problem" if blank.count > 0.01 * survey.pairs else "warning",
                f"The {side} is blank, but not the other side, in {blank}.",
                "A sentence has lost its partner. Training leaves such pairs out; but they often "
                "show that something went wrong when the files were made.",
                "Look whether the lines around them still belong together.",
            )  # fmt: skip
    if survey.blank.count:
        yield Finding(
            "note", f"Both sides are blank in {survey.blank}.",
            "Training leaves them out.", "Nothing needs to be done.",
        )  # fmt: skip


def _encoding(survey: Survey) -> Iterator[Finding]:
    if count := survey.objections["encoding"]:
        yield Finding(
            "warning" if count > 0.001 * survey.pairs else "note",
            f"{count:,} pairs hold damaged characters, as in `fÃ¼r` for `für`.",
            "The text was once read in the wrong encoding; a model learns to write the same.",
            "Get the files anew as UTF-8 if you can; else `mt data clean` removes these pairs.",
        )
    odd = odd_characters(survey.source.characters + survey.target.characters)
    if odd:
        listed = ", ".join(f"{name(code)} ({count:,})" for code, count in list(odd.items())[:3])
        yield Finding(
            "note", f"There are characters that cannot be seen or stand for none: {listed}.",
            "A few do no harm.", "Nothing needs to be done unless they are many.",
        )  # fmt: skip


def _copies(survey: Survey) -> Iterator[Finding]:
    share = survey.copies.count / max(1, survey.pairs)
    if survey.copies.count:
        yield Finding(
            "problem" if share > 0.1 else "warning" if share > 0.01 else "note",
            f"The source stands untranslated in the target in {survey.copies}.",
            "A model that sees many copies learns to copy: a few per cent of them harm it "
            "(Khayrallah and Koehn 2018).",
            "`mt data clean` removes them.",
        )


def _repeats(survey: Survey) -> Iterator[Finding]:
    share = survey.repeated / max(1, survey.pairs)
    if survey.repeated:
        yield Finding(
            "warning" if share > 0.1 else "note",
            f"{survey.repeated:,} pairs ({share:.1%}) stood in the corpus before.",
            "What is repeated is learnt at the cost of the rest, and the corpus is smaller than "
            "it seems.",
            "`mt data clean` keeps the first of each.",
        )


def _tokenised(survey: Survey) -> Iterator[Finding]:
    for side, lines in zip(("source", "target"), zip(*survey.sample, strict=True), strict=False):
        spaced = sum(bool(_SPACED.search(line)) for line in lines)
        if spaced > len(lines) / 2:
            yield Finding(
                "warning",
                f"The {side} has spaces before its full stops and commas: it was cut into words.",
                "The model will write such spaces, and expects them in what it is given.",
                "Train on the text as people write it, if you can get it.",
            )


def _overlap(overlap: Overlap) -> Iterator[Finding]:
    if overlap.same_pair.count:
        yield _leak(overlap, overlap.same_pair, "pairs", "")
    for side, same, near in (
        ("source", overlap.same_source, overlap.near_source),
        ("target", overlap.same_target, overlap.near_target),
    ):
        if near.count > overlap.same_pair.count:
            but = ", but for case, punctuation and digits" if near.count > same.count else ""
            yield _leak(overlap, near, f"{side} sentences", but)


def _leak(overlap: Overlap, lines: LineNumbers, what: str, but: str) -> Finding:
    share = lines.count / max(1, overlap.pairs)
    return Finding(
        "problem" if share > 0.05 else "warning" if share > 0.005 else "note",
        f"{lines.count:,} of {overlap.pairs:,} {what} of {overlap.where} are in the training data "
        f"too{but}: {lines}.",
        "A model is measured by sentences it has seen: its score will be too high, and training "
        "stops at the wrong time.",
        "Take them out of the training data, or let `mt data split` divide the corpus without "
        "such overlap.",
    )
