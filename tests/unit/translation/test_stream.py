import threading
import time
from itertools import chain, count, islice

import pytest

from mt.translation.stream import pools

LONG = 10.0
"""Seconds that no test waits unless it fails."""


def names(number):
    return [f"line {index}" for index in range(number)]


@pytest.mark.parametrize("number", [0, 1, 2, 9, 10, 11, 20, 57])
def test_every_line_comes_once_and_in_order(number):
    found = list(pools(names(number), most=10))
    assert list(chain(*found)) == names(number)
    assert all(1 <= len(pool) <= 10 for pool in found)


def test_lines_that_are_there_fill_their_pools():
    assert [len(pool) for pool in pools(names(57), most=10, patience=LONG)] == [10] * 5 + [7]


def test_what_is_there_is_not_kept_waiting_for_what_is_not():
    more = threading.Event()

    def slow():
        yield "first"
        yield "second"
        assert more.wait(LONG)
        yield "third"

    stream = pools(slow(), patience=0.2)
    started = time.monotonic()
    assert next(stream) == ["first", "second"]
    assert time.monotonic() - started < LONG / 2
    more.set()
    assert list(stream) == [["third"]]


def test_an_error_comes_after_the_lines_before_it():
    def broken():
        yield from names(13)
        raise ValueError("line 14")

    found = []
    with pytest.raises(ValueError, match="line 14"):
        for pool in pools(broken(), most=5):
            found += pool
    assert found == names(13)


def test_an_error_at_once_is_an_error():
    def broken():
        raise KeyError("nothing")
        yield

    with pytest.raises(KeyError, match="nothing"):
        next(pools(broken()))


def settle(seen):
    """Wait until the reader has stopped."""
    before, deadline = -1, time.monotonic() + LONG
    while len(seen) != before and time.monotonic() < deadline:
        before = len(seen)
        time.sleep(0.1)


def test_reading_is_never_more_than_two_pools_ahead():
    seen = []

    def endless():
        for index in count():
            seen.append(index)
            yield str(index)

    used = 0
    stream = pools(endless(), most=10, patience=LONG)
    for pool in islice(stream, 5):
        used += len(pool)
        settle(seen)
        # One pool waits in the queue, and one line in the hand of the reader.
        assert used < len(seen) <= used + 10 + 1
    stream.close()


def test_who_stops_listening_stops_the_reader():
    before = threading.active_count()
    stream = pools((str(index) for index in count()), most=10)
    next(stream)
    assert threading.active_count() == before + 1
    stream.close()
    deadline = time.monotonic() + LONG
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_nothing_is_read_before_somebody_asks():
    seen = []

    def lines():
        seen.append(1)
        yield "a"

    stream = pools(lines())
    assert not seen
    assert list(stream) == [["a"]]
