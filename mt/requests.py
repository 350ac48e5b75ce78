"""What a command was asked for, kept beside what it has not finished, so that no other goes on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from mt.config import flatten
from mt.errors import DataError
from mt.outputs import request_file

Request = Mapping[str, Any]
"""What determines a result, by the names that a message calls it; values and keys as JSON has them.
Sections may stand in it."""


def keep_request(file: TextIO, path: Path, request: Request) -> None:
    """Keep a request as long as a file is not finished, or refuse to go on with it by another one.

    Args:
        file: What :func:`mt.outputs.open_output` has opened; one that has no temporary name cannot
            be resumed, and nothing is kept.
        path: How messages call it.
        request: What the file is made of.

    Raises:
        DataError: If another one began it.
    """
    kept = request_file(file)
    if kept is None:
        return
    if os.fstat(file.fileno()).st_size == 0:
        write_request(kept, request)
    elif kept.exists():
        refuse_other_request(kept, request, path, "start anew without --resume")


def write_request(kept: Path, request: Request) -> None:
    """Write a request; whoever reads it later has begun what is made of it."""
    kept.write_text(json.dumps(request, indent=2), encoding="utf-8")


def refuse_other_request(kept: Path, request: Request, where: Path, advice: str) -> None:
    """Refuse to go on with what another request began.

    Args:
        kept: Where the other is.
        request: The one now.
        where: How the message calls what was begun.
        advice: What to do instead of restoring the request.

    Raises:
        DataError: If they differ; the message names the first thing that does.
    """
    try:
        before = flatten(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):
        raise DataError(
            f"{kept}: expected what {where} was begun with, but it cannot be read; {advice}"
        ) from None
    now = flatten(json.loads(json.dumps(request)))
    for name in [*now, *sorted(before.keys() - now.keys())]:
        if before.get(name) != now.get(name):
            raise DataError(
                f"{where}: expected to go on as it was begun, but {name} was "
                f"{_written(before.get(name))} and is {_written(now.get(name))}; restore it, or "
                f"{advice}"
            )


def _written(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "left out"
    return "left out" if value is None else str(value)
