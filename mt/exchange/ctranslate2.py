"""CTranslate2: a directory with the model and its SentencePiece models."""

from collections.abc import Mapping
from pathlib import Path

from mt.bundle import Bundle
from mt.exchange.target import new_directory
from mt.text.tokenizer import tokenizer_files
from mt.translation.engines.ctranslate2.conversion import convert_bundle, inexpressible

__all__ = ["PROGRAM", "inexpressible", "model_files", "write"]

PROGRAM = "CTranslate2"


def write(bundle: Bundle, output: Path) -> None:
    """Write a directory; see :meth:`mt.exchange.target.Target.write`."""
    with new_directory(output) as scratch:
        for name, content in model_files(bundle).items():
            (scratch / name).write_bytes(content)
        for name in tokenizer_files(bundle.path):
            (scratch / name).write_bytes((bundle.path / name).read_bytes())


def model_files(bundle: Bundle) -> Mapping[str, bytes]:
    """Return the files of the model by name, without those that cut text into pieces."""
    files = convert_bundle(bundle, bundle.tokenizers())
    shortlist = bundle.shortlist()
    return files if shortlist is None else files | {"vmap.txt": shortlist}
