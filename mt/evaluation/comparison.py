"""Translations of the same text compared: with a baseline, by sentence, by length, by word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mt.evaluation.breakdown import Range, WordCounts, lines_by_length, words_by_frequency
from mt.evaluation.metrics import Measurement, measure, split_into_words
from mt.evaluation.score import MetricName, Score, TokenizerName, higher_is_better
from mt.evaluation.significance import PairedTests, paired_tests

EXAMPLES = 20
"""Sentences that are kept of each kind: those that a system wins and loses by most."""


@dataclass(frozen=True)
class Example:
    """A line of which two translations score differently."""

    line: int
    """Counted from 0."""
    baseline: float
    system: float


@dataclass(frozen=True)
class AgainstBaseline:
    """How a system compares with the baseline, measured by one metric."""

    tests: PairedTests
    wins: int
    """Sentences of which the system's translation scores better."""
    losses: int
    ties: int
    won: tuple[Example, ...]
    """The sentences that the system wins by most, the largest difference first."""
    lost: tuple[Example, ...]


@dataclass(frozen=True)
class System:
    """A translation and what was measured of it."""

    name: str
    hypotheses: Sequence[str]
    scores: Sequence[Score]
    """For each metric."""
    by_length: Mapping[Range, Sequence[Score]]
    """For each metric, by the length of the reference in words."""
    by_frequency: Mapping[Range, WordCounts]
    """By how often a word occurs in the reference."""
    against_baseline: Sequence[AgainstBaseline]
    """For each metric; empty for the baseline itself."""


@dataclass(frozen=True)
class Comparison:
    """Several translations of a text; the first is the baseline of the others."""

    systems: Sequence[System]
    references: Sequence[Sequence[str]]
    tokenizer: TokenizerName
    """What splits text into the words that are counted."""
    lines_by_length: Mapping[Range, int]
    source: Sequence[str] | None = None

    @property
    def baseline(self) -> System:
        """The first system."""
        return self.systems[0]

    @property
    def example_metric(self) -> int:
        """The place of the metric that examples are shown of: chrF, or else the first.

        Of a single sentence, BLEU says little: most have no n-gram of four words in common with
        their reference, or all.
        """
        metrics = [score.metric for score in self.baseline.scores]
        return metrics.index("chrf") if "chrf" in metrics else 0

    def signatures(self) -> list[tuple[str, str]]:
        """Return the signature of each metric with either test, behind its name."""
        pairs = zip(self.baseline.scores, self.systems[1].against_baseline, strict=True)
        return [
            named
            for score, against in pairs
            for named in (
                (score.name, against.tests.bootstrap_signature),
                (f"{score.name}, randomisation", against.tests.randomisation_signature),
            )
        ]

    def to_json(self) -> dict[str, Any]:
        """Return everything for a JSON file, values unrounded, lines counted from 1."""
        return {
            "baseline": self.baseline.name,
            "lines": len(self.baseline.hypotheses),
            "references": len(self.references),
            "tokenizer": self.tokenizer,
            "systems": [self._system(system) for system in self.systems],
        }

    def _system(self, system: System) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": system.name,
            "scores": {score.metric: score.to_json() for score in system.scores},
            "by_length": [
                {
                    "first": each.first,
                    "last": each.last,
                    "lines": self.lines_by_length[each],
                    "scores": {score.metric: score.to_json() for score in scores},
                }
                for each, scores in system.by_length.items()
            ],
            "by_frequency": [
                {"first": each.first, "last": each.last, **vars(counts), "f1": counts.f1}
                for each, counts in system.by_frequency.items()
            ],
        }
        if system.against_baseline:
            found["against_baseline"] = {
                score.metric: {
                    **against.tests.to_json(),
                    "wins": against.wins,
                    "losses": against.losses,
                    "ties": against.ties,
                    "won": [self._example(system, each) for each in against.won],
                    "lost": [self._example(system, each) for each in against.lost],
                }
                for score, against in zip(system.scores, system.against_baseline, strict=True)
            }
        return found

    def _example(self, system: System, example: Example) -> dict[str, Any]:
        texts = {} if self.source is None else {"source": self.source[example.line]}
        return {
            "line": example.line + 1,
            "baseline_score": example.baseline,
            "score": example.system,
            **texts,
            "references": [lines[example.line] for lines in self.references],
            "baseline": self.baseline.hypotheses[example.line],
            "hypothesis": system.hypotheses[example.line],
        }


def compare(
    systems: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    metrics: Sequence[MetricName],
    tokenizer: TokenizerName = "13a",
    *,
    lowercase: bool = False,
    source: Sequence[str] | None = None,
) -> Comparison:
    """Compare translations of a text with the first of them.

    Args:
        systems: Translations by name, at least two; a line for each line of the references.
        references: Each a complete set.
        metrics: What to measure.
        tokenizer: What splits text into words, for ``bleu``, for lengths and frequencies.
        lowercase: Whether letters count as the same in either case.
        source: What was translated, to show beside the sentences that differ; ``comet`` reads it.

    Raises:
        DataError: As :func:`mt.evaluation.evaluate` does.

    Cost: about two seconds for each metric and system of a thousand lines, TER more.
    """
    words = split_into_words(references[0], tokenizer, lowercase)
    parts = lines_by_length(words)
    baseline: Sequence[Measurement] = ()
    found = []
    for name, hypotheses in systems.items():
        measured = measure(
            hypotheses, references, metrics, tokenizer, lowercase=lowercase, source=source
        )
        found.append(
            System(
                name,
                hypotheses,
                [each.score() for each in measured],
                {part: [each.score(lines=lines) for each in measured]
                 for part, lines in parts.items()},
                words_by_frequency(split_into_words(hypotheses, tokenizer, lowercase), words),
                [against_baseline(*pair) for pair in zip(baseline, measured, strict=True)]
                if baseline else [],
            )
        )  # fmt: skip
        baseline = baseline or measured
    counts = {part: len(lines) for part, lines in parts.items()}
    return Comparison(found, references, tokenizer, counts, source)


def against_baseline(baseline: Measurement, system: Measurement) -> AgainstBaseline:
    """Compare two translations of the same lines, measured by the same metric."""
    sign = 1 if higher_is_better(system.metric) else -1
    pairs = zip(baseline.sentences(), system.sentences(), strict=True)
    examples = [Example(line, one.value, other.value) for line, (one, other) in enumerate(pairs)]

    def gain(example: Example) -> float:
        return sign * (example.system - example.baseline)

    won = sorted((each for each in examples if gain(each) > 0), key=gain, reverse=True)
    lost = sorted((each for each in examples if gain(each) < 0), key=gain)
    return AgainstBaseline(
        paired_tests(baseline, system),
        len(won),
        len(lost),
        len(examples) - len(won) - len(lost),
        tuple(won[:EXAMPLES]),
        tuple(lost[:EXAMPLES]),
    )
