"""The loops, small; long by hand: see docs/reliability.md."""

import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="limits and signals are those of Unix"),
]
ROUNDS = {
    "kill": 1,
    "resume": 1,
    "full": 1,
    "memory": 2,
    "flip": 3,
    "together": 1,
    "fuzz": 1,
    "bulk": 1,
}


@pytest.mark.parametrize("name", ROUNDS)
def test_what_is_promised_is_kept(tmp_path, name):
    from tests.reliability.loops import LOOPS  # imports what Windows lacks

    found = LOOPS[name](tmp_path, ROUNDS[name], seed=1)
    assert found.counts
    assert not found.broken
    assert ROUNDS.keys() == LOOPS.keys()
