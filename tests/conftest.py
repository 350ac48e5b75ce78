"""Every test runs on one thread; shapes in annotations of most rooms are checked."""

import logging
import os

# Before torch is loaded: workers beside each other, each with a thread for every core, would spend
# most of their time waiting for their own threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.shapes import check_shapes_in

check_shapes_in(["mt.data", "mt.kernels", "mt.model", "mt.translation", "mt.training.objective"])

from mt.kernels import native  # noqa: E402 - from now on, its shapes are checked too


@pytest.fixture(autouse=True)
def _logging_of_no_other_test():
    """Take away what commands that ran in this process have set, for streams that are closed."""
    ours = logging.getLogger("mt")
    ours.handlers, ours.propagate = [], True
    ours.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _compiled_kernels_of_no_other_test():
    """Compute by torch's operations, whatever a training in this process has enabled."""
    yield
    native._enabled = native._enabled_without_gradient = None
