"""A random order of 0, 1, …, any part of which can be told without making the rest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, Integer, UInt64

_ROUNDS = 6
_BLOCK = 65_536
"""Numbers computed on at a time: what a cache holds."""


def permute(
    positions: Integer[np.ndarray, " positions"], size: int, key: Sequence[int]
) -> Int64[np.ndarray, " positions"]:
    """Tell which numbers stand at some positions of a random order of 0 … ``size`` - 1.

    A Feistel network over as many bits as ``size`` needs; what it takes to ``size`` or more is
    permuted again until it is below. So it is a bijection, and takes no memory but its result.

    Source: Luby and Rackoff (1988) for the network; Black and Rogaway (2002), "Ciphers with
    Arbitrary Finite Domains", for permuting again (cycle walking).

    Args:
        positions: Each at least 0 and less than ``size``.
        size: How many numbers there are.
        key: Chooses the order.
    """
    keys = np.random.SeedSequence(key).generate_state(_ROUNDS, np.uint64)
    bits = max(2, (size - 1).bit_length())
    found = np.empty(len(positions), np.int64)
    for start in range(0, len(positions), _BLOCK):
        values = _feistel(positions[start : start + _BLOCK].astype(np.uint64), bits, keys)
        while len(outside := np.flatnonzero(values >= size)):
            values[outside] = _feistel(values[outside], bits, keys)
        found[start : start + _BLOCK] = values
    return found


def _feistel(
    values: UInt64[np.ndarray, " values"], bits: int, keys: UInt64[np.ndarray, " rounds"]
) -> UInt64[np.ndarray, " values"]:
    """Swap the halves of each number, one of them changed by a hash of the other, a few times."""
    width, other = bits // 2, bits - bits // 2
    left, right = values >> np.uint64(other), values & _mask(other)
    for key in keys:
        left, right = right, left ^ (_hash(right ^ key) & _mask(width))
        width, other = other, width
    return left << np.uint64(other) | right


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _hash(values: UInt64[np.ndarray, " values"]) -> UInt64[np.ndarray, " values"]:
    """Mix the bits of each number (the finaliser of MurmurHash3)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    values ^= values >> np.uint64(33)
    return values
