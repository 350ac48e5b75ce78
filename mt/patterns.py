"""Patterns of file names, such as ``clean/*.tsv.gz``: which files they mean."""

import glob
from collections.abc import Sequence
from pathlib import Path

from mt.errors import DataError
from mt.lines import Location, remote_names


def is_pattern(path: Location) -> bool:
    """Say whether a path stands for all files that fit it: it has a ``*``, and is no file."""
    return "*" in str(path) and ("://" in str(path) or not Path(path).exists())


def matching_files(path: Location) -> Sequence[Location]:
    """List the files that fit a pattern, in the order of :func:`fitting_names`.

    A path that :func:`is_pattern` says no to is listed as it is.

    Raises:
        DataError: If none fits, or they cannot be listed.
    """
    if not is_pattern(path):
        return [path]
    folder, names = fitting_names(str(path))
    if isinstance(path, Path):
        return [Path(folder, name) for name in names]
    return [f"{folder}{'' if folder.endswith('/') else '/'}{name}" for name in names]


def fitting_names(pattern: str) -> tuple[str, list[str]]:
    """List the files that fit a pattern.

    In it ``*`` stands for any characters of a name, ``**`` as a whole name for any folders, and
    every other character for itself. Folders do not fit, and neither does what :func:`is_data`
    says no to.

    Args:
        pattern: A path or an address.

    Returns:
        The folder in which all are, which is what stands before the name with the first ``*``, and
        their names in it, by the order of their code points.

    Raises:
        DataError: If none fits, or they cannot be listed.
    """
    folder = pattern.partition("*")[0].rpartition("/")[0]
    names = pattern.removeprefix(folder).lstrip("/")
    if folder.endswith(":/") or (not folder and pattern.startswith("/")):
        folder += "/"
    wanted = "*".join(map(glob.escape, names.split("*")))
    if "://" in pattern:
        found = remote_names(folder, wanted)
    else:
        root = Path(folder)
        names_here = glob.iglob(wanted, root_dir=root, recursive=True)  # noqa: PTH207 - in a folder
        found = [name for name in names_here if (root / name).is_file()]
    if not (fitting := sorted(filter(is_data, found))):
        raise DataError(
            f"{pattern}: expected files whose names fit, but found none; check the path"
        )
    return folder or ".", fitting


def is_data(name: str) -> bool:
    """Say whether a file of a folder is data: no part of its name begins with ``.`` or ``_``."""
    return not any(part.startswith((".", "_")) for part in name.split("/"))
