"""What CTranslate2 is told by the environment alone: which instructions to use, how many threads.

It reads this when the first model of a process is loaded.
"""

import contextlib
import os
from collections.abc import Iterator

from mt.processor import processor_flags

_FAST_AVX512 = {"avx512f", "avx512cd", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni"}
"""All that CTranslate2 asks for, and the mark of processors that hardly slow down for it."""


@contextlib.contextmanager
def fast_environment() -> Iterator[None]:
    """Say how CTranslate2 computes, while a model is loaded; then all is as it was.

    By itself it takes AVX2 where there is AVX-512, for which the first processors that had it
    slowed down; on later ones AVX-512 saves a tenth of the time. What the user chose stays.

    ``MKL_NUM_THREADS`` does not: a number meant for the whole process would hold in each replica,
    and their threads would wait for each other.
    """
    before = {name: os.environ.get(name) for name in ("MKL_NUM_THREADS", "CT2_FORCE_CPU_ISA")}
    os.environ.pop("MKL_NUM_THREADS", None)
    if processor_flags() >= _FAST_AVX512:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
