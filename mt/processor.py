"""What the system says of its processors and GPUs; known without torch."""

import os
import sys
from functools import cache
from pathlib import Path


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_threads() -> int:
    """Count the threads that translate: the cores, or what ``OMP_NUM_THREADS`` says."""
    chosen = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(chosen) if chosen.isdecimal() and int(chosen) else available_cores()


@cache
def processor_flags() -> frozenset[str]:
    """Return the sets of instructions that x86 processors have; empty where unknown."""
    return frozenset(processor_field("flags").split())


@cache
def processor_field(name: str) -> str:
    """Read a field of the first processor from Linux's ``/proc/cpuinfo``; empty elsewhere."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            pairs = (line.partition(":") for line in lines)
            return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
    except OSError:
        return ""


def sees_cuda() -> bool:
    """Say whether the machine has a CUDA device that may be used; unlike torch, at once."""
    import ctypes  # noqa: PLC0415 - most commands do without

    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int()
        return (
            not driver.cuInit(0)
            and not driver.cuDeviceGetCount(ctypes.byref(count))
            and (count.value > 0)
        )
    except (OSError, AttributeError):
        return False
