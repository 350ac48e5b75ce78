"""A corpus that is measured part by part is found to be what it is as a whole."""

import io
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.data.report import parts as parts_of
from mt.data.report.overlap import HeldOut
from mt.data.report.parts import Part, measure_part, put_together
from mt.data.report.repeats import Repeats
from mt.data.report.sample import Sample
from mt.data.report.survey import survey
from mt.text.digests import digest
from tests.parallel_text import parallel_text
from tests.unit.data.report.test_survey import LANGUAGES, Texts


def odd_pairs():
    """Pairs with blanks, copies, repeats, damage, and a line that is missing."""
    sources, targets = parallel_text(1500)
    del targets[900]
    del sources[-1]
    pairs = [*zip(sources, targets, strict=True)]
    draw = random.Random(4)
    for line in draw.sample(range(1400), 200):
        source, target = pairs[line]
        pairs[line] = draw.choice(
            [(source, " "), ("", target), ("", ""), (source, source), pairs[draw.randrange(1400)],
             (source, target * 5), (f"{source}<b>", f"fÃ¼r {target}"), (source, "Это не то."),
             ("\ud800 a 12", "b\u2028 13")]
        )  # fmt: skip
    return pairs


PAIRS = odd_pairs()
HELD = [("", "x"), *PAIRS[200:230], (PAIRS[7][0].upper(), "Neu."), ("New.", PAIRS[1200][1])]


def held_out():
    return HeldOut(Texts(*zip(*HELD, strict=True)))


@pytest.fixture(scope="module")
def whole():
    held = held_out()
    texts = Texts(*zip(*PAIRS, strict=True))
    return survey(texts, LANGUAGES, held_out=[held], processes=1), held.overlap()


def saved(part):
    file = io.BytesIO()
    part.save(file)
    file.seek(0)
    return Part.load(file)


def assert_same(found, expected):
    for name, value in vars(expected).items():
        other = getattr(found, name)
        if name in {"source", "target"}:
            assert_same(other, value)
        else:
            np.testing.assert_equal(other, value, err_msg=name)
            if isinstance(value, Counter):
                assert [*other] == [*value]


@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(0, len(PAIRS)), max_size=4))
def test_parts_give_what_the_whole_gives(whole, cuts):
    ends = [0, *sorted(cuts), len(PAIRS)]
    measured = [
        saved(measure_part(PAIRS[start:end], LANGUAGES, [held_out()]))
        for start, end in pairwise(ends)
    ]
    held = held_out()
    found = put_together("texts", LANGUAGES, measured, [held])
    assert_same(found, whole[0])
    assert held.overlap() == whole[1]


def test_shifts_are_those_of_the_whole_though_learnt_from_its_beginning(monkeypatch):
    monkeypatch.setattr("mt.data.report.shift._LEARNT_FROM", 300)
    for module in ("parts", "parallel"):
        monkeypatch.setattr(f"mt.data.report.{module}.BLOCK", 128)
    expected = survey(Texts(*zip(*PAIRS, strict=True)), LANGUAGES, processes=1)
    ends = [0, 50, 450, 1000, len(PAIRS)]
    parts = [measure_part(PAIRS[start:end], LANGUAGES) for start, end in pairwise(ends)]
    assert_same(put_together("texts", LANGUAGES, parts), expected)


def test_blocks_are_parts_too(whole, monkeypatch):
    monkeypatch.setattr(parts_of, "BLOCK", 64)
    found = put_together("texts", LANGUAGES, [measure_part(PAIRS, LANGUAGES)])
    assert_same(found, whole[0])


@pytest.mark.parametrize("most", [1 << 20, 500])
def test_merged_repeats_are_counted_exactly_or_nearly(most):
    draw = random.Random(1)
    numbers = [digest(str(draw.randint(0, 3000))) for _ in range(9000)]
    together = Repeats(most)
    for start in range(0, 9000, 1800):
        part = Repeats(most)
        part.add(np.array(numbers[start : start + 1800], np.uint64))
        together.merge(Repeats.resume(part.state, part.numbers()))
    expected = 9000 - len(set(numbers))
    assert together.count() == pytest.approx(expected, rel=0 if most > 3000 else 0.15)


def test_a_sample_is_even():
    draw = np.random.default_rng(1)
    hits = np.zeros(1000, np.int64)
    for _ in range(300):
        sample = Sample(50)
        for start in range(0, 1000, 70):
            rows = range(start, min(start + 70, 1000))
            sample.add(draw.integers(1 << 63, size=len(rows)).astype(np.uint64), rows)
        hits[sample.pairs] += 1
    assert hits.sum() == 300 * 50
    # The mean of 100 lines is 1500 with a standard deviation of about 38.
    assert np.abs(hits.reshape(10, 100).sum(axis=1) - 1500).max() < 160
