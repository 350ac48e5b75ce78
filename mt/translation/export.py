"""Write a bundle as the model of another program."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mt.bundle import Bundle
from mt.devices import ExportFormat
from mt.errors import BundleError, DataError
from mt.files import atomic_directory, atomic_file
from mt.text.tokenizer import tokenizer_files
from mt.translation.engines import why_not_ctranslate2


def export(bundle: Bundle, form: ExportFormat, output: Path) -> None:
    """Write a model for another program.

    Args:
        bundle: Holds the model.
        form: Which program.
        output: The directory of ``ctranslate2``, or the file of ``argos``.

    Raises:
        BundleError: If the program cannot compute the model, with the part it cannot.
        DataError: If the directory exists.
    """
    if reason := why_not_ctranslate2(bundle):
        raise BundleError(
            f"{bundle.path}: expected a model that CTranslate2 can run, but {reason}; train one "
            "without"
        )
    _WRITERS[form](bundle, output)


def _write_ctranslate2(bundle: Bundle, output: Path) -> None:
    if output.exists():
        raise DataError(f"{output}: expected a new directory, but it exists; choose another")
    with atomic_directory(output, replace=False) as scratch:
        for name, content in _ctranslate2_files(bundle).items():
            (scratch / name).write_bytes(content)
        for name in tokenizer_files(bundle.path):
            (scratch / name).write_bytes((bundle.path / name).read_bytes())


def _write_argos(bundle: Bundle, output: Path) -> None:
    names = tokenizer_files(bundle.path)
    if len(names) > 1:
        raise BundleError(
            f"{bundle.path}: expected one vocabulary for both languages, which is all that Argos "
            "Translate reads, but there are two; train with tokenizer.vocabulary=joint"
        )
    source, target = bundle.metadata.languages
    folder = f"translate-{source}_{target}-1_0"
    files: dict[str, bytes] = {
        f"model/{name}": content for name, content in _ctranslate2_files(bundle).items()
    }
    files["sentencepiece.model"] = (bundle.path / names[0]).read_bytes()
    files["metadata.json"] = json.dumps(_argos_metadata(source, target), indent=2).encode()
    files["README.md"] = f"# {source} → {target}\n\n{bundle.path.resolve().name}\n".encode()
    with (
        atomic_file(output) as scratch,
        zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for name, content in files.items():
            file.writestr(f"{folder}/{name}", content)


def _argos_metadata(source: str, target: str) -> Mapping[str, object]:
    return {
        "package_version": "1.0",
        "argos_version": "1.9",
        "from_code": source,
        "from_name": source,
        "to_code": target,
        "to_name": target,
        "type": "translate",
    }


def _ctranslate2_files(bundle: Bundle) -> Mapping[str, bytes]:
    from mt.translation.engines.ctranslate2.engine import convert_bundle  # noqa: PLC0415

    files = convert_bundle(bundle, bundle.tokenizers())
    shortlist = bundle.shortlist()
    return files if shortlist is None else files | {"vmap.txt": shortlist}


_WRITERS: Mapping[ExportFormat, Callable[[Bundle, Path], None]] = {
    "ctranslate2": _write_ctranslate2,
    "argos": _write_argos,
}
