"""Paired tests of the difference between two translations, as sacreBLEU computes them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from mt.evaluation.metrics import Measurement
from mt.evaluation.resampling import resampled_sums, seed, shuffled_sums

RESAMPLES = 1000
"""Of the paired bootstrap."""
TRIALS = 10_000
"""Of the approximate randomisation."""


@dataclass(frozen=True)
class PairedTests:
    """The difference of two scores, and how probable one as large is by chance.

    A p-value is two-sided and of one comparison: it is not corrected where several are made.
    """

    difference: float
    """The score less that of the baseline."""
    bootstrap: float
    """The p-value of the paired bootstrap (Koehn 2004)."""
    randomisation: float
    """The p-value of the approximate randomisation (Riezler and Maxwell 2005)."""
    bootstrap_signature: str
    randomisation_signature: str

    def shown(self, p_value: float) -> str:
        """Write one of the p-values, with ``*`` where it is below 0.05.

        Translations that do not differ at all have the least p-value there is, since sacreBLEU
        counts larger differences alone; these are left unmarked.
        """
        return f"{p_value:.4f}{'*' if p_value < 0.05 and self.difference else ''}"

    def to_json(self) -> dict[str, float | str]:
        """Return the fields for a JSON file, values unrounded."""
        return {
            "difference": self.difference,
            "p_bootstrap": self.bootstrap,
            "p_randomisation": self.randomisation,
            "signature_bootstrap": self.bootstrap_signature,
            "signature_randomisation": self.randomisation_signature,
        }


def paired_tests(baseline: Measurement, system: Measurement) -> PairedTests:
    """Test whether two translations of the same lines differ, measured by the same metric.

    Both p-values are those that the ``sacrebleu`` command line prints with ``--paired-bs`` and
    ``--paired-ar``, in memory that does not grow with the number of trials.
    """
    difference = system.value() - baseline.value()
    return PairedTests(
        difference,
        _p_value(_bootstrap(baseline, system), difference),
        _p_value(_randomisation(baseline, system), difference),
        system.signature(bs=RESAMPLES, seed=seed()),
        system.signature(ar=TRIALS, seed=seed()),
    )


def _bootstrap(baseline: Measurement, system: Measurement) -> Float64[np.ndarray, " resamples"]:
    both = np.hstack([_floats(baseline), _floats(system)])
    width = both.shape[1] // 2
    scores = [
        (baseline.value_of(sums[:width]), system.value_of(sums[width:]))
        for sums in resampled_sums(both, RESAMPLES)
    ]
    ours, theirs = (np.array(column) for column in zip(*scores, strict=True))
    differences = np.abs(theirs - ours)
    return np.asarray(differences - differences.mean())


def _randomisation(baseline: Measurement, system: Measurement) -> Float64[np.ndarray, " trials"]:
    kind = np.array(baseline.statistics).dtype  # counts stay whole numbers, which BLEU asks for
    scores = [
        (baseline.value_of(one.astype(kind)), system.value_of(other.astype(kind)))
        for one, other in shuffled_sums(_floats(baseline), _floats(system), TRIALS)
    ]
    ones, others = (np.array(column) for column in zip(*scores, strict=True))
    return np.asarray(np.abs(ones - others))


def _floats(measurement: Measurement) -> Float64[np.ndarray, "lines counts"]:
    return np.array(measurement.statistics, dtype=np.float64)


def _p_value(found: Float64[np.ndarray, " trials"], difference: float) -> float:
    return (int(np.sum(found > abs(difference))) + 1) / (len(found) + 1)
