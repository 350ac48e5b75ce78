"""Compile a C++ file once on a machine that has g++, and load it as a library."""

import contextlib
import ctypes
import hashlib
import logging
import os
import sys
from functools import cache
from pathlib import Path

from mt.processor import processor_field

log = logging.getLogger(__name__)

_SHARED = Path(__file__).parent
_COMPILER = "g++"
_COMPILE = (
    _COMPILER, "-std=c++17", "-O3", "-march=native", "-fopenmp", "-fno-math-errno",
    "-fno-trapping-math", "-fPIC", "-c", "-I", str(_SHARED),
)  # fmt: skip
_LINK = (_COMPILER, "-shared")
"""Without a library of threads: so they share those of torch, where there are any."""


@cache
def load_native(source: Path, activity: str, guide: str) -> ctypes.CDLL | None:
    """Load a library that is compiled from a C++ file now, if that was not done before.

    Args:
        source: The file; what it includes of ours is next to it or to this module.
        activity: What takes less time with it, for messages, such as ``training``.
        guide: The page of the documentation that says more.

    Returns:
        The library; ``None`` where there is no g++ or something fails, which is told.
    """
    if sys.platform != "linux":
        return None
    compiler = _find_compiler()
    if compiler is None:
        log.info(
            "no %s is installed, with which %s takes less time; see docs/howto/%s",
            _COMPILER, activity, guide,
        )  # fmt: skip
        return None
    name = f"{source.stem}-{_key(source, compiler)}.so"
    with contextlib.suppress(OSError, RuntimeError):  # no home, not ours, not there, damaged
        return ctypes.CDLL(str(_cache() / name))
    from subprocess import CalledProcessError  # noqa: PLC0415 - seldom needed

    log.info("compiling %s for this processor, which takes a few seconds, once", source.name)
    try:
        return _compile(source, name)
    except (OSError, CalledProcessError) as error:
        lines = (getattr(error, "stderr", None) or str(error)).splitlines()
        log.warning(
            "%s: could not be compiled or loaded, and %s goes on more slowly without: %s",
            source.name, activity, next((line for line in lines if "error" in line), str(error)),
        )  # fmt: skip
    return None


def _find_compiler() -> Path | None:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    files = (Path(folder or ".") / _COMPILER for folder in folders)
    return next((file for file in files if os.access(file, os.X_OK) and file.is_file()), None)


def _key(source: Path, compiler: Path) -> str:
    """Return a name that changes with all that a library depends on."""
    status = compiler.stat()
    processor = [processor_field(name) for name in ("flags", "Features")]
    machine = os.uname()
    if not any(processor):
        processor = [machine.nodename]  # a home may be shared with other processors
    headers = (header for folder in (source.parent, _SHARED) for header in folder.glob("*.h"))
    files = [file.read_bytes() for file in (source, *sorted(headers))]
    commands = [*_COMPILE[:-1], *_LINK, str(compiler.resolve())]
    what = files, commands, status.st_size, status.st_mtime_ns, machine.machine, processor
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def _compile(source: Path, name: str) -> ctypes.CDLL:
    import tempfile  # noqa: PLC0415 - seldom needed

    with tempfile.TemporaryDirectory() as folder:
        objects, library = Path(folder) / "native.o", Path(folder) / name
        _run(*_COMPILE, str(source), "-o", str(objects))
        _run(*_LINK, str(objects), "-o", str(library))
        with contextlib.suppress(OSError, RuntimeError):
            _keep(library)
            return ctypes.CDLL(str(_cache() / name))
        return ctypes.CDLL(str(library))


def _cache() -> Path:
    """Make the folder in which libraries are kept; nobody else may write to it."""
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (home if home.is_absolute() else Path.home() / ".cache") / "mt"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{folder}: somebody else may write to it")
    return folder


def _keep(library: Path) -> None:
    """Copy a library into the cache; another process never sees half of it."""
    import shutil  # noqa: PLC0415 - seldom needed
    import tempfile  # noqa: PLC0415

    folder = _cache()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        shutil.copy(library, scratch)
        (Path(scratch) / library.name).replace(folder / library.name)


def _run(*command: str) -> None:
    import subprocess  # noqa: PLC0415 - seldom needed

    english = {**os.environ, "LC_ALL": "C"}
    subprocess.run(  # noqa: S603
        command, check=True, capture_output=True, text=True, env=english
    )
