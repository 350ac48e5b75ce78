"""The functions of ``transformer.cpp``, as Python calls them."""

from __future__ import annotations

import ctypes
import re
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from ctypes import POINTER, c_bool, c_char, c_char_p, c_double, c_int, c_long, c_void_p
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mt.native.compiler import load_native
from mt.processor import processor_flags

_SOURCE = Path(__file__).with_name("transformer.cpp")
_STAY = re.compile("embeddings|position_encodings|projection")
"""Names of weights that the library reads where they are; it makes its own of the others."""


class Shape(ctypes.Structure):
    """What a model is like, beside its weights."""

    _fields_ = [
        *(
            (name, c_long)
            for name in (
                "dim", "heads", "feed_forward", "encoder_layers", "decoder_layers", "source_size",
                "target_size", "positions", "activation", "pre_norm", "sinusoidal", "rotary",
                "integers",
            )
        ),
        ("self_scale", c_double),
        ("cross_scale", c_double),
        ("start", c_int),
        ("end", c_int),
        ("never", c_int * 3),
    ]  # fmt: skip


class Search(ctypes.Structure):
    """How hypotheses are searched for and ranked."""

    _fields_ = [
        *((name, c_long) for name in ("beam", "best", "ngram", "gnmt")),
        ("length_penalty", c_double),
    ]


class Found(ctypes.Structure):
    """A hypothesis; ``length`` is -1 where there is none."""

    _fields_ = [("length", c_long), ("log_probability", c_double), ("score", c_double)]


_SIGNATURES = {
    "mt_translator": (
        POINTER(Shape), c_long, POINTER(c_char_p), POINTER(c_void_p), POINTER(c_void_p)
    ),
    "mt_shortlist": (c_void_p, c_char_p, c_char_p, c_char_p),
    "mt_translate": (c_void_p, POINTER(Search), c_long, *[c_void_p] * 6),
    "mt_score": (c_void_p, c_long, *[c_void_p] * 5),
}  # fmt: skip


def why_unavailable() -> str | None:
    """Say why this machine has no native engine, as the end of a sentence; ``None``: it has."""
    if sys.platform != "linux":
        return "it is for Linux"
    if "avx512_vnni" not in processor_flags():
        return "the processor has no AVX-512 with products of integers (VNNI)"
    library = load_library()
    if library is None:
        return "it is not compiled on this machine; is g++ installed?"
    return None if library.mt_has_dot_products() else "the compiler does not know AVX-512"


def load_library() -> ctypes.CDLL | None:
    """Load the library, compiling it where that was not done before; ``None``: there is none."""
    library = load_native(_SOURCE, "translation", "translate.md")
    if library is not None:
        for name, types in _SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = types, c_bool
            function.errcheck = _check
        library.mt_release.argtypes = (c_void_p,)
        library.mt_finite.argtypes, library.mt_finite.restype = (c_void_p, c_long), c_bool
        library.mt_has_dot_products.restype = c_bool
    return library


def _check(complete: bool, *_: object) -> None:
    if not complete:
        raise MemoryError(
            "translation: expected more memory; set OMP_NUM_THREADS to 1, or a smaller beam"
        )


class NativeTranslator:
    """A model in the memory of the library; several threads may use it at once."""

    def __init__(
        self,
        library: ctypes.CDLL,
        shape: Shape,
        weights: Mapping[str, bytes | bytearray | memoryview],
    ) -> None:
        """Take the weights, float32, as CTranslate2 names them.

        Args:
            library: See :func:`load_library`.
            shape: What the model is like.
            weights: Of each name the numbers in row-major order.

        Raises:
            ValueError: If numbers are infinite or none; the message is their name.
        """
        self._library = library
        self._model = c_void_p()
        arrays = {name: _numbers(data) for name, data in weights.items()}
        for name, data in weights.items():
            if not library.mt_finite(ctypes.addressof(arrays[name]), memoryview(data).nbytes // 4):
                raise ValueError(name)
        names = (c_char_p * len(arrays))(*map(str.encode, arrays))
        numbers = (c_void_p * len(arrays))(*map(ctypes.addressof, arrays.values()))
        library.mt_translator(shape, len(arrays), names, numbers, self._model)
        self._kept = [array for name, array in arrays.items() if _STAY.search(name)]

    def __del__(self) -> None:
        """Free the model."""
        self._library.mt_release(self._model)

    def use_shortlist(self, text: bytes, source: Sequence[str], target: Sequence[str]) -> None:
        """Let each translation consist of the tokens that a shortlist names for its source.

        Args:
            text: As :meth:`Lexicon.write` wrote it.
            source: The tokens of the source's vocabulary, by id.
            target: Those of the target's.
        """
        lines = _as_lines(source)
        others = lines if target is source else _as_lines(target)
        self._library.mt_shortlist(self._model, text, lines, others)

    def translate(
        self,
        search: Search,
        sources: Sequence[Sequence[int]],
        shortest: Sequence[int],
        longest: Sequence[int],
    ) -> list[list[tuple[tuple[int, ...], float, float]]]:
        """Translate sentences together, in the thread that calls.

        Args:
            search: How to search.
            sources: Token ids without marks; none is empty.
            shortest: The least tokens of the translations of each.
            longest: The most.

        Returns:
            Of each sentence, the best hypothesis first: tokens, log-probability and score.
        """
        found = (Found * (len(sources) * search.best))()
        written = array("i", bytes(4 * search.best * sum(longest)))
        given = *_tokens(sources), array("i", shortest), array("i", longest)
        self._library.mt_translate(
            self._model, search, len(sources), *map(_address, given), found, _address(written)
        )
        return list(_pools(found, written.tolist(), search.best))

    def score(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Score given translations; see :meth:`Engine.score`."""
        values = array("f", bytes(4 * sum(len(target) + 1 for target in targets)))
        given = *_tokens(sources), *_tokens(targets)
        self._library.mt_score(self._model, len(sources), *map(_address, given), _address(values))
        numbers = iter(values)
        return [[*islice(numbers, len(target) + 1)] for target in targets]


def _as_lines(tokens: Sequence[str]) -> bytes:
    lines = "\n".join(tokens)
    if lines.count("\n") != len(tokens) - 1 or "\0" in lines:  # a token holds one itself
        lines = "\n".join(token.replace("\n", " ").replace("\0", " ") for token in tokens)
    return lines.encode()


def _numbers(data: bytes | bytearray | memoryview) -> ctypes.c_char:
    """Make a buffer that Python keeps as an object with an address, copied only if it has to be."""
    changeable = data if not memoryview(data).readonly else bytearray(data)
    return c_char.from_buffer(changeable)


def _tokens(sequences: Sequence[Sequence[int]]) -> tuple[array[int], array[int]]:
    return array("i", map(len, sequences)), array("i", chain.from_iterable(sequences))


def _address(numbers: array[Any]) -> int:
    return numbers.buffer_info()[0]


def _pools(
    found: Sequence[Found], written: Sequence[int], best: int
) -> Iterator[list[tuple[tuple[int, ...], float, float]]]:
    place = 0
    for first in range(0, len(found), best):
        pool = []
        for each in found[first : first + best]:
            if each.length >= 0:
                tokens = tuple(written[place : place + each.length])
                pool.append((tokens, each.log_probability, each.score))
                place += each.length
        yield pool
