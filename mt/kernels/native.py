"""The kernels of ``native.cpp``: compiled once on a machine that has g++, and absent elsewhere.

They are used from the moment that :func:`enable` has found or compiled them, which training does.
Each computes what its caller in this room also computes by torch's operations, in fewer passes
over memory; numbers are float32 or bfloat16, on a CPU.
"""

import contextlib
import ctypes
import hashlib
import logging
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from ctypes import c_bool, c_float, c_int, c_long, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mt.processor import processor_field

log = logging.getLogger(__name__)

_SOURCE = Path(__file__).with_name("native.cpp")
_COMPILER = "g++"
_FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math",
    "-fPIC",
)  # fmt: skip
_FLOATS = (torch.float32, torch.bfloat16)


class Dropout(ctypes.Structure):
    """What elements are multiplied by: nothing is kept of it but the seed."""

    _fields_ = [("seed", c_uint64), ("threshold", c_uint32), ("scale", c_float)]

    @classmethod
    def draw(cls, rate: float) -> "Dropout":
        """Draw a seed from torch's generator; a rate of 0 needs none."""
        if rate == 0:
            return cls(0, 0, 1.0)
        seed = int(torch.randint(2**63 - 1, ()))
        return cls(seed, min(round(rate * 2**32), 2**32 - 1), 1 / (1 - rate))


class Heads(ctypes.Structure):
    """Where states of [batch, heads, length, depth] are, and how they lie in memory."""

    _fields_ = [
        ("data", c_void_p), ("batch", c_long), ("head", c_long), ("position", c_long),
    ]  # fmt: skip

    @classmethod
    def of(cls, states: Float[Tensor, "batch heads length depth"] | None) -> "Heads":
        """Describe states, of which the numbers of the last axis lie side by side, if any."""
        return cls() if states is None else cls(states.data_ptr(), *states.stride()[:3])


class Attention(ctypes.Structure):
    """Sizes of an attention, and what its scores and weights are multiplied by."""

    _fields_ = [
        *((name, c_long) for name in ("batch", "heads", "queries", "keys", "depth")),
        ("scale", c_float),
        ("dropout", Dropout),
        ("threads", c_int),
    ]


_attention, _heads, _dropout = map(ctypes.POINTER, (Attention, Heads, Dropout))
_sizes = (c_long, c_long, c_int)
_SIGNATURES = {
    "mt_attention_forward": (_attention, *[_heads] * 4, c_void_p, _heads),
    "mt_attention_backward": (_attention, *[_heads] * 4, c_void_p, *[_heads] * 3),
    "mt_add_dropped": (c_void_p, c_void_p, _dropout, c_void_p, *_sizes),
    "mt_add_dropped_backward": (c_void_p, _dropout, c_void_p, *_sizes),
    "mt_cross_entropy": (c_void_p, c_void_p, c_float, c_void_p, *_sizes),
}
"""The parameters of each kernel but the first, which says whether numbers are bfloat16."""

Library = ctypes.CDLL
"""The kernels, as functions of addresses and sizes."""

_enabled: Library | None = None


def enable() -> bool:
    """Compile the kernels, if that was not done before, and use them from now on.

    Returns:
        Whether there are any: on Linux, where g++ is installed.
    """
    global _enabled  # noqa: PLW0603 - a library is loaded once for the whole process
    _enabled = _load()
    return _enabled is not None


def disable() -> None:
    """Compute by torch's operations from now on."""
    global _enabled  # noqa: PLW0603
    _enabled = None


def library(*tensors: Tensor | None) -> Library | None:
    """Return the kernels, if they are enabled and made for such tensors."""
    made_for = all(
        tensor is None or (tensor.dtype in _FLOATS and tensor.device.type == "cpu")
        for tensor in tensors
    )
    return _enabled if made_for else None


@cache
def _load() -> Library | None:
    if sys.platform != "linux":
        return None
    try:
        version = _run(_COMPILER, "--version")
    except OSError:
        log.info(
            "no %s is installed, with which training takes less time; docs/howto/train.md says how "
            "much", _COMPILER,
        )  # fmt: skip
        return None
    processor = (platform.machine(), *map(processor_field, ("flags", "Features")))
    what = repr((_SOURCE.read_text(encoding="utf-8"), _FLAGS, version, processor))
    name = f"kernels-{hashlib.sha256(what.encode()).hexdigest()[:16]}.so"
    try:
        with _folder() as folder:
            if not (folder / name).exists():
                _compile(folder / name)
            return _open(folder / name)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        log.warning(
            "%s: could not be compiled or loaded, and training goes on more slowly without: %s",
            _SOURCE.name, reason.strip().splitlines()[0],
        )  # fmt: skip
        return None


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Make the user's cache, or where that is not to be had a folder for this time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "mt"
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield folder


def _compile(library: Path) -> None:
    """Compile; another process never sees half a library."""
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        objects, linked = Path(scratch) / "native.o", Path(scratch) / "native.so"
        _run(_COMPILER, *_FLAGS, "-c", str(_SOURCE), "-o", str(objects))
        # Linked without a library of threads, it shares those of torch.
        _run(_COMPILER, "-shared", str(objects), "-o", str(linked))
        linked.replace(library)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def _open(path: Path) -> Library:
    library = ctypes.CDLL(str(path))
    for name, types in _SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = (c_bool, *types), None
    return library


def sizes(states: Float[Tensor, "*batch dim"]) -> tuple[int, int, int]:
    """Count states, numbers of each, and threads."""
    return states.numel() // states.size(-1), states.size(-1), torch.get_num_threads()


def attention(
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    scale: float,
    dropout: float,
) -> Attention:
    """Describe an attention, and draw what is dropped in it."""
    batch, heads, queries, depth = query.shape
    drawn, threads = Dropout.draw(dropout), torch.get_num_threads()
    return Attention(batch, heads, queries, key.size(2), depth, scale, drawn, threads)
