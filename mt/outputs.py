"""Text that is written line by line: unfinished under a temporary name, and resumed there."""

import contextlib
import glob
import itertools
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TextIO

from mt.errors import DataError
from mt.files import flush, named_where_full

log = logging.getLogger(__name__)

_PART = re.compile(r".*\.part\d*", re.DOTALL)
"""The temporary name of an output."""


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
