"""Everything a report says, collected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mt.data.corpora import Corpus
from mt.data.report.characters import name, odd_characters, scripts
from mt.data.report.findings import Finding, findings
from mt.data.report.overlap import HeldOut, Overlap
from mt.data.report.parallel import Languages
from mt.data.report.survey import Survey, survey
from mt.data.report.tally import RATIO_PLACES, RATIO_STEP, Side
from mt.data.report.vocabularies import Vocabulary, try_vocabularies
from mt.errors import DataError
from mt.lines import LineNumbers


@dataclass(frozen=True)
class Report:
    """What is in some corpora, and what is wrong with them."""

    training: list[Survey]
    held_out: list[Survey]
    overlaps: list[Overlap]
    """Of held-out corpora with the training corpora."""
    vocabularies: list[Vocabulary]
    findings: list[Finding]
    """The most important first."""

    @property
    def surveys(self) -> list[Survey]:
        """All corpora, those for training first."""
        return [*self.training, *self.held_out]

    @property
    def pairs(self) -> int:
        """Training pairs."""
        return sum(each.pairs for each in self.training)

    @property
    def words(self) -> float:
        """Mean words of a training sentence, on the side with more of them."""
        totals = (sum(each.sides[side].total_words for each in self.training) for side in (0, 1))
        return max(totals) / max(1, self.pairs)

    @property
    def tried(self) -> list[tuple[int, float]]:
        """Vocabularies that were tried, with the mean tokens of a sentence on the longer side."""
        return [
            (each.size, max(each.source_tokens, each.target_tokens)) for each in self.vocabularies
        ]

    @property
    def broken(self) -> list[str]:
        """Why corpora could not be read to their ends."""
        return [each.broken for each in self.surveys if each.broken]

    def to_json(self) -> dict[str, Any]:
        """Write everything as what JSON knows."""
        return {
            "findings": [vars(each) for each in self.findings],
            "training": [_survey(each) for each in self.training],
            "held_out": [_survey(each) for each in self.held_out],
            "overlaps": [_overlap(each) for each in self.overlaps],
            "vocabularies": [vars(each) for each in self.vocabularies],
        }


def report(
    training: Sequence[Corpus],
    held_out: Sequence[Corpus],
    languages: Languages,
    *,
    vocabularies: bool = True,
    seed: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Read corpora once, those that are held out twice, and say what is worth knowing.

    Args:
        training: Corpora to learn from.
        held_out: Corpora for validation and test; their sentences are looked for in the others.
        languages: Of source and target.
        vocabularies: Whether vocabularies of several sizes are learnt from a sample.
        seed: Draws the samples.
        progress: Called with the number of pairs that were measured so far.

    Raises:
        DataError: If a held-out corpus cannot be read, or another not even at its start.
    """
    wanted = [HeldOut(each) for each in held_out]
    done = 0
    surveys: list[Survey] = []
    for corpus in (*training, *held_out):
        before = done

        def told(pairs: int, before: int = before) -> None:
            if progress:
                progress(before + pairs)

        look = wanted if len(surveys) < len(training) else ()
        found = survey(corpus, languages, held_out=look, seed=seed, progress=told)
        if not found.pairs:
            raise DataError(
                found.broken
                or f"{found.where}: expected sentence pairs, but found none; check the file"
            )
        surveys.append(found)
        done += found.pairs
    learnt, rest = surveys[: len(training)], surveys[len(training) :]
    return make_report(learnt, rest, wanted, vocabularies=vocabularies, seed=seed)


def make_report(
    training: Sequence[Survey],
    held_out: Sequence[Survey],
    wanted: Sequence[HeldOut],
    *,
    vocabularies: bool = True,
    seed: int = 1,
) -> Report:
    """Say what is worth knowing of corpora that were surveyed.

    Args:
        training: What was found in corpora to learn from.
        held_out: What was found in others.
        wanted: The latter, which were told all of the former.
        vocabularies: Whether vocabularies of several sizes are learnt from a sample.
        seed: Draws it.
    """
    sample = [pair for each in training for pair in each.sample]
    overlaps = [each.overlap() for each in wanted]
    return Report(
        list(training),
        list(held_out),
        overlaps,
        list(try_vocabularies(sample, seed)) if vocabularies else [],
        findings(training, held_out, overlaps),
    )


def _survey(it: Survey) -> dict[str, Any]:
    middle = RATIO_PLACES // 2
    return {
        "corpus": it.where,
        "languages": list(it.languages),
        "pairs": it.pairs,
        "source": _side(it.source),
        "target": _side(it.target),
        "blank": _lines(it.blank),
        "repeated": it.repeated,
        "copies": _lines(it.copies),
        "ratios": {
            f"{2 ** ((place - middle) * RATIO_STEP):.3f}": count
            for place, count in enumerate(it.ratios.tolist())
            if count
        },
        "filters": dict(it.objections.most_common()),
        "removed": it.removed,
        "suspicious": [
            {"line": each.line, "reasons": list(each.reasons), **each.pair._asdict()}
            for each in it.suspicious
        ],
        "shifts": [vars(each) for each in it.shifts],
        "information": it.information,
        "broken": it.broken,
    }


def _side(it: Side) -> dict[str, Any]:
    return {
        "words": it.total_words,
        "longest": it.longest,
        "lengths": {str(length): count for length, count in enumerate(it.words.tolist()) if count},
        "repeated": it.repeated,
        "blank": _lines(it.blank),
        "characters": len(it.characters),
        "scripts": scripts(it.characters),
        "odd_characters": {name(code): n for code, n in odd_characters(it.characters).items()},
    }


def _overlap(it: Overlap) -> dict[str, Any]:
    return {
        "corpus": it.where,
        "pairs": it.pairs,
        **{
            name: _lines(getattr(it, name))
            for name in ("same_pair", "same_source", "same_target", "near_source", "near_target")
        },
    }


def _lines(numbers: LineNumbers) -> dict[str, Any]:
    return {"count": numbers.count, "first": numbers.first}
