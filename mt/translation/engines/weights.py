"""The weights of a bundle, read without torch and NumPy."""

from typing import NamedTuple

import safetensors

from mt.bundle import WEIGHTS, Bundle
from mt.errors import BundleError

_KINDS = {"F32": "f"}


class Variable(NamedTuple):
    """An array of numbers in row-major order, little-endian."""

    kind: str
    """A code of :mod:`struct`: ``f`` float32, ``b`` int8, ``h`` int16 or ``i`` int32."""
    shape: tuple[int, ...]
    data: bytes | bytearray | memoryview

    def rows(self, start: int, stop: int) -> "Variable":
        """Return a range of rows."""
        size = len(self.data) // self.shape[0]
        shape = (stop - start, *self.shape[1:])
        return Variable(self.kind, shape, memoryview(self.data)[start * size : stop * size])


def read_weights(bundle: Bundle) -> dict[str, Variable]:
    """Read the weights of a bundle, by name.

    Raises:
        BundleError: If the file is damaged.
    """
    try:
        data = (bundle.path / WEIGHTS).read_bytes()
        tensors = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, OSError) as error:
        raise BundleError(
            f"{bundle.path / WEIGHTS}: expected weights, but {error}; copy the model again"
        ) from None
    return {
        name: Variable(_KINDS.get(each["dtype"], "?"), tuple(each["shape"]), each["data"])
        for name, each in tensors
    }
