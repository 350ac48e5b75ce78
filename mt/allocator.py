"""The memory of this process: how much there must be, and the allocator, chosen for speed."""

import mmap
import os
import platform
import sys
from functools import cache

_LEAST = 1 << 30
"""Bytes that torch and what it brings may map: measured from 700 to 1,000 MiB."""


def refuse_little_memory() -> None:
    """Refuse to begin where the system allows less memory than torch and its libraries need.

    Some of them end the process without a word where memory is refused in the middle of something.
    So much is mapped once, and given back unused. Nothing happens where torch is there already.

    Raises:
        MemoryError: If the system does not allow it.
    """
    if "torch" in sys.modules:
        return
    try:
        mmap.mmap(-1, _LEAST).close()
    except OSError:
        raise MemoryError(f"cannot allocate {_LEAST} bytes") from None


def restart_with_tcmalloc() -> None:
    """Start this program again with tcmalloc instead of the C library's allocator, if it is there.

    An update of training asks for hundreds of large matrices of changing size. tcmalloc reuses
    what was freed last, which the processor still has in its cache, and never gives it back to the
    kernel in between; glibc often does neither. That is worth a tenth of the time on two cores.

    An allocator can be chosen only when a process begins. The process keeps its number, arguments
    and files, and whatever it has done before is forgotten: call this first. Linux only; setting
    ``LD_PRELOAD``, to nothing or anything, prevents it.
    """
    if sys.platform != "linux" or "LD_PRELOAD" in os.environ:
        return
    from ctypes.util import find_library  # noqa: PLC0415

    library = find_library("tcmalloc_minimal")
    if library is not None:
        os.environ["LD_PRELOAD"] = library
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself


@cache
def keep_freed_memory(*, one_heap: bool = False) -> bool:
    """Tell glibc to keep large freed blocks instead of returning them to the kernel.

    By default every large matrix is mapped afresh and its pages are faulted in one by one, which
    can cost more than the arithmetic of a small model.

    Args:
        one_heap: Let all threads share the main thread's heap. For training, whose backward pass
            runs in a thread of its own, which would keep a small heap; several threads that
            compute at once, as in translation, would wait for each other.

    Returns:
        Whether the allocator took the advice (glibc only).
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return False
    import ctypes  # noqa: PLC0415

    trim_threshold, mmap_threshold, most_arenas = -1, -3, -8  # of malloc.h
    libc = ctypes.CDLL(None)
    taken = [
        libc.mallopt(mmap_threshold, 32 << 20),  # the most that glibc accepts
        libc.mallopt(trim_threshold, 1 << 30),
    ]
    if one_heap:
        taken.append(libc.mallopt(most_arenas, 1))
    return all(taken)
