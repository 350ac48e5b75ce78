"""The loops by name."""

from collections.abc import Callable
from pathlib import Path

from tests.reliability.bulk import bulk
from tests.reliability.common import Found
from tests.reliability.flip import flip
from tests.reliability.full import full
from tests.reliability.fuzz import odd
from tests.reliability.kill import kill
from tests.reliability.memory import memory
from tests.reliability.resume import resume
from tests.reliability.together import together

LOOPS: dict[str, Callable[[Path, int, int], Found]] = {
    "kill": kill, "resume": resume, "full": full, "memory": memory, "flip": flip,
    "together": together, "fuzz": odd, "bulk": bulk,
}  # fmt: skip
"""Each is called with an empty folder, a number of rounds and a seed."""
