"""The one file that knows sacreBLEU: its metrics, its bootstrap and its signatures.

Nothing is computed here. A score equals the one that the ``sacrebleu`` command line prints for the
same files, and so does its signature.
"""

from collections.abc import Callable, Sequence
from typing import Any

from mt.errors import DataError, unequal_lines
from mt.evaluation.score import MetricName, Score
from mt.evaluation.surface import refuse_subwords


def evaluate(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[MetricName] = ("bleu",),
    bootstrap: int = 1000,
) -> list[Score]:
    """Compare a corpus of hypotheses with one or more sets of references.

    Args:
        hypotheses: Detokenized text, one line each; blank lines count as empty hypotheses.
        references: Each a complete set with one line per hypothesis; lines may be blank.
        metrics: What to measure.
        bootstrap: Resamples for the 95 % interval, at least 2; 0 gives no interval, nor does a
            corpus of a few lines in which resamples match nothing.

    Returns:
        One score per metric, in the order of ``metrics``.

    Raises:
        DataError: If there is nothing to compare, the counts differ, or the text is made of
            subword tokens.
        ValueError: If ``bootstrap`` is negative or 1.

    Cost: a fraction of a second per thousand lines; TER takes several seconds.
    """
    if bootstrap < 0 or bootstrap == 1:
        raise ValueError(f"bootstrap: expected 0 or at least 2 resamples, but got {bootstrap}")
    _check(hypotheses, references)
    # The command line strips the ends of lines before it measures.
    hypotheses = [line.rstrip() for line in hypotheses]
    references = [[line.rstrip() for line in lines] for lines in references]
    return [_measure(metric, hypotheses, references, bootstrap) for metric in metrics]


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
        refuse_subwords(lines, where)
    refuse_subwords(hypotheses, "evaluation: hypotheses")


def _measure(
    metric: MetricName,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    bootstrap: int,
) -> Score:
    # These take a tenth of a second to load, which `mt --help` should not pay.
    import numpy as np  # noqa: PLC0415
    from sacrebleu import BLEU, CHRF, TER  # noqa: PLC0415

    from mt.evaluation.bootstrap import resampled_sums, seed  # noqa: PLC0415

    counters: dict[MetricName, Callable[[], BLEU | CHRF | TER]] = {
        "bleu": lambda: BLEU(force=True),  # its own warning of tokenized text goes to a log
        "chrf": CHRF,
        "ter": TER,
    }
    counter: Any = counters[metric]()
    # What sacreBLEU's own `corpus_score` does in these steps it does for all resamples at once.
    statistics = counter._extract_corpus_statistics(hypotheses, references)  # noqa: SLF001
    result = counter._aggregate_and_compute(statistics)  # noqa: SLF001
    low = high = None
    if bootstrap:
        sums = resampled_sums(np.array(statistics, dtype=np.float64), bootstrap)
        try:
            result.estimate_ci([counter._compute_score_from_stats(each) for each in sums])  # noqa: SLF001
        except TypeError:
            pass  # sacreBLEU cannot average resamples without any match, which tiny corpora have
        else:
            counter.n_bootstrap, counter.seed = bootstrap, seed()
            # The interval stands in private fields, for some metrics as numpy's float32.
            mean, half_width = float(result._mean), float(result._ci)  # noqa: SLF001
            low, high = mean - half_width, mean + half_width
    return Score(metric, result.score, counter.get_signature().format(), low, high)
