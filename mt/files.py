"""Files that are complete or absent.

Temporary names, ``fsync``, locks and checksums; what is written line by line is in
:mod:`mt.outputs`.
"""

import contextlib
import errno
import hashlib
import io
import logging
import os
import platform
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from mt.errors import DataError

log = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
"""Lists the checksums of a directory's files, as the program ``sha256sum`` writes and checks it."""
LOCK = "lock"
"""The file by which a process keeps others out of a directory."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system answers to a write for which there is no room."""


@contextlib.contextmanager
def atomic_directory(path: Path, replace: bool = True) -> Iterator[Path]:
    """Give a scratch directory that becomes ``path`` when the block ends well, else vanishes.

    A reader sees the finished directory or none: all of it is flushed to disk before the rename. An
    existing ``path`` is moved aside first; a crash between the two renames leaves it absent, so
    callers that must never lose it write under a new name.

    Args:
        path: The directory to write.
        replace: ``False`` keeps an existing ``path`` and drops the new one: for a directory named
            after its content, which two processes may write at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = _scratch(path)
    scratch.mkdir()
    try:
        with named_where_full(path):
            yield scratch
            for entry in [*scratch.rglob("*"), scratch]:
                flush(entry)
        if path.exists() and replace:
            old = path.rename(_scratch(path))
            scratch.rename(path)
            shutil.rmtree(old)
        else:
            try:
                scratch.rename(path)
            except OSError:
                if replace or not path.exists():
                    raise
                shutil.rmtree(scratch)
        flush(path.parent)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def remove_directory(path: Path) -> None:
    """Remove a directory in one step for who looks for it; who has its files open may go on."""
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        shutil.rmtree(path.rename(_scratch(path)))


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a scratch file that replaces ``path`` when the block ends well, with its permissions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = _scratch(path)
    try:
        with named_where_full(path):
            scratch.touch()
            if path.exists():
                scratch.chmod(stat.S_IMODE(path.stat().st_mode))
            yield scratch
            flush(scratch)
            scratch.replace(path)
            flush(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def remove_scratch(directory: Path) -> None:
    """Remove the scratch files in a directory that killed processes left behind."""
    for path in directory.rglob(f".*.{'[0-9a-f]' * 8}"):
        if path.is_file():
            path.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8 in one step."""
    with atomic_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


@contextlib.contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Let one process at a time run the block for a directory.

    The lock vanishes with its process, however that ends; on a shared file system other machines
    see it where the system passes locks on. The file ``lock`` that stays behind says who came last.

    Raises:
        DataError: If another process is inside, which the message names with its machine; or the
            directory cannot be made or written in.
    """
    import portalocker  # noqa: PLC0415

    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise DataError(
            f"{directory}: expected a directory to write in, but it cannot be made or opened "
            f"({error.strerror}); choose another"
        ) from None
    with lock as file:
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException:
            raise DataError(
                f"{directory}: expected to be the only process that works here, but "
                f"{_holder(file) or 'another process'} does; wait for it, or choose another "
                "directory"
            ) from None
        with named_where_full(directory):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}\n")
            file.flush()
        yield


def _holder(file: TextIO) -> str:
    """Read who holds a lock; between locking and writing so lies a moment, which is waited for."""
    for _ in range(20):
        file.seek(0)
        if holder := file.read().strip():
            return holder
        time.sleep(0.05)
    return ""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits.

    Raises:
        OSError: If it cannot be read, or is no regular file.
    """
    with _open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_on_disk(path: Path) -> str:
    """Force a file to disk, and return the SHA-256 of what is read back from there."""
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes only what may be written
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # not from memory
    finally:
        os.close(descriptor)
    return sha256(path)


def write_sums(directory: Path) -> None:
    """Write :data:`SUMS`, the checksums of all files that are in a directory."""
    lines = [f"{sha256(file)}  {file.name}\n" for file in sorted(directory.iterdir())]
    (directory / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def damaged_file(directory: Path, needed: Iterable[str]) -> str | None:
    """Compare the files of a directory with their checksums.

    Args:
        directory: :func:`write_sums` was called on it.
        needed: Names of files that must be there and have a checksum.

    Returns:
        The name of a file that is missing, differs from its checksum or has none; ``None`` if all
        is well.
    """
    try:
        lines = read_limited(directory / SUMS, most=1 << 20).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return SUMS
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in [*sums, *needed]:
        try:
            intact = Path(name).name == name and sha256(directory / name) == sums.get(name)
        except OSError:
            intact = False
        if not intact:
            return name
    return None


def read_limited(path: Path, most: int) -> bytes:
    """Read a file that is expected to be small.

    Raises:
        OSError: If it cannot be read, is no regular file, or has more than ``most`` bytes.
    """
    with _open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content


def _open_regular(path: Path) -> io.BufferedReader:
    """Open a file, but no pipe or device, on which one would wait or read for ever."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device", str(path))
    return path.open("rb")


def _scratch(path: Path) -> Path:
    """Name a neighbour, on the same disk and hidden, so that a rename can put it in place."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


@contextlib.contextmanager
def named_where_full(path: Path) -> Iterator[None]:
    """Let an error for want of room say what was written: the system does not."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            error.filename = str(path)
        raise


def flush(path: Path) -> None:
    """Force a file or a directory entry to disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a directory; its renames are journalled
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
