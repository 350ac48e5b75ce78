"""What a command is asked for, as its options say it."""

import contextlib
import glob
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from mt.errors import DataError
from mt.files import open_output, write_atomically

if TYPE_CHECKING:
    from mt.translation import TranslationConfig

Request = Mapping[str, Any]
"""The values of options and arguments by their names, as JSON has them."""


def with_search(
    config: "TranslationConfig", beam: int | None, nbest: int | None
) -> "TranslationConfig":
    """Change how a model searches by what the options say; a beam holds all that is wanted."""
    if beam is None and nbest is not None and nbest > config.search.kept:
        beam = nbest
    if beam is not None:
        config = config.with_beam(beam)
    return config if nbest is None else config.changed(alternatives=nbest - 1)


def request_of(context: typer.Context, without: Collection[str]) -> Request:
    """Describe what a command is asked for.

    Args:
        context: Of the command.
        without: Parameters that do not change what is made, by their names in Python.
    """
    asked = {}
    for each in context.command.params:
        if each.name in context.params and each.name not in without:
            name = each.opts[0] if each.param_type_name == "option" else each.name.upper()
            asked[name] = context.params[each.name]
    plain: Request = json.loads(json.dumps(asked, default=str))
    return plain


def write_request(file: Path, request: Request) -> None:
    """Keep a request beside what is made of it."""
    write_atomically(file, json.dumps(request, indent=2, ensure_ascii=False))


def refuse_other_request(file: Path, request: Request, where: Path, advice: str) -> None:
    """Refuse to go on with what was begun by another request.

    Args:
        file: Holds the request before.
        request: The one now.
        where: How the message calls what was begun.
        advice: What to do instead of restoring the request.

    Raises:
        DataError: If the requests differ; the message names the first option that does.
    """
    try:
        before = dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise DataError(
            f"{file}: expected the command that began {where}, but it is damaged; {advice}"
        ) from None
    for name in request:
        if request[name] != before.get(name):
            raise DataError(
                f"{where}: expected the command that began it, but {name} was "
                f"{_written(before.get(name))} and is {_written(request[name])}; restore it, or "
                f"{advice}"
            )


@contextlib.contextmanager
def resumable_output(path: Path, resume: bool, request: Request) -> Iterator[TextIO]:
    """Open a file as :func:`mt.files.open_output` does; it is resumed by the same request alone.

    Raises:
        DataError: If it cannot be opened, or not be resumed.
    """
    if path.exists() and not path.is_file():
        with open_output(path) as file:
            yield file
        return
    asked = path.resolve().with_name(f"{path.name}.request.json")
    try:
        with open_output(path, resume) as file:
            begun = os.fstat(file.fileno()).st_size > 0
            if resume and begun and asked.exists():
                refuse_other_request(asked, request, path, "start anew without --resume")
            elif resume and not begun and path.exists():
                raise DataError(
                    f"{path}: expected what an interrupted run left, but it is finished; leave out "
                    "--resume to make it anew"
                )
            write_request(asked, request)
            yield file
    finally:
        if not list(asked.parent.glob(f"{glob.escape(path.name)}.part*")):
            with contextlib.suppress(OSError):  # there is no such folder, or nothing can be removed
                asked.unlink()


def _written(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "left out"
    return "left out" if value is None else str(value)
