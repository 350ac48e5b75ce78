"""What the command line does when something fails: one line on stderr and an exit code.

=====  ====================================================================
code   when
=====  ====================================================================
0      it worked
1      a programming error of ours, with its traceback
2      an error the user can mend, or a file or device that fails
130    interrupted from the keyboard
141    the reader of stdout left, as in ``mt translate ... | head``
=====  ====================================================================
"""

import contextlib
import errno
import io
import os
import re
import select
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mt.errors import DataError, MtError
from mt.files import NO_ROOM

_UsageError: Any = typer.BadParameter.__base__
"""What Typer raises for a command line it does not understand; it has no public name."""

_OUT_OF_MEMORY = re.compile(
    r"(?i)out of memory|allocate memory|bad_alloc|alloc_cpu|failed to map segment"
    r"|could not create a (primitive|memory object)$"
)
_ASKED = re.compile(r"(?i)allocate (?:\w+[^.]*? )?([\d.]+(?= bytes)|[\d.]+ [KMGT]i?B)")
"""What torch, oneDNN, NumPy and the system say where memory is refused."""

_NO_PLACE = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EROFS})
"""What the system answers where a folder is to be made."""

USER_ERROR = 2
INTERRUPTED = 130
READER_LEFT = 141


@contextlib.contextmanager
def report_failures(debug: bool) -> Iterator[None]:
    """Turn failures inside the block into a line on stderr and an exit code.

    stdout is flushed in here, since Python reports a failure of its own last flush with a
    traceback.

    Args:
        debug: Print the traceback above the line.

    Raises:
        SystemExit: With one of the codes in the table above.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except MtError as error:
        _print_error(str(error), debug)
        sys.exit(USER_ERROR)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a help page, which Typer shows
            raise
        command = f"{error.ctx.command_path} --help" if error.ctx else "mt --help"
        message = " ".join(error.format_message().split()).rstrip(".")
        _print_error(f"{message}; see `{command}`", debug)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        _print_error("interrupted", debug)
        sys.exit(INTERRUPTED)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_left():
            _drop_stdout()
            sys.exit(READER_LEFT)
        _print_error(_system_error(error, debug), debug)
        _drop_stdout()
        sys.exit(USER_ERROR)
    except (MemoryError, RuntimeError, ImportError) as error:
        if not isinstance(error, MemoryError) and not _OUT_OF_MEMORY.search(str(error)):
            raise
        _print_error(_memory_error(error), debug)
        sys.exit(USER_ERROR)


def replace_closed_streams() -> None:
    """Put something in the place of standard streams that are closed, as services may start us.

    Else the next file that is opened would get their number, and what a library prints would go
    into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or _ClosedOutput()
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


class _ClosedOutput(io.TextIOBase):
    """Stands in for a closed stdout, and refuses results."""

    def write(self, text: str) -> int:
        raise DataError(
            f"stdout: expected somewhere to write {len(text)} characters, but it is closed; "
            "redirect it, or give --output"
        )


def _system_error(error: OSError, debug: bool) -> str:
    """Explain what the system refused; the usual reasons with what to do."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOMEM or _OUT_OF_MEMORY.search(str(error)):
        return _memory_error(error)
    if error.errno in NO_ROOM:
        return (
            f"{where or 'output: '}expected room to write, but there is no more "
            f"({error.strerror}); free some, or choose another place"
        )
    if error.errno in _NO_PLACE:
        return (
            f"{where or 'output: '}expected a place to write in, but the system answers "
            f"`{error.strerror}`; choose another"
        )
    hint = "" if debug else "; `mt --debug` shows where it happened"
    return f"{where}{error.strerror or error}{hint}"


def _memory_error(error: Exception) -> str:
    """Explain that memory was refused; libraries say in their own words how much."""
    found = _ASKED.search(str(error))
    asked = found[1] if found else "more"
    if asked.isdecimal():
        asked = f"{int(asked) / 2**20:,.0f} MiB"
    return (
        f"memory: expected {asked}, but the system has no more or allows no more; give it more, "
        "or lower training.batch_tokens, the size of the model or --beam"
    )


def _print_error(message: str, debug: bool) -> None:
    lines = "".join(f"mt: {line}\n" for line in message.splitlines())
    with contextlib.suppress(OSError):
        sys.stderr.write(traceback.format_exc() + lines if debug else lines)


def _reader_left() -> bool:
    """Distinguish a closed stdout from other broken pipes, such as that of a lost worker."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except io.UnsupportedOperation:
        return False
    return bool(poll.poll(0))


def _drop_stdout() -> None:
    """Send what stdout still holds to nowhere, or Python fails on it once more while leaving."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
