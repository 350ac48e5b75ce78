"""A model as a directory that explains itself and is enough to translate.

    manifest.json       format version, metadata, SHA-256 of every other file
    config.yaml         the resolved recipe
    model.safetensors   the weights, each shared tensor once
    tokenizer.model     the SentencePiece model, or source.model and target.model
    shortlist.txt       target tokens that may translate each source token, if that was learnt

A bundle is written under a scratch name and renamed when it is complete, and checked against its
manifest when it is opened. A run directory holds several and an ``index.json`` that names the best.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mt.config import StrictConfig, read_yaml
from mt.errors import BundleError
from mt.files import atomic_directory, atomic_file, sha256, write_atomically
from mt.text.tokenizer import Tokenizers

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
"""Raised when older versions of this program could no longer read a bundle."""

T = TypeVar("T")

SHORTLIST = "shortlist.txt"
MANIFEST, CONFIG, WEIGHTS, INDEX = "manifest.json", "config.yaml", "model.safetensors", "index.json"


@dataclass(frozen=True)
class Metadata:
    """What a bundle's weights are and where they come from."""

    update: int
    """Optimiser updates behind the weights."""
    languages: tuple[str, str]
    """Source and target language tags."""
    parameters: int
    """Trained numbers."""
    max_tokens: int
    """Tokens of a side, the end mark included, that the model was trained for."""
    scores: Mapping[str, Any] = field(default_factory=dict)
    """What was measured on the validation pairs, by name; sacreBLEU's with their signature."""
    averaged: tuple[int, ...] = ()
    """Updates whose weights were averaged; empty for a plain checkpoint."""
    shortlist_cost: float | None = None
    """BLEU that the shortlist costs on the validation pairs; ``None`` without one."""


@dataclass(frozen=True)
class Bundle:
    """A checked bundle on disk."""

    path: Path
    manifest: dict[str, Any]
    config: dict[str, Any]

    @property
    def metadata(self) -> Metadata:
        """What the weights are and where they come from."""
        values = self.manifest["metadata"]
        source, target = values["languages"]
        return Metadata(
            **values | {"languages": (source, target), "averaged": tuple(values["averaged"])}
        )

    def section(self, name: str) -> dict[str, Any]:
        """Return a section of the recipe as plain values, which its room validates.

        Raises:
            BundleError: If the recipe has no such section.
        """
        section = self.config.get(name)
        if not isinstance(section, dict):
            raise BundleError(
                f"{self.path / CONFIG}: expected a section `{name}`, but it is missing; "
                "copy the model again"
            )
        return section

    def tokenizers(self) -> Tokenizers:
        """Load the SentencePiece models."""
        return Tokenizers.load(self.path)

    def shortlist(self) -> bytes | None:
        """Read the shortlist, if there is one."""
        return (self.path / SHORTLIST).read_bytes() if SHORTLIST in self.manifest["files"] else None

    def weights(self) -> "dict[str, Tensor]":
        """Load the weights by name, on the CPU."""
        from safetensors.torch import load_file  # noqa: PLC0415 - describing a bundle needs no torch

        return load_file(self.path / WEIGHTS)


def write_bundle(
    path: Path,
    weights: "Mapping[str, Tensor]",
    config: StrictConfig,
    tokenizers: Tokenizers,
    metadata: Metadata,
) -> None:
    """Write a bundle; it appears complete or not at all."""
    from safetensors.torch import save_file  # noqa: PLC0415

    with atomic_directory(path) as scratch:
        save_file(
            {name: tensor.contiguous() for name, tensor in weights.items()}, scratch / WEIGHTS
        )
        (scratch / CONFIG).write_text(config.to_yaml(), encoding="utf-8")
        tokenizers.save(scratch)
        manifest = {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "metadata": asdict(metadata),
            "files": {file.name: sha256(file) for file in sorted(scratch.iterdir())},
        }
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def extend_bundle(bundle: Bundle, shortlist: bytes, metadata: Metadata) -> None:
    """Add a shortlist to a bundle, or replace it; readers see the bundle before or after that."""
    file = bundle.path / SHORTLIST
    with atomic_file(file) as scratch:
        scratch.write_bytes(shortlist)
    files = bundle.manifest["files"] | {SHORTLIST: sha256(file)}
    manifest = bundle.manifest | {"metadata": asdict(metadata), "files": files}
    write_atomically(bundle.path / MANIFEST, json.dumps(manifest, indent=2))


def open_bundle(path: Path) -> Bundle:
    """Open a bundle directory, or the best bundle of a run directory, and check every file.

    Raises:
        BundleError: If the directory holds no model, is of another format, or a file is missing or
            differs from its checksum.
    """
    path = _resolve(path)
    manifest = _read_json(path / MANIFEST)
    if manifest.get("format") != FORMAT:
        raise BundleError(
            f"{path}: expected a bundle of format {FORMAT}, but this is format "
            f"{manifest.get('format')}; use the version of mt that wrote it, or train it anew"
        )
    for part in ("files", "metadata"):
        if not isinstance(manifest.get(part), dict):
            raise BundleError(
                f"{path / MANIFEST}: expected `{part}`, but it is missing; copy the model again"
            )
    for name, expected in manifest["files"].items():
        file = path / name
        if not file.is_file():
            raise BundleError(f"{path}: expected a file `{name}`, but it is missing; copy it again")
        if sha256(file) != expected:
            raise BundleError(
                f"{file}: expected SHA-256 {expected[:12]}…, but the file differs; it is damaged, "
                "copy it again"
            )
    return Bundle(path, manifest, read_yaml(path / CONFIG))


def load_bundle(path: Path, load: Callable[[Bundle], T]) -> T:
    """Open a bundle as :func:`open_bundle` does, and load something from it.

    A run that trains removes bundles when better ones are there. Whoever reads one meanwhile gets
    the old or the new one whole: if it vanishes while it is read, the run is asked anew.

    Args:
        path: A bundle, or a run directory whose best bundle is meant.
        load: Reads what is wanted; may be called again with another bundle.

    Raises:
        BundleError: As :func:`open_bundle` does.
    """
    while True:
        found = _resolve(path)
        try:
            return load(open_bundle(found))
        except (BundleError, OSError):
            if found.exists() or _resolve(path) == found:
                raise


def write_index(run: Path, best: Path | None, last: Path | None) -> None:
    """Name the best and the last bundle of a run, in one step."""
    names = {"best": best, "last": last}
    index = {key: str(bundle.relative_to(run)) for key, bundle in names.items() if bundle}
    write_atomically(run / INDEX, json.dumps(index, indent=2))


def read_index(run: Path) -> dict[str, Path]:
    """Return the ``best`` and ``last`` bundle of a run, as far as there are any."""
    if not (run / INDEX).exists():
        return {}
    return {key: run / name for key, name in _read_json(run / INDEX).items()}


def _resolve(path: Path) -> Path:
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise BundleError(
            f"{path}: expected a run or bundle directory, but it {what}; check the path"
        )
    if (path / MANIFEST).exists():
        return path
    best = read_index(path).get("best")
    if best is None:
        raise BundleError(
            f"{path}: expected a model (a `{MANIFEST}`, or an `{INDEX}` naming one), but found "
            "neither; give the directory that `mt train` wrote"
        )
    return best


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: expected JSON, but {error}; copy the model again") from None
    if not isinstance(values, dict):
        raise BundleError(f"{path}: expected a JSON object, but found {type(values).__name__}")
    return values
