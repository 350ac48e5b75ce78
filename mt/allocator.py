"""A faster allocator for training, where the machine has one."""

import ctypes.util
import os
import sys


def restart_with_tcmalloc() -> None:
    """Start this program again with tcmalloc instead of the C library's allocator, if it is there.

    An update of training asks for hundreds of large matrices of changing size. tcmalloc hands out
    what was freed last, which the processor still has in its cache, and never gives it back to the
    kernel in between; glibc often does neither. That is worth a tenth of the time on two cores.

    An allocator can be chosen only when a process begins. The process keeps its number, arguments
    and files, and whatever it has done before is forgotten: call this first. Linux only; setting
    ``LD_PRELOAD``, to nothing or anything, prevents it.
    """
    if sys.platform != "linux" or "LD_PRELOAD" in os.environ:
        return
    library = ctypes.util.find_library("tcmalloc_minimal")
    if library is not None:
        os.environ["LD_PRELOAD"] = library
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself
