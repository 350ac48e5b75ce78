"""What the machine offers, and how to make torch use it.

Each lever stands alone, says what it brings and where it does not apply; where the hardware lacks
it, torch's plain way runs, and results stay the same but for rounding and what dropout draws.
Their measured effect: ``benchmarks/levers.py``.
"""

import contextlib
import os
import platform
import sys
from pathlib import Path

import torch

from mt.devices import DeviceName, Precision
from mt.errors import ConfigError
from mt.kernels import native
from mt.processor import processor_field, processor_flags


def choose_device(name: DeviceName, process: int = 0, processes: int = 1) -> torch.device:
    """Turn a device's name into a device; ``auto`` takes CUDA, then MPS, then the CPU.

    Args:
        name: Its name.
        process: The number of this process among those of this machine that train together: each
            takes a GPU of its own. MPS is for one process.
        processes: How many they are.

    Raises:
        ConfigError: If the machine has no such device, or fewer GPUs than processes.
    """
    present: dict[DeviceName, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available() and processes == 1,
        "cpu": True,
    }
    if name == "auto":
        name = next(candidate for candidate in present if present[candidate])
    if not present[name]:
        usable = ", ".join(candidate for candidate in present if present[candidate])
        raise ConfigError(
            f"device: expected one of {usable}, but found `{name}`; torch sees no other"
        )
    return _own_gpu(process, processes) if name == "cuda" and processes > 1 else torch.device(name)


def _own_gpu(process: int, processes: int) -> torch.device:
    """Make one of several GPUs the one that this process computes on."""
    gpus = torch.cuda.device_count()
    if processes > gpus:
        raise ConfigError(
            f"--processes: expected at most {gpus}, the GPUs of this machine, but found "
            f"{processes}; start fewer, or choose --device cpu"
        )
    device = torch.device("cuda", process)
    torch.cuda.set_device(device)
    return device


def prepare_training(device: torch.device, precision: Precision) -> None:
    """Pull the levers that make training faster. Idempotent."""
    if device.type == "cpu":
        native.enable()
        if not uses_bfloat16(device, precision):
            route_float32_matmul_through_onednn()
    elif device.type == "cuda":
        torch.set_float32_matmul_precision("high")


def prepare_translation(device: torch.device) -> bool:
    """Pull the levers that make translation by torch faster. Idempotent.

    Returns:
        Whether compiled kernels are used.
    """
    return device.type == "cpu" and native.enable_without_gradient()


def route_float32_matmul_through_onednn() -> bool:
    """Multiply float32 matrices with oneDNN's AVX-512 kernels instead of MKL's.

    torch's MKL takes the AVX2 path on processors that are not Intel's, at about half the speed.
    Allowing oneDNN a bf16 short cut makes torch call oneDNN; a processor with AVX-512 but without
    AMX has no such short cut in oneDNN, so the arithmetic stays float32 (a test compares with
    float64). With AMX it would really round to bf16, so there the switch is left alone.

    Returns:
        Whether the route was changed.
    """
    applies = has_avx512() and not has_amx() and not _is_intel()
    if applies and hasattr(torch.backends.mkldnn, "matmul"):
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        return True
    return False


def computes_bfloat16(device: torch.device) -> bool:
    """Say whether the device multiplies bf16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and (has_amx() or "avx512_bf16" in processor_flags())


def uses_bfloat16(device: torch.device, precision: Precision) -> bool:
    """Say whether to multiply in bf16; ``auto`` does where :func:`computes_bfloat16`."""
    return precision == "bf16" or (precision == "auto" and computes_bfloat16(device))


def autocast(
    device: torch.device, precision: Precision
) -> contextlib.AbstractContextManager[object]:
    """Compute matrix products in bf16 inside the block, when asked to and worth it.

    Weights, their moments, norms and the loss stay float32.

    Args:
        device: Where the model is.
        precision: See :func:`uses_bfloat16`.
    """
    if uses_bfloat16(device, precision):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def has_avx512() -> bool:
    """Say whether torch uses AVX-512 on this processor."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def has_amx() -> bool:
    """Say whether the processor has matrix tiles."""
    return "amx_tile" in processor_flags()


def describe(device: torch.device, processes: int = 1) -> str:
    """Name the hardware in one line, for logs and run cards.

    Args:
        device: Where this process computes.
        processes: Those that train together; threads are those of each.
    """
    together = f", {processes} processes" if processes > 1 else ""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device) + together
    processor = processor_field("model name") or platform.processor()
    threads = torch.get_num_threads()
    return f"{processor}{together}, {threads} thread{'s' if threads > 1 else ''}"


def memory(device: torch.device) -> int | None:
    """Return the bytes that a process may use at most there; ``None`` where that is unknown."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if device.type != "cpu" or not hasattr(os, "sysconf"):
        return None
    import resource  # noqa: PLC0415 - absent on Windows

    bounds = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        bounds.append(limit)
    with contextlib.suppress(OSError, ValueError):  # that of a container; `max` is none
        bounds.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8")))
    return min(bounds)


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes (0 where unknown)."""
    if os.name == "nt":
        return 0
    import resource  # noqa: PLC0415 - absent on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _is_intel() -> bool:
    return processor_field("vendor_id") == "GenuineIntel"
