"""The one file that knows sacreBLEU: how its metrics count and sign, which test sets it has.

Nothing is computed here. A score equals the one that the ``sacrebleu`` command line prints for the
same files, and so does its signature. COMET, which sacreBLEU lacks, is resampled and signed as its
metrics are.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mt.errors import DataError, unequal_lines
from mt.evaluation.score import MetricName, Score, TokenizerName
from mt.evaluation.surface import refuse_unless_text

if TYPE_CHECKING:
    from sacrebleu import BLEU, CHRF


PART = 1000
"""Lines that are counted at once."""


def evaluate(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[MetricName] = ("bleu",),
    bootstrap: int = 1000,
    tokenizer: TokenizerName = "13a",
    *,
    lowercase: bool = False,
    source: Sequence[str] | None = None,
) -> list[Score]:
    """Compare a corpus of hypotheses with one or more sets of references.

    Args:
        hypotheses: Detokenized text, one line each; blank lines count as empty hypotheses.
        references: Each a complete set with one line per hypothesis; lines may be blank.
        metrics: What to measure.
        bootstrap: Resamples for the 95 % interval, at least 2; 0 gives no interval, nor does a
            corpus of a few lines in which resamples match nothing.
        tokenizer: What splits text into the words that ``bleu`` counts.
        lowercase: Whether letters count as the same in either case; for ``ter`` they always do, for
            ``comet`` never.
        source: What was translated, which ``comet`` reads as well.

    Returns:
        One score per metric, in the order of ``metrics``.

    Raises:
        DataError: If there is nothing to compare, the counts differ, something is no plain text
            (:func:`~mt.evaluation.surface.refuse_unless_text`), or the tokenizer or COMET is not
            installed, or COMET is not given a source and one set of references.
        ValueError: If ``bootstrap`` is negative or 1.

    Cost: a fraction of a second per thousand lines; TER takes several seconds.
    """
    measurements = measure(
        hypotheses, references, metrics, tokenizer, lowercase=lowercase, source=source
    )
    return [measurement.score(bootstrap) for measurement in measurements]


def measure(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[MetricName],
    tokenizer: TokenizerName = "13a",
    *,
    lowercase: bool = False,
    source: Sequence[str] | None = None,
) -> list["Measurement"]:
    """Count, line by line, what scores are made of; see :func:`evaluate`.

    Raises:
        DataError: As :func:`evaluate` does.
    """
    _check(hypotheses, references)
    # The command line strips the ends of lines before it measures.
    hypotheses = [line.rstrip() for line in hypotheses]
    references = [[line.rstrip() for line in lines] for lines in references]
    measurements = []
    for metric in metrics:
        if metric == "comet":
            measurements.append(_measure_comet(hypotheses, references, source))
            continue
        counter = _counter(metric, tokenizer, lowercase)
        # In parts: sacreBLEU keeps the n-grams of all references that it is given, which takes
        # 25 MB for a thousand lines and chrF.
        statistics: list[list[float]] = []
        for first in range(0, len(hypotheses), PART):
            part = slice(first, first + PART)
            statistics += counter._extract_corpus_statistics(  # noqa: SLF001
                hypotheses[part], [lines[part] for lines in references]
            )
        measurements.append(Measurement(metric, statistics, counter))
    return measurements


@dataclass(frozen=True)
class Measurement:
    """What one metric counted in each line of a translation, and the scores that come of it."""

    metric: MetricName
    statistics: list[list[float]]
    """Of each line: sums over lines are what a score is computed from."""
    counter: Any
    """The metric of sacreBLEU that counted."""

    def score(self, bootstrap: int = 1000, lines: Sequence[int] | None = None) -> Score:
        """Return the score of a corpus.

        Args:
            bootstrap: Resamples for the 95 % interval, at least 2; 0 gives none.
            lines: The corpus: lines counted from 0, at least one. ``None``: all.

        Raises:
            ValueError: If ``bootstrap`` is negative or 1.
        """
        # These take a tenth of a second to load, which `mt --help` should not pay.
        import numpy as np  # noqa: PLC0415

        from mt.evaluation.resampling import resampled_sums, seed  # noqa: PLC0415

        if bootstrap < 0 or bootstrap == 1:
            raise ValueError(f"bootstrap: expected 0 or at least 2 resamples, but got {bootstrap}")
        statistics = self.statistics if lines is None else [self.statistics[i] for i in lines]
        result = self.counter._aggregate_and_compute(statistics)  # noqa: SLF001
        low = high = None
        signature = self.signature()
        if bootstrap:
            sums = resampled_sums(np.array(statistics, dtype=np.float64), bootstrap)
            try:
                result.estimate_ci([self.counter._compute_score_from_stats(each) for each in sums])  # noqa: SLF001
            except TypeError:
                pass  # sacreBLEU cannot average resamples without a match, as tiny corpora have
            else:
                signature = self.signature(bs=bootstrap, seed=seed())
                # The interval stands in private fields, for some metrics as numpy's float32.
                mean, half_width = float(result._mean), float(result._ci)  # noqa: SLF001
                low, high = self._bounded(mean - half_width), self._bounded(mean + half_width)
        return Score(self.metric, self._bounded(result.score), signature, low, high)

    def details(self) -> dict[str, Any]:
        """Return what the score of all lines is made of, by the names that sacreBLEU gives it.

        ``bleu``: precisions of n-grams, brevity penalty, lengths in words and their ratio; ``ter``:
        edits and the length of the reference; the others: nothing.
        """
        names = {
            "bleu": ("precisions", "bp", "ratio", "sys_len", "ref_len"),
            "ter": ("num_edits", "ref_length"),
        }
        result = self.counter._aggregate_and_compute(self.statistics)  # noqa: SLF001
        return {name: getattr(result, name) for name in names.get(self.metric, ())}

    def value_of(self, sums: Any) -> float:
        """Return the score that the summed statistics of a corpus make, as sacreBLEU rounds it."""
        score: float = self.counter._compute_score_from_stats(sums).score  # noqa: SLF001
        return score

    def value(self) -> float:
        """Return the score of all lines, as sacreBLEU rounds it: BLEU may exceed 100 by a bit."""
        score: float = self.counter._aggregate_and_compute(self.statistics).score  # noqa: SLF001
        return score

    def sentences(self) -> list[Score]:
        """Return the score of each line by itself.

        BLEU of a sentence counts n-grams up to its length alone (``eff:yes``), as the command line
        does with ``--sentence-level``.
        """
        counter = copy.copy(self.counter)
        counter.effective_order = True  # what other metrics have not, they do not read
        signature = counter.get_signature().format()
        return [
            Score(
                self.metric,
                self._bounded(counter._compute_score_from_stats(each).score),  # noqa: SLF001
                signature,
            )
            for each in self.statistics
        ]

    def signature(self, **trials: int | str) -> str:
        """Write the settings that give these scores again, and the trials of a test."""
        signature = self.counter.get_signature()
        for name, value in trials.items():
            signature.update(name, value)
        return str(signature.format())

    def _bounded(self, value: float) -> float:
        """Keep a value on its scale: sacreBLEU's BLEU of equal text is 100.00000000000004.

        An interval, which is symmetric around its mean, may reach further. COMET has no scale.
        """
        if self.metric == "comet":
            return value
        return max(value if self.metric == "ter" else min(value, 100.0), 0.0)


def split_into_words(
    lines: Sequence[str], tokenizer: TokenizerName = "13a", lowercase: bool = False
) -> list[list[str]]:
    """Split text into the words that ``bleu`` counts.

    Raises:
        DataError: If the tokenizer is not installed.
    """
    split = _bleu(tokenizer, lowercase)._preprocess_segment  # noqa: SLF001
    return [split(line).split() for line in lines]


def refuse_missing_tokenizer(tokenizer: TokenizerName) -> None:
    """Refuse a tokenizer that cannot be used here; called where much comes before scores.

    Raises:
        DataError: If a package or a model that it needs is not there.
    """
    _bleu(tokenizer, lowercase=False)


def sacrebleu_test_sets() -> dict[str, Any]:
    """Return the test sets that sacreBLEU knows, by name."""
    from sacrebleu.dataset import DATASETS  # noqa: PLC0415

    return DATASETS


def _check(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if not hypotheses or not references:
        raise DataError(
            "evaluation: expected hypotheses and references, but found "
            f"{len(hypotheses)} hypotheses and {len(references)} sets of references"
        )
    for number, lines in enumerate(references, start=1):
        where = f"evaluation: reference {number}"
        if len(lines) != len(hypotheses):
            raise unequal_lines(where, len(lines), "the hypotheses", len(hypotheses))
        refuse_unless_text(lines, where)
    refuse_unless_text(hypotheses, "evaluation: hypotheses")


def _measure_comet(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], source: Sequence[str] | None
) -> Measurement:
    from mt.evaluation.comet import MODEL, comet_scores, comet_version  # noqa: PLC0415

    if source is None or len(references) > 1:
        raise DataError(
            "--metric comet: expected the source and one reference, but found "
            f"{'no source' if source is None else f'{len(references)} references'}; name "
            f"{'it with --source' if source is None else 'one of them'}"
        )
    if len(source) != len(hypotheses):
        raise unequal_lines("evaluation: source", len(source), "the hypotheses", len(hypotheses))
    scores = comet_scores(source, hypotheses, references[0])
    signed = {"model": MODEL, "version": comet_version()}
    return Measurement("comet", [[score, 1.0] for score in scores], _MeanOfLines("COMET", signed))


class _MeanOfLines:
    """What a :class:`Measurement` asks of a metric of sacreBLEU, for one that is a mean over lines.

    Its statistics are the score of a line and a 1.
    """

    def __init__(self, name: str, signed: Mapping[str, str]) -> None:
        """Name it, and give what its signature says."""
        self._name, self._signed = name, signed

    def get_signature(self) -> Any:
        from sacrebleu.metrics.base import Signature  # noqa: PLC0415

        signature = Signature({"num_refs": 1})
        signature.info |= self._signed
        return signature

    def _compute_score_from_stats(self, sums: Sequence[float]) -> Any:
        from sacrebleu.metrics.base import Score as SacreBleuScore  # noqa: PLC0415

        total, lines = sums
        return SacreBleuScore(self._name, float(total / lines))

    def _aggregate_and_compute(self, statistics: Sequence[Sequence[float]]) -> Any:
        return self._compute_score_from_stats(
            [math.fsum(column) for column in zip(*statistics, strict=True)]
        )


def _counter(metric: MetricName, tokenizer: TokenizerName, lowercase: bool) -> Any:
    from sacrebleu import CHRF, TER  # noqa: PLC0415

    if metric == "bleu":
        return _bleu(tokenizer, lowercase)
    if metric == "ter":
        return TER()
    return CHRF(word_order=2 if metric == "chrf++" else 0, lowercase=lowercase)


def _bleu(tokenizer: TokenizerName, lowercase: bool) -> "BLEU":
    """Make sacreBLEU's BLEU with a tokenizer, which may need a package or a download."""
    from sacrebleu import BLEU  # noqa: PLC0415

    try:
        # Its warning of tokenized text goes to a log; ours does not.
        return BLEU(tokenize=tokenizer, lowercase=lowercase, force=True)
    except (ImportError, RuntimeError):
        language = tokenizer.removesuffix("-mecab")
        raise DataError(
            f"tokenizer: expected what {tokenizer} needs, but it is not installed; run: "
            f"pip install 'sacrebleu[{language}]'"
        ) from None
    except OSError as error:
        raise DataError(
            f"tokenizer: expected the model of {tokenizer}, but sacreBLEU cannot download it "
            f"({error}); connect to the internet, or choose another"
        ) from None


def sentence_chrf(hypothesis: str, reference: str) -> float:
    """Return the chrF of one sentence, on 0–100."""
    return float(_chrf().sentence_score(hypothesis, [reference]).score)


@cache
def _chrf() -> "CHRF":
    from sacrebleu import CHRF  # noqa: PLC0415

    return CHRF()
