"""Failures become one line and an exit code; programming errors keep their traceback."""

import errno

import pytest

from mt.cli.failures import report_failures
from mt.errors import ConfigError

NO_MEMORY = (
    ", but the system has no more or allows no more; give it more, or lower training.batch_tokens, "
    "the size of the model or --beam\n"
)


def tell(error, debug=False):
    with pytest.raises(SystemExit) as left, report_failures(debug):
        raise error
    return left.value.code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a.yaml: wrong"), 2, "mt: a.yaml: wrong\n"),
        (ConfigError("a: wrong\nb: wrong"), 2, "mt: a: wrong\nmt: b: wrong\n"),
        (KeyboardInterrupt(), 130, "mt: interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            2,
            "mt: output: expected room to write, but there is no more (No space left on device); "
            "free some, or choose another place\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/secret"),
            2,
            "mt: /secret: Permission denied; `mt --debug` shows where it happened\n",
        ),
        (
            OSError(errno.ENOMEM, "Cannot allocate memory"),
            2,
            "mt: memory: expected more" + NO_MEMORY,
        ),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate "
                "4294967296 bytes. Error code 12 (Cannot allocate memory)"
            ),
            2,
            "mt: memory: expected 4,096 MiB" + NO_MEMORY,
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total"),
            2,
            "mt: memory: expected 20.00 GiB" + NO_MEMORY,
        ),
        *[
            (
                error,
                2,
                "mt: memory: expected more" + NO_MEMORY,
            )
            for error in (
                ImportError("libtorch.so: failed to map segment from shared object"),
                OSError("libtorch.so: failed to map segment from shared object"),
                RuntimeError("could not create a primitive"),
            )
        ],
        (
            MemoryError("cannot allocate 1073741824 bytes"),
            2,
            "mt: memory: expected 1,024 MiB" + NO_MEMORY,
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/cdrom/run"),
            2,
            "mt: /cdrom/run: expected a place to write in, but the system answers `Read-only file "
            "system`; choose another\n",
        ),
        (OSError("no number"), 2, "mt: no number; `mt --debug` shows where it happened\n"),
        (
            BrokenPipeError(errno.EPIPE, "Broken pipe"),  # a worker's: our reader is still there
            2,
            "mt: Broken pipe; `mt --debug` shows where it happened\n",
        ),
    ],
)
def test_one_line_and_a_code(capfd, error, code, line):
    assert tell(error) == code
    assert capfd.readouterr() == ("", line)


def test_debug_shows_the_traceback_above_the_line(capfd):
    assert tell(ConfigError("a.yaml: wrong"), debug=True) == 2
    shown = capfd.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n")
    assert shown.endswith("ConfigError: a.yaml: wrong\nmt: a.yaml: wrong\n")


@pytest.mark.parametrize(
    "error", [ValueError("ours"), ImportError("no module"), RuntimeError("x"), SystemExit(3)]
)
def test_everything_else_passes(capfd, error):
    with pytest.raises(type(error)), report_failures(debug=False):
        raise error
    assert capfd.readouterr() == ("", "")


def test_nothing_happens_when_nothing_happens(capfd):
    with report_failures(debug=False):
        pass
    assert capfd.readouterr() == ("", "")
