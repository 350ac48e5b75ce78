"""C++ is compiled once, and where it cannot be, training does without and says so."""

import errno
import logging
import os
import shutil
import stat
import sys

import pytest
import torch

from mt.kernels import native
from mt.kernels.residual import add_dropped
from mt.native.compiler import load_native

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is compiled off Linux")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


@pytest.fixture(autouse=True)
def _anew(monkeypatch, tmp_path, caplog):
    """Let nothing be compiled or loaded yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO, logger="mt")
    load_native.cache_clear()
    yield
    load_native.cache_clear()


def compiler(folder, script):
    """Put a program of that name before all others."""
    folder.mkdir()
    program = folder / "g++"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:{os.environ['PATH']}"


@needs_compiler
def test_the_compiler_runs_once(monkeypatch, tmp_path):
    tells = f'echo "$@" >> {tmp_path}/calls; exec {shutil.which("g++")} "$@"'
    monkeypatch.setenv("PATH", compiler(tmp_path / "bin", tells))
    assert native.enable()
    calls = (tmp_path / "calls").read_text()
    (library,) = (tmp_path / "cache/mt").iterdir()
    load_native.cache_clear()
    assert native.enable()
    assert (tmp_path / "calls").read_text() == calls
    assert list((tmp_path / "cache/mt").iterdir()) == [library]


@needs_compiler
def test_another_compiler_compiles_anew(monkeypatch, tmp_path):
    assert native.enable()
    before = native.in_use()
    load_native.cache_clear()
    monkeypatch.setenv("PATH", compiler(tmp_path / "bin", f'exec {shutil.which("g++")} "$@"'))
    assert native.enable()
    assert native.in_use() != before


@needs_compiler
def test_a_cache_that_cannot_be_written_is_no_obstacle(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    assert native.enable()


@needs_compiler
def test_a_cache_without_room_is_no_obstacle(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy", full)
    assert native.enable()


@needs_compiler
def test_a_cache_that_others_may_write_to_is_not_trusted(tmp_path):
    folder = tmp_path / "cache/mt"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert native.enable()
    assert not list(folder.iterdir())


def test_memory_that_is_refused_is_an_error():
    with pytest.raises(MemoryError, match="a kernel"):
        native._check(False)


@needs_compiler
def test_a_library_that_is_damaged_is_compiled_anew(monkeypatch, tmp_path):
    assert native.enable()
    (library,) = (tmp_path / "cache/mt").iterdir()
    damaged = tmp_path / "other/mt" / library.name
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"half of it")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    load_native.cache_clear()
    assert native.enable()
    assert damaged.stat().st_size > 1000


def test_without_a_compiler_torch_computes(monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not native.enable()
    assert "no g++ is installed" in caplog.text
    states = torch.zeros(3, 4, requires_grad=True)
    assert add_dropped(states, torch.ones(3, 4), 0.5).grad_fn.name() == "AddBackward0"


COMPLAINT = 'echo "In file included from" >&2; echo "error: no such flag" >&2; exit 1'


def test_a_compiler_that_fails_is_quoted(monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("PATH", compiler(tmp_path / "bin", COMPLAINT))
    assert not native.enable()
    assert "native.cpp: could not be compiled" in caplog.text
    assert "error: no such flag" in caplog.text
    assert "In file" not in caplog.text


def test_a_compiler_that_says_nothing_is_named(monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("PATH", compiler(tmp_path / "bin", "exit 3"))
    assert not native.enable()
    assert "exit status 3" in caplog.text
