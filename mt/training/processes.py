"""How the processes of a run are started, and which of them this one is; loads no torch.

Programs that start processes say in the environment of each which it is: ``RANK``, ``WORLD_SIZE``,
``LOCAL_RANK``, ``LOCAL_WORLD_SIZE``, and where they meet: ``MASTER_ADDR``, ``MASTER_PORT``. So do
``torchrun`` and the training operators of Kubernetes, and so do we where we start them ourselves.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mt.errors import ConfigError
from mt.processor import available_cores

_MEETING = "MT_MEETING"
"""Names the file by which the processes that we start find each other; only they have it."""

_PROCESSES_PER_CORE = 8
"""Where more are asked for, somebody has mistyped a number."""

_PATIENCE = 30.0
"""Seconds that the others have to end by themselves when the first process is done."""


@dataclass(frozen=True)
class Place:
    """Which process of a run this one is."""

    rank: int = 0
    """Its number among all, from 0."""
    size: int = 1
    """All processes."""
    local_rank: int = 0
    """Its number among those of this machine, from 0."""
    local_size: int = 1
    """Those of this machine."""
    meeting: str | None = None
    """How they find each other, as a URL of ``torch.distributed``; ``None``: it alone is there."""
    started: "tuple[subprocess.Popen[bytes], ...]" = ()
    """Those that this process has started."""


def own_place(processes: int | None) -> Place:
    """Find out which process of a run this one is.

    Args:
        processes: How many are wanted on this machine; ``None``: as many as another program has
            started, else one.

    Raises:
        ConfigError: If another program has started another number, or does not say enough, or
            more are wanted than can compute at once by far.
    """
    given = _given_place(os.environ)
    if given is None:
        count, here = processes or 1, available_cores()
        most = _PROCESSES_PER_CORE * here
        if count > most:
            raise ConfigError(
                f"--processes: expected at most {most} on the {here} cores of this machine, of "
                f"which each process takes one, but found {count}; lower it"
            )
        return Place(size=count, local_size=count)
    if processes not in {None, given.local_size}:
        raise ConfigError(
            f"--processes: expected auto or {given.local_size}, as many as were started on this "
            f"machine already, but found {processes}; leave it out"
        )
    return given


@contextlib.contextmanager
def start_others(place: Place) -> Iterator[Place]:
    """Start the processes that are missing, and say where to meet them.

    They run the command that this process runs. When the block has ended they have too, and they
    end when this process does, however that ends.
    """
    if _MEETING in os.environ:
        _end_with_first()
    if place.size == 1 or place.meeting is not None:
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="mt-") as directory:
        meeting = Path(directory) / "meeting"
        others = tuple(_start(rank, place.size, meeting) for rank in range(1, place.size))
        try:
            yield replace(place, meeting=meeting.as_uri(), started=others)
            _wait_for(others)
        finally:
            for other in others:
                assert other.stdin is not None
                other.stdin.close()  # with which it ends
            try:
                _wait_for(others)
            finally:
                for other in others:
                    other.kill()  # if it still is there
                    other.wait()


def _wait_for(others: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Wait until processes have ended, but not for long."""
    until = time.monotonic() + _PATIENCE
    for other in others:
        with contextlib.suppress(subprocess.TimeoutExpired):
            other.wait(max(0.0, until - time.monotonic()))


def _given_place(environment: Mapping[str, str]) -> Place | None:
    """Read which process this is; ``None``: nobody says so."""
    if "WORLD_SIZE" not in environment:
        return None
    meeting = environment.get(_MEETING)
    size = _number(environment, "WORLD_SIZE", 1)
    needed = ["RANK"] if size == 1 or meeting else ["RANK", "MASTER_ADDR", "MASTER_PORT"]
    for name in needed:
        if name not in environment:
            raise _unclear(name, "it beside WORLD_SIZE", "it is missing")
    return Place(
        rank=_number(environment, "RANK", 0, size),
        size=size,
        local_rank=_number(environment, "LOCAL_RANK", 0),
        local_size=_number(environment, "LOCAL_WORLD_SIZE", 1),
        meeting=Path(meeting).as_uri() if meeting else "env://",
    )


def _number(environment: Mapping[str, str], name: str, least: int, end: int | None = None) -> int:
    """Read a number; the least one where there is none."""
    text = environment.get(name, str(least))
    if not text.isdecimal() or not least <= int(text) < (end or sys.maxsize):
        most = "" if end is None else f" to {end - 1}"
        raise _unclear(name, f"a number from {least}{most}", f"found `{text}`")
    return int(text)


def _unclear(name: str, expected: str, found: str) -> ConfigError:
    return ConfigError(
        f"{name}: expected {expected} in the environment, but {found}; start by torchrun, or unset "
        "WORLD_SIZE"
    )


def _start(rank: int, count: int, meeting: Path) -> "subprocess.Popen[bytes]":
    place = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": count}
    return subprocess.Popen(  # noqa: S603 - itself
        [sys.executable, *sys.orig_argv[1:]],
        env={**os.environ, **{name: str(number) for name, number in place.items()},
             _MEETING: str(meeting)},
        stdin=subprocess.PIPE,
    )  # fmt: skip


def _end_with_first() -> None:
    """End this process when the first one ends, which keeps the other end of our stdin."""

    def watch() -> None:
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
