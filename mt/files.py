"""Files that are complete or absent.

The one place that knows about temporary names, ``fsync``, locks and checksums.
"""

import contextlib
import errno
import glob
import hashlib
import io
import itertools
import logging
import os
import platform
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, TextIO

from mt.errors import DataError

log = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
"""Lists the checksums of a directory's files, as the program ``sha256sum`` writes and checks it."""
_PART = re.compile(r".*\.part\d*", re.DOTALL)
"""The temporary name of an output."""
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
def open_output(path: Path, resume: bool = False) -> Iterator[TextIO]:
    """Open a text file for writing that appears as ``path`` when the block ends well.

    Until then it is called ``path`` with ``.part`` behind it, and stays there if the block fails or
    the process dies: whatever was written is kept. What stands under that name already, from an
    interrupted run or of somebody else, is left alone: ``.part2`` is taken instead, and so on. A
    file that is replaced keeps its permissions, and so does the text that is to replace it. What is
    no regular file, such as ``/dev/stdout`` or a named pipe, is written as it is.

    Opening it before the work begins tells early that it cannot be written.

    Args:
        path: The file.
        resume: Go on with the latest text that an interrupted run kept, if there is one: the file
            is opened at its start, to be read and written.

    Raises:
        DataError: If it cannot be opened, another process is writing it, or it is to be resumed
            and there is none but a finished one.
    """
    if path.exists() and not path.is_file():
        with _open(path, "w", path) as file:
            yield file
        return
    target = path.resolve()
    kept = _latest_part(target) if resume else None
    if resume and kept is None and path.exists():
        raise DataError(
            f"{path}: expected what an interrupted run left ({path.name}.part), but there is none, "
            "and the file is there already; leave out --resume to make it anew"
        )
    part, file = _open_part(target, path) if kept is None else _reopen_part(kept, path)
    try:
        with named_where_full(path), file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            part.replace(target)
        _request_file(part).unlink(missing_ok=True)
        flush(target.parent)
    except BaseException:
        if part.exists() and part.stat().st_size == 0:
            part.unlink()
            _request_file(part).unlink(missing_ok=True)
        elif part.exists():
            log.warning("%s: not finished; what was written so far is in %s", path, part)
        raise


def request_file(file: TextIO) -> Path | None:
    """Name the file that says what an unfinished output is made of; it goes when that is finished.

    Args:
        file: Opened by :func:`open_output`.

    Returns:
        ``None`` if the output has no temporary name, as what is no regular file.
    """
    part = Path(file.name)
    return _request_file(part) if _PART.fullmatch(part.name) else None


def _request_file(part: Path) -> Path:
    return part.with_name(f".{part.name}.json")


def keep_whole_groups(file: TextIO, group: Callable[[str], str] | None = None) -> int:
    """Cut off what an interrupted run has not finished, and go to the end.

    Args:
        file: Opened by :func:`open_output` to be resumed.
        group: Says of a line to which group it belongs, those of which stand one behind the other;
            the last may lack lines, and is cut off. ``None``: every line is a group and complete.

    Returns:
        How many groups are left.
    """
    groups = place = end = 0
    last = ""
    while (line := file.buffer.readline()).endswith(b"\n"):  # what is torn may be no text
        start, place = place, place + len(line)
        if group is None:
            groups, end = groups + 1, place
        elif (name := group(line.decode(errors="replace"))) != last:
            groups, end, last = groups + bool(last), start, name
    os.truncate(file.fileno(), end)
    file.seek(end)
    return groups


def _open_part(target: Path, path: Path) -> tuple[Path, TextIO]:
    """Create a file of a free name beside ``target``, locked as long as it is open."""
    import portalocker  # noqa: PLC0415 - commands that write nothing start sooner

    for number in itertools.count(1):
        part = target.with_name(f"{target.name}.part{number if number > 1 else ''}")
        try:
            file = _open(part, "x+", path)
        except FileExistsError:
            if _is_locked(part):
                raise _written_by_another(path, part) from None
            continue
        portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        if target.exists():
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        return part, file
    raise AssertionError("there is always another number")


def _latest_part(target: Path) -> Path | None:
    """Find what the latest interrupted run kept."""
    parts = [
        part
        for part in target.parent.glob(f"{glob.escape(target.name)}.part*")
        if _PART.fullmatch(part.name) and part.is_file()
    ]
    return max(parts, key=lambda part: part.stat().st_mtime_ns, default=None)


def _reopen_part(part: Path, path: Path) -> tuple[Path, TextIO]:
    """Open what an interrupted run kept, locked as long as it is open."""
    import portalocker  # noqa: PLC0415

    file = _open(part, "r+", path)
    try:
        portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
    except portalocker.LockException:
        file.close()
        raise _written_by_another(path, part) from None
    return part, file


def _written_by_another(path: Path, part: Path) -> DataError:
    return DataError(
        f"{path}: expected to be the only one who writes it, but another process is writing "
        f"{part}; wait for it, or choose another file"
    )


def _open(name: Path, mode: Literal["w", "x+", "r+"], path: Path) -> TextIO:
    try:
        return name.open(mode, encoding="utf-8", newline="\n", buffering=1)
    except FileExistsError:
        raise
    except OSError as error:
        raise DataError(
            f"{path}: expected a file to write, but it cannot be opened ({error.strerror}); "
            "check the path"
        ) from None


def _is_locked(part: Path) -> bool:
    """Say whether a living process has the file open to write it.

    Between the creation and the lock of another process lies a moment; it is waited for.
    """
    import portalocker  # noqa: PLC0415

    time.sleep(0.05)
    try:
        with part.open("rb") as file:
            portalocker.lock(file, portalocker.LOCK_SH | portalocker.LOCK_NB)
    except portalocker.LockException:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Let one process at a time run the block for a directory.

    The lock vanishes with its process, however that ends; on a shared file system other machines
    see it where the system passes locks on. The file ``lock`` that stays behind says who came last.

    Raises:
        DataError: If another process is inside; the message names its machine and number.
    """
    import portalocker  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+", encoding="utf-8") as file:
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
