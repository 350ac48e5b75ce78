"""The kernels of ``native.cpp``: compiled once on a machine that has g++, and absent elsewhere.

They are used from the moment that :func:`enable` has found or compiled them, which training does,
or without a gradient :func:`enable_without_gradient`, which the torch engine of translation does.
Each computes what its caller in this room also computes by torch's operations, in fewer passes
over memory; numbers are float32 or in most kernels bfloat16, on a CPU.
"""

import ctypes
from ctypes import c_bool, c_float, c_int, c_long, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.native.compiler import load_native
from mt.processor import processor_flags

_SOURCE = Path(__file__).with_name("native.cpp")
WIDTH = 16
"""Heads of a multiple of so many numbers consist of whole vectors, however wide these are."""

PANEL = 32
"""Outputs of a linear layer that a kernel computes together: ``PANEL`` of ``native.cpp``."""

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
        ("with_gradient", c_bool),
    ]


_attention, _heads, _dropout = map(ctypes.POINTER, (Attention, Heads, Dropout))
_sizes = (c_long, c_uint32, c_int)
_SIGNATURES = {
    "mt_attention_forward": (_attention, *[_heads] * 4, c_void_p, _heads),
    "mt_attention_step": (_attention, *[_heads] * 5),
    "mt_attention_backward": (_attention, *[_heads] * 4, c_void_p, *[_heads] * 3),
    "mt_add_dropped": (c_void_p, c_void_p, _dropout, c_void_p, *_sizes),
    "mt_add_dropped_backward": (c_void_p, _dropout, c_void_p, *_sizes),
    "mt_linear": (c_void_p, c_long, *[c_void_p] * 3, *[c_long] * 3, c_int),
    "mt_top_k": (c_void_p, c_void_p, c_void_p, c_long, c_long, c_long, c_int),
    "mt_cross_entropy": (
        *[c_void_p] * 2,
        c_long,
        c_long,
        c_float,
        *[c_void_p] * 2,
        c_float,
        c_void_p,
        *_sizes,
    ),
    "mt_consistency": (c_void_p, c_void_p, *[c_float] * 5, *[c_void_p] * 3, *_sizes),
}
"""The parameters of each kernel but the first, which says whether numbers are bfloat16."""

_layer = (*[c_long] * 3, c_int)
_PAIRS = {
    "mt_bfloat16_linear": (c_bool, *[c_void_p] * 5, *_layer),
    "mt_bfloat16_linear_backward": (c_bool, *[c_void_p] * 6, *_layer),
    "mt_bfloat16_cross_entropy": (*[c_void_p] * 5, c_float, *[c_void_p] * 5, *_layer),
    "mt_bfloat16_consistency": (*[c_void_p] * 5, *[c_float] * 5, *[c_void_p] * 6, *_layer),
}
"""Those that multiply pairs of bfloat16 numbers, where the processor does; see ``pairs.h``."""

Library = ctypes.CDLL
"""The kernels, as functions of addresses and sizes."""

_enabled: Library | None = None
_enabled_without_gradient: Library | None = None


def enable() -> bool:
    """Compile the kernels, if that was not done before, and use them from now on.

    Returns:
        Whether there are any: on Linux, where g++ is installed.
    """
    global _enabled  # noqa: PLW0603 - a library is loaded once for the whole process
    _enabled = _load()
    return _enabled is not None


def enable_without_gradient() -> bool:
    """Do as :func:`enable`, for what has no gradient: training stays as it is, draw by draw."""
    global _enabled_without_gradient  # noqa: PLW0603
    _enabled_without_gradient = _load()
    return _enabled_without_gradient is not None


def in_use() -> str:
    """Name what computes: these kernels, by a name that changes with them, or torch's."""
    return "torch's" if _enabled is None else Path(_enabled._name).stem  # noqa: SLF001


def library(*tensors: Tensor | None) -> Library | None:
    """Return the kernels, if they are enabled and made for such tensors."""
    made_for = all(
        tensor is None or (tensor.dtype in _FLOATS and tensor.device.type == "cpu")
        for tensor in tensors
    )
    if not made_for:
        return None
    return _enabled if _enabled or torch.is_grad_enabled() else _enabled_without_gradient


