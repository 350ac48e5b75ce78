"""Kernels that torch's operations or compiled ones compute, where g++ is, are tested both ways."""

import shutil
import sys

import pytest

from mt.kernels import native


@pytest.fixture
def compiled():
    """Enable the compiled kernels for a test; skip it where they cannot be compiled."""
    if sys.platform != "linux" or shutil.which("g++") is None:
        pytest.skip("needs g++ on Linux")
    assert native.enable(), "g++ is here, but did not compile the kernels"


@pytest.fixture(params=["torch", "compiled"])
def each_way(request):
    """Run a test by torch's operations, and again as compiled."""
    if request.param == "compiled":
        request.getfixturevalue("compiled")


@pytest.fixture
def without_pairs(monkeypatch):
    """Leave the products to torch, as on most processors; test_bfloat16.py has the others."""
    monkeypatch.setattr(native, "_multiplies_pairs", lambda: False)
