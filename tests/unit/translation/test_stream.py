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
    assert all(len(pool) <= 10 for pool in found)
    assert found[-1] == []


def test_lines_that_are_there_fill_their_pools():
    found = [len(pool) for pool in pools(names(57), most=10, patience=LONG)]
    assert [size for size in found if size] == [10] * 5 + [7]


def test_pools_begin_small_and_grow():
    found = [len(pool) for pool in pools(names(5000), patience=LONG)]
    assert [size for size in found if size] == [128, 512, 2048, 2048, 264]


def test_lines_that_come_one_by_one_are_not_collected_for_long():
    def trickle():
        for index in count():
            time.sleep(0.005)
            yield str(index)

    stream = pools(trickle())
    started = time.monotonic()
    found = [next(stream) for _ in range(4)]
    assert time.monotonic() - started < 5
    assert any(found)
    stream.close()


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
    assert list(stream) == [[], ["third"], []]


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

    stream = pools(broken())
    assert next(stream) == []
    with pytest.raises(KeyError, match="nothing"):
        next(stream)


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
    for pool in islice(filter(None, stream), 5):
        used += len(pool)
        settle(seen)
        # One pool waits in the queue, and one line in the hand of the reader.
        assert used < len(seen) <= used + 10 + 1
    stream.close()


def test_who_stops_listening_stops_the_reader():
    stopped = threading.Event()

    def endless():
        try:
            yield from map(str, count())
        finally:
            stopped.set()

    stream = pools(endless(), most=10)
    next(stream)
    assert not stopped.is_set()
    stream.close()
    assert stopped.wait(LONG)


def test_nothing_is_read_before_somebody_asks():
    seen = []

    def lines():
        seen.append(1)
        yield "a"

    stream = pools(lines())
    assert not seen
    assert list(stream) == [["a"], []]
