"""What the processes of a run must have in common where they are on several machines."""

import platform
import secrets
import time
from pathlib import Path

from mt.errors import TrainingError
from mt.training.world import World

_SECONDS_TO_APPEAR = 30.0
"""How long a new file may take until other machines see it: as long as NFS may take by default."""


def refuse_unshared(run: Path, world: World) -> None:
    """Refuse processes that do not see what the first writes into the run directory.

    Raises:
        TrainingError: If there are any.
    """
    if world.size == 1:
        return
    mark = world.from_main(lambda: _write_mark(run))
    seen = world.gather((platform.node(), _appears(mark)))
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


def _appears(path: Path) -> bool:
    """Wait for a file that another machine has written."""
    until = time.monotonic() + _SECONDS_TO_APPEAR
    while not path.exists():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
