"""The one file that knows sacreBLEU: its metrics, its bootstrap and its signatures.

Nothing is computed here. A score equals the one that the ``sacrebleu`` command line prints for the
same files, and so does its signature.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mt.errors import DataError, unequal_lines
from mt.evaluation.score import MetricName, Score, TokenizerName
from mt.evaluation.surface import refuse_unless_text

if TYPE_CHECKING:
    from sacrebleu import BLEU


def evaluate(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[MetricName] = ("bleu",),
    bootstrap: int = 1000,
    tokenizer: TokenizerName = "13a",
) -> list[Score]:
    """Compare a corpus of hypotheses with one or more sets of references.

    Args:
        hypotheses: Detokenized text, one line each; blank lines count as empty hypotheses.
        references: Each a complete set with one line per hypothesis; lines may be blank.
        metrics: What to measure.
        bootstrap: Resamples for the 95 % interval, at least 2; 0 gives no interval, nor does a
            corpus of a few lines in which resamples match nothing.
        tokenizer: What splits text into the words that ``bleu`` counts.

    Returns:
        One score per metric, in the order of ``metrics``.

    Raises:
        DataError: If there is nothing to compare, the counts differ, something is no plain text
            (:func:`~mt.evaluation.surface.refuse_unless_text`), or the tokenizer is not installed.
        ValueError: If ``bootstrap`` is negative or 1.

    Cost: a fraction of a second per thousand lines; TER takes several seconds.
    """
    if bootstrap < 0 or bootstrap == 1:
        raise ValueError(f"bootstrap: expected 0 or at least 2 resamples, but got {bootstrap}")
    _check(hypotheses, references)
    # The command line strips the ends of lines before it measures.
    hypotheses = [line.rstrip() for line in hypotheses]
    references = [[line.rstrip() for line in lines] for lines in references]
    return [_measure(metric, hypotheses, references, bootstrap, tokenizer) for metric in metrics]


def refuse_missing_tokenizer(tokenizer: TokenizerName) -> None:
    """Refuse a tokenizer that cannot be used here; called where much comes before scores.

    Raises:
        DataError: If a package or a model that it needs is not there.
    """
    _bleu(tokenizer)


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


def _measure(
    metric: MetricName,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    bootstrap: int,
    tokenizer: TokenizerName,
) -> Score:
    # These take a tenth of a second to load, which `mt --help` should not pay.
    import numpy as np  # noqa: PLC0415
    from sacrebleu import CHRF, TER  # noqa: PLC0415

    from mt.evaluation.bootstrap import resampled_sums, seed  # noqa: PLC0415

    others = {"chrf": CHRF, "ter": TER}
    counter: Any = _bleu(tokenizer) if metric == "bleu" else others[metric]()
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
            low, high = _bounded(mean - half_width, metric), _bounded(mean + half_width, metric)
    return Score(
        metric, _bounded(result.score, metric), counter.get_signature().format(), low, high
    )


def _bounded(value: float, metric: MetricName) -> float:
    """Keep a value on its scale: sacreBLEU's BLEU of equal text is 100.00000000000004.

    An interval, which is symmetric around its mean, may reach further.
    """
    return max(value if metric == "ter" else min(value, 100.0), 0.0)


def _bleu(tokenizer: TokenizerName) -> "BLEU":
    """Make sacreBLEU's BLEU with a tokenizer, which may need a package or a download."""
    from sacrebleu import BLEU  # noqa: PLC0415

    try:
        return BLEU(tokenize=tokenizer, force=True)  # its warning of tokenized text goes to a log
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
