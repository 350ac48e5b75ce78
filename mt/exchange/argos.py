"""Argos Translate and LibreTranslate: a package around a CTranslate2 model."""

import json
import zipfile
from pathlib import Path

from mt.bundle import Bundle
from mt.errors import BundleError
from mt.exchange.ctranslate2 import inexpressible, model_files
from mt.files import atomic_file
from mt.text.tokenizer import tokenizer_files

__all__ = ["PROGRAM", "inexpressible", "write"]

PROGRAM = "Argos Translate"


def write(bundle: Bundle, output: Path) -> None:
    """Write a package, a ZIP file; see :meth:`mt.exchange.target.Target.write`.

    Raises:
        BundleError: If each language has a vocabulary of its own.
    """
    names = tokenizer_files(bundle.path)
    if len(names) > 1:
        raise BundleError(
            f"{bundle.path}: expected one vocabulary for both languages, which is all that Argos "
            "Translate reads, but there are two; train with tokenizer.vocabulary=joint"
        )
    source, target = bundle.metadata.languages
    folder = f"translate-{source}_{target}-1_0"
    files = {f"model/{name}": content for name, content in model_files(bundle).items()}
    files["sentencepiece.model"] = (bundle.path / names[0]).read_bytes()
    files["metadata.json"] = json.dumps(_metadata(source, target), indent=2).encode()
    files["README.md"] = f"# {source} → {target}\n\n{bundle.path.resolve().name}\n".encode()
    with (
        atomic_file(output) as scratch,
        zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for name, content in files.items():
            file.writestr(f"{folder}/{name}", content)


def _metadata(source: str, target: str) -> dict[str, str]:
    return {
        "package_version": "1.0",
        "argos_version": "1.9",
        "from_code": source,
        "from_name": source,
        "to_code": target,
        "to_name": target,
        "type": "translate",
    }
