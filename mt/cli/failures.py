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
import io
import os
import select
import sys
import traceback
from collections.abc import Iterator

from mt.errors import MtError

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
    except KeyboardInterrupt:
        _print_error("interrupted", debug)
        sys.exit(INTERRUPTED)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_left():
            _drop_stdout()
            sys.exit(READER_LEFT)
        where = f"{error.filename}: " if error.filename else ""
        hint = "" if debug else "; `mt --debug` shows where it happened"
        _print_error(f"{where}{error.strerror or error}{hint}", debug)
        _drop_stdout()
        sys.exit(USER_ERROR)


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
