"""The model of a bundle, read without torch and NumPy."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import safetensors

from mt.bundle import WEIGHTS, Bundle
from mt.errors import BundleError
from mt.model.config import TransformerConfig, parse_model
from mt.text.tokenizer import Tokenizers
from mt.translation.config import longest_translation

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


class StoredTransformer(NamedTuple):
    """A Transformer as a bundle holds it."""

    config: TransformerConfig
    weights: Mapping[str, Variable]
    """As the bundle names them."""
    vocabularies: tuple[Sequence[str], Sequence[str]]
    """The tokens of source and target, by id."""
    longest: int
    """The longest sequence that will be translated or written, in tokens, marks included."""
    where: str
    """How a message calls the weights: the path of the bundle."""


def read_transformer(bundle: Bundle, tokenizers: Tokenizers) -> StoredTransformer:
    """Read the model of a bundle.

    Args:
        bundle: Holds a Transformer.
        tokenizers: Those of the bundle.

    Raises:
        BundleError: If the weights are damaged.
    """
    where = str(bundle.path)
    config = parse_model(bundle.section("model"), where=where)
    assert isinstance(config, TransformerConfig), "see `why_only_torch`"
    source = tokenizers.source.vocabulary
    target = source if tokenizers.joint else tokenizers.target.vocabulary
    longest = longest_translation(bundle.metadata.max_tokens)
    return StoredTransformer(config, _read_weights(bundle), (source, target), longest, where)


def _read_weights(bundle: Bundle) -> dict[str, Variable]:
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
