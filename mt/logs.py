"""Where messages go: stderr, in plain lines, readable above a progress bar and in a log."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

ROOT = logging.getLogger("mt")


def start_logging() -> Console:
    """Send the messages of this program to stderr, and return the console that writes them.

    On a terminal the console can draw a progress bar below them.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_level=False, show_path=False, markup=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    ROOT.handlers = [handler]
    ROOT.setLevel(logging.INFO)
    ROOT.propagate = False
    return console


@contextlib.contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write the messages of the block to a file as well, dated."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    ROOT.addHandler(handler)
    try:
        yield
    finally:
        ROOT.removeHandler(handler)
        handler.close()
