"""The log of a run."""

import logging
from pathlib import Path

import pytest

from mt.logs import ROOT, logged_to

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="a file without room is Linux's")
def test_a_log_without_room_is_an_error_and_no_traceback(capfd):
    with pytest.raises(OSError, match="No space left.*/dev/full"), logged_to(FULL):
        logging.getLogger("mt.here").warning("something")
    assert not any(isinstance(each, logging.FileHandler) for each in ROOT.handlers)
    assert capfd.readouterr() == ("", "")
