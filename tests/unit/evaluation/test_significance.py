"""Paired tests have the p-values of the sacreBLEU command line, in little memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from sacrebleu import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from mt.evaluation import measure
from mt.evaluation.resampling import shuffled_sums
from mt.evaluation.significance import TRIALS, paired_tests

METRICS = {"bleu": BLEU, "chrf": CHRF, "chrf++": lambda: CHRF(word_order=2), "ter": TER}


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("sets", [1, 2])
@pytest.mark.parametrize("seed", ["12345", "7"])
def test_p_values_are_those_of_sacrebleu(rivals, monkeypatch, metric, sets, seed):
    one, other, references = rivals
    monkeypatch.setenv("SACREBLEU_SEED", seed)
    ours = [measure(lines, references[:sets], [metric])[0] for lines in (one, other)]
    tests, score = paired_tests(*ours), ours[1].score()
    found = {}
    for kind in ("bs", "ar"):
        texts = [("one", one), ("other", other)]
        theirs = PairedTest(texts, {metric: METRICS[metric]()}, references[:sets], kind)
        signatures, results = theirs()
        found[kind] = results[score.name][1]
        assert found[kind].score == score.value
        signature = tests.bootstrap_signature if kind == "bs" else tests.randomisation_signature
        assert signature == signatures[score.name].format()
        assert tests.difference == score.value - results[score.name][0].score
    assert tests.bootstrap == found["bs"].p_value
    assert tests.randomisation == found["ar"].p_value
    # Their mean of the same resamples is rounded to float32.
    assert score.low == pytest.approx(found["bs"].mean - found["bs"].ci, abs=1e-4)
    assert score.high == pytest.approx(found["bs"].mean + found["bs"].ci, abs=1e-4)
    assert tests.bootstrap_signature == score.signature


@pytest.mark.parametrize("metric", METRICS)
def test_a_translation_does_not_differ_from_itself(rivals, metric):
    one, _, references = rivals
    (measured,) = measure(one, references, [metric])
    tests = paired_tests(measured, measured)
    assert (tests.difference, tests.randomisation) == (0, 1 / (TRIALS + 1))
    assert tests.shown(tests.randomisation) == "0.0001"
    assert tests.shown(0.0499) == "0.0499"
    assert replace(tests, difference=-0.1).shown(0.0499) == "0.0499*"
    assert replace(tests, difference=-0.1).shown(0.05) == "0.0500"


def test_either_translation_of_each_line_is_in_one_sum():
    draw = np.random.default_rng(3)
    one, other = draw.integers(9, size=(2, 45, 4)).astype(np.float64)
    both = (one + other).sum(0)
    coins = np.random.default_rng(12345).integers(2, size=(70, 45), dtype=bool)
    for (left, right), heads in zip(shuffled_sums(one, other, 70), coins, strict=True):
        assert (left == one[heads].sum(0) + other[~heads].sum(0)).all()
        assert (left + right == both).all()


def test_memory_does_not_grow_with_the_trials():
    statistics = np.ones((2000, 10))

    def peak(trials):
        tracemalloc.start()
        for _ in shuffled_sums(statistics, statistics, trials):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(640) < 1.2 * peak(64)
