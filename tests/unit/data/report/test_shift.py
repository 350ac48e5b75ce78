"""Lines that are missing or too many on one side are found, and nothing else is."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.data.report.measures import outlines
from mt.data.report.shift import Shift, ShiftDetector, _RunningSums
from tests.parallel_text import parallel_text

NEAR = 8
"""Lines that the place where a shift begins may be off."""


def detect(sources, targets, blocks=(4096,)):
    detector = ShiftDetector()
    lines, place, turn = min(len(sources), len(targets)), 0, 0
    while place < lines:
        end = min(place + blocks[turn % len(blocks)], lines)
        detector.add(outlines(sources[place:end]), outlines(targets[place:end]))
        place, turn = end, turn + 1
    return detector.finish(), detector.information


def assert_shifts(found, expected):
    assert [shift.offset for shift in found] == [offset for _, offset in expected], found
    for shift, (line, _) in zip(found, expected, strict=True):
        assert abs(shift.line - line) <= NEAR


@pytest.mark.parametrize("seed", range(2))
def test_text_in_order_has_no_shift(seed):
    found, information = detect(*parallel_text(3000, seed))
    assert found == []
    assert information > 0.5


@pytest.mark.parametrize("line", [1, 700, 1500, 2900])
def test_a_missing_target_is_found_where_it_is_missing(line):
    sources, targets = parallel_text(3000)
    del targets[line - 1]
    assert_shifts(detect(sources, targets)[0], [(line, -1)])


@pytest.mark.parametrize(("count", "offset"), [(1, 1), (2, 2), (3, 3)])
def test_targets_too_many_are_found(count, offset):
    sources, targets = parallel_text(3000)
    targets[1200:1200] = ["Something else."] * count
    assert_shifts(detect(sources, targets)[0], [(1201, offset)])


def test_a_shift_that_ends_is_found_with_its_end():
    sources, targets = parallel_text(3000)
    del sources[999]
    targets.pop(1999)
    assert_shifts(detect(sources, targets)[0], [(1000, 1), (1999, 0)])


def test_a_part_in_disorder_is_found():
    sources, targets = parallel_text(4000)
    part = targets[1500:2500]
    random.Random(3).shuffle(part)
    found, _ = detect(sources, targets[:1500] + part + targets[2500:])
    assert_shifts(found, [(1501, None), (2501, 0)])


def test_shuffled_sides_do_not_belong_together():
    sources, targets = parallel_text(3000)
    random.Random(3).shuffle(targets)
    assert detect(sources, targets)[1] < 0.05


def test_a_few_lines_allow_no_verdict():
    sources, targets = parallel_text(30)
    assert detect(sources, targets[1:]) == ([], None)


@settings(max_examples=3, deadline=None)
@given(st.lists(st.integers(5, 700), min_size=1, max_size=5))
def test_what_is_found_does_not_depend_on_the_blocks(blocks):
    sources, targets = parallel_text(1500)
    del targets[800]
    assert detect(sources, targets, blocks) == detect(sources, targets)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=9), min_size=1, max_size=4))
def test_running_sums_are_those_of_a_loop(parts):
    fast, sum_, begin, line = _RunningSums(1), 0, 0, 0
    for part in parts:
        sums = fast.add(np.array([part], float), line)
        for place, gain in enumerate(part):
            sum_ = max(0, sum_ + gain)
            begin = begin if sum_ else line + place + 1
            assert sums[0, place] == sum_
            assert fast.begin(0, line + place) == begin
        line += len(part)


@pytest.fixture(params=["tatoeba_deen de", "multi30k de", "small_parallel_enja ja"])
def real(request):
    folder, language = request.param.split()
    shared = Path(os.environ.get("MT_SHARED_DATA", "nowhere")) / folder
    if not shared.exists():
        pytest.skip(f"needs {folder} in the folder that MT_SHARED_DATA names")
    return [
        (shared / f"train.{tag}").read_text(encoding="utf-8").split("\n")[:8_000]
        for tag in ("en", language)
    ]


def test_real_text_is_in_order_until_a_line_is_taken_away(real):
    sources, targets = real
    assert detect(sources, targets)[0] == []
    del targets[5000]
    [shift] = detect(sources, targets)[0]
    assert shift == Shift(pytest.approx(5001, abs=25), -1)
