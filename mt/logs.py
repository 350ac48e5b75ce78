"""Where messages go: stderr, in plain lines, readable above a progress bar and in a log."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

ROOT = logging.getLogger("mt")


def start_logging(least: int = logging.INFO) -> None:
    """Send the messages of this program to stderr; on a terminal, above a progress bar.

    Args:
        least: The level from which on messages are shown.
    """
    handler: logging.Handler
    if on_terminal():
        from rich.logging import RichHandler  # noqa: PLC0415 - see `on_terminal`

        handler = RichHandler(console=terminal(), show_level=False, show_path=False, markup=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    ROOT.handlers = [handler]
    ROOT.setLevel(least)
    ROOT.propagate = False


def on_terminal() -> bool:
    """Say whether a person watches stderr; where none does, rich is not even loaded."""
    return sys.stderr.isatty()


@cache
def terminal() -> "Console":
    """Return what draws on stderr."""
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write the messages of the block to a file as well, dated."""
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    ROOT.addHandler(handler)
    try:
        yield
    finally:
        ROOT.removeHandler(handler)
        with contextlib.suppress(OSError):  # which it has raised before
            handler.close()


class _LogFile(logging.FileHandler):
    """Raises what the system answers, where others print a traceback for every line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exception()
        if not isinstance(error, OSError):
            return super().handleError(record)
        error.filename = self.baseFilename
        raise error
