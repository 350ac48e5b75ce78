"""What the processes of a run must have in common where they are on several machines."""

import platform
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mt.errors import TrainingError
from mt.training.world import World

_SECONDS_TO_APPEAR = 30.0
"""How long a new file may take until other machines see it: as long as NFS may take by default."""


def hosts_that_share(folder: Path, world: World) -> list[int]:
    """List the numbers of the hosts that write into the same folder as this one, itself included.

    The first process of each host leaves a mark there, and looks for those of the others. Where a
    mark cannot be written, or is not seen, a host counts as one with a folder of its own.

    Args:
        folder: Its path on this host.
        world: The processes; each calls this.
    """
    hosts = world.hosts
    if hosts.count == 1:
        return [hosts.own]
    mark = _try_to_mark(folder) if hosts.is_first else None
    try:
        told = world.gather((hosts.own, mark))
        marks = {own: mark for own, mark in told if mark is not None}
        lowest = _lowest_that_shares(folder, hosts.own, marks) if hosts.is_first else None
        found = world.gather((hosts.own, lowest))
    finally:
        if mark is not None:
            (folder / mark.name).unlink(missing_ok=True)
    groups = {own: lowest for own, lowest in found if lowest is not None}
    return [own for own, lowest in groups.items() if lowest == groups[hosts.own]]


def appears(path: Path) -> bool:
    """Wait for what another machine has written."""
    return bool(_visible([path]))


def refuse_unshared(run: Path, world: World) -> None:
    """Refuse processes that do not see what the first writes into the run directory.

    Raises:
        TrainingError: If there are any.
    """
    if world.size == 1:
        return
    mark = world.from_main(lambda: _write_mark(run))
    seen = world.gather((platform.node(), appears(mark)))
    world.from_main(mark.unlink)
    blind = [(rank, node) for rank, (node, there) in enumerate(seen) if not there]
    if blind:
        rank, node = blind[0]
        raise TrainingError(
            f"{run}: expected a directory that all processes see, but rank {rank} on {node} does "
            "not see what rank 0 writes there; choose an --out on a file system that all share"
        )


def refuse_other_pairs(fingerprint: str, world: World) -> None:
    """Refuse processes that train on other pairs than the first, from a disk of their own.

    Args:
        fingerprint: That of the pairs of this process.
        world: The processes.

    Raises:
        TrainingError: If there are any.
    """
    found = world.gather((platform.node(), fingerprint))
    for rank, (node, theirs) in enumerate(found):
        if theirs != found[0][1]:
            raise TrainingError(
                f"data: expected the same pairs in all processes, but rank {rank} on {node} reads "
                "others than rank 0; copy the corpora anew, or share them"
            )


def _write_mark(run: Path) -> Path:
    """Write an empty file of a name that nobody has used."""
    mark = run / f".shared-{secrets.token_hex(8)}"
    mark.touch()
    return mark


class _Mark(NamedTuple):
    """What a host has left in a folder."""

    name: str
    folder: int
    """The number by which its file system knows the folder."""


def _try_to_mark(folder: Path) -> _Mark | None:
    """Write a mark into a folder, if that can be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _Mark(_write_mark(folder).name, folder.stat().st_ino)
    except OSError:
        return None


def _lowest_that_shares(folder: Path, own: int, marks: Mapping[int, _Mark]) -> int:
    """Return the lowest number of a host whose mark is seen in the folder of this one.

    A mark may come late where the folder has the same number on both hosts; those of other disks
    are not waited for.
    """
    if own not in marks:
        return own
    paths = {each: folder / mark.name for each, mark in marks.items()}
    same = [each for each, mark in marks.items() if mark.folder == marks[own].folder]
    seen = _visible([paths[each] for each in same])
    return min(each for each, path in paths.items() if path in seen or path.exists())


def _visible(paths: Sequence[Path]) -> set[Path]:
    """Wait until all of some paths are seen, and return those that are in the end."""
    until = time.monotonic() + _SECONDS_TO_APPEAR
    while True:
        seen = {path for path in paths if path.exists()}
        if len(seen) == len(paths) or time.monotonic() > until:
            return seen
        time.sleep(0.1)
