"""The interface of every program that a model can be written for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from mt.bundle import Bundle
from mt.errors import DataError
from mt.files import atomic_directory
from mt.model.attention.config import AttentionConfig
from mt.model.config import RecurrentConfig, TransformerConfig


class Target(Protocol):
    """A program to write models for; each is a module of this room."""

    PROGRAM: str
    """Its name, as messages call it."""

    def inexpressible(self, config: TransformerConfig | RecurrentConfig) -> str | None:
        """Name what the program cannot compute of a model; ``None`` if it can compute all of it."""
        ...

    def write(self, bundle: Bundle, output: Path) -> None:
        """Write a model of which :meth:`inexpressible` is ``None``.

        Args:
            bundle: Holds the model.
            output: A new directory, or a file where the program reads a single one.

        Raises:
            BundleError: If weights and config do not belong together.
            DataError: If ``output`` cannot be written.
        """
        ...


def refuse_existing(path: Path) -> None:
    """Refuse to write into what is there already.

    Raises:
        DataError: If ``path`` exists.
    """
    if path.exists():
        raise DataError(f"{path}: expected a new directory, but it exists; choose another")


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Give a scratch directory that becomes ``path`` when the block ends well, else vanishes.

    Raises:
        DataError: If ``path`` exists.
    """
    refuse_existing(path)
    with atomic_directory(path, replace=False) as scratch:
        yield scratch


def attentions(config: TransformerConfig) -> Iterator[tuple[str, AttentionConfig]]:
    """Name both attentions of a Transformer."""
    yield "self-attention", config.self_attention
    yield "cross-attention", config.cross_attention