def layer_library(
    states: Float[Tensor, "*batch inputs"],
    *layers: tuple[Float[Tensor, "_ _"], Float[Tensor, " _"] | None],
) -> Library | None:
    """Return the kernels, if layers in bfloat16 and their gradients are theirs to compute.

    That is where a gradient is recorded under autocast, on processors that multiply pairs of such
    numbers (AVX512-BF16). With matrix tiles (AMX) torch's libraries are faster. What does not fit
    is left to torch, which says so.

    Args:
        states: What the first layer is given.
        layers: The weight and bias of each, which is given what the one before puts out.
    """
    autocast = torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()
    if not autocast or torch.get_autocast_dtype("cpu") != torch.bfloat16:
        return None
    kernels, width = library(states), states.size(-1)
    made_for = hasattr(kernels, "mt_bfloat16_linear")
    for weight, bias in layers:
        made_for &= weight.shape[1] == width and width % 2 == len(weight) % 2 == 0
        made_for &= _lies_in_rows(weight) and (bias is None or _lies_in_rows(bias))
        made_for &= bias is None or bias.shape == weight.shape[:1]
        width = len(weight)
    return kernels if made_for and _multiplies_pairs() else None


def _lies_in_rows(numbers: Tensor) -> bool:
    on_cpu = numbers.device.type == "cpu"
    return on_cpu and numbers.dtype == torch.float32 and numbers.is_contiguous()


@cache
def _multiplies_pairs() -> bool:
    """Say whether the processor multiplies pairs of bfloat16 numbers, and not tiles of them."""
    flags = processor_flags()
    return "avx512_bf16" in flags and "amx_tile" not in flags


def _load() -> Library | None:
    library = load_native(_SOURCE, "computing with torch", "train.md")
    if library is not None:
        pairs = _PAIRS if hasattr(library, "mt_bfloat16_linear") else {}
        for name, types in (_SIGNATURES | pairs).items():
            function = getattr(library, name)
            function.argtypes, function.restype = (c_bool, *types), c_bool
            function.errcheck = _check
    return library


def _check(complete: bool, *_: object) -> None:
    if not complete:
        raise MemoryError("cannot allocate what a kernel works with")


def sizes(states: Float[Tensor, "*batch dim"]) -> tuple[int, int, int]:
    """Count states, numbers of each, and threads."""
    return states.numel() // states.size(-1), states.size(-1), torch.get_num_threads()


def attention(
    query: Float[Tensor, "batch heads query_len depth"],
    key: Float[Tensor, "batch heads key_len depth"],
    scale: float,
    dropout: float,
    *,
    with_gradient: bool,
) -> Attention:
    """Describe an attention, and draw what is dropped in it."""
    batch, heads, queries, depth = query.shape
    drawn, threads = Dropout.draw(dropout), torch.get_num_threads()
    return Attention(
        batch, heads, queries, key.size(2), depth, scale, drawn, threads, with_gradient
    )


def addresses(*tensors: Tensor | None) -> list[int | None]:
    """Tell where tensors are; ``None`` stands for what is not wanted."""
    return [None if tensor is None else tensor.data_ptr() for tensor in tensors]


def checked_targets(targets: Int[Tensor, " tokens"], count: int, vocabulary: int) -> Tensor:
    """Return targets as the kernels read them, which do not look whether these are tokens.

    Raises:
        ValueError: There are not so many.
        IndexError: One is no token of the vocabulary.
    """
    if len(targets) != count:
        raise ValueError(f"targets: expected {count}, but found {len(targets)}")
    if count and not 0 <= int(targets.min()) <= int(targets.max()) < vocabulary:
        raise IndexError(f"targets: expected numbers from 0 to {vocabulary - 1}, found others")
    return targets.long().contiguous()


def layer_sizes(
    states: Float[Tensor, "*batch inputs"], weight: Float[Tensor, "outputs inputs"]
) -> tuple[int, int, int, int]:
    """Count states, inputs, outputs, and threads."""
    outputs, inputs = weight.shape
    return states.numel() // inputs, inputs, outputs, torch.get_num_threads()
