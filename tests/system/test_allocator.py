"""Training starts again with a faster allocator where there is one."""

import ctypes.util
import os
import subprocess
import sys

import pytest

from mt import allocator

PROGRAM = """
import os, sys
from pathlib import Path
from mt.allocator import restart_with_tcmalloc
restart_with_tcmalloc()
print(os.getpid(), "tcmalloc" in Path("/proc/self/maps").read_text(), *sys.argv[1:])
"""


def run(environment):
    started = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", PROGRAM, "--one", "two words"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    return started.pid, started.communicate()[0].split(" ", 2)


@pytest.mark.skipif(
    sys.platform != "linux" or ctypes.util.find_library("tcmalloc_minimal") is None,
    reason="tcmalloc is not installed (Debian: libtcmalloc-minimal4)",
)
def test_the_program_starts_again_as_it_was():
    bare = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    number, (own, preloaded, arguments) = run(bare)
    assert int(own) == number
    assert preloaded == "True"
    assert arguments == "--one two words\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux preloads")
def test_a_person_can_prevent_it():
    _, (_, preloaded, _) = run(os.environ | {"LD_PRELOAD": ""})
    assert preloaded == "False"


def test_without_the_library_nothing_happens(monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("started again"))
    allocator.restart_with_tcmalloc()
    assert "LD_PRELOAD" not in os.environ
