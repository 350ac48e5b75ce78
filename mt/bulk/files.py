"""Files of a folder, here or elsewhere, that are complete or absent."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from datatrove.io import DataFolder

from mt.files import atomic_file


@contextlib.contextmanager
def whole_file(folder: DataFolder, name: str) -> Iterator[BinaryIO]:
    """Write a file that appears when it is complete.

    On this machine it is renamed; elsewhere it is written here and sent as a whole, and an object
    of a store appears when all of it is there.
    """
    if folder.is_local():
        with atomic_file(Path(folder.resolve_paths(name))) as path, path.open("wb") as file:
            yield file
    else:
        with tempfile.NamedTemporaryFile() as file:
            yield cast(BinaryIO, file)
            file.flush()
            folder.makedirs(name.rpartition("/")[0], exist_ok=True)
            folder.put_file(file.name, name)


def put(folder: DataFolder, name: str, text: str) -> None:
    """Write a text as a file that appears when it is complete."""
    with whole_file(folder, name) as file:
        file.write(text.encode())
