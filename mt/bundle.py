"""A model as a directory that explains itself and is enough to translate.

    manifest.json       format version, metadata, resolved recipe, SHA-256 of every other file
    config.yaml         the recipe once more, for people and `mt train`
    model.safetensors   the weights, each shared tensor once
    tokenizer.model     the SentencePiece model, or source.model and target.model
    shortlist.txt       target tokens that may translate each source token, if that was learnt

A bundle is written under a scratch name and renamed when it is complete, and checked against its
manifest when it is opened. A run directory holds several and an ``index.json`` that names the best.

A bundle may come from a stranger: what it says is validated before it is used, and nothing outside
of its directory is read, whatever its files name.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from mt.config import StrictConfig
from mt.errors import BundleError, ConfigError, MtError
from mt.files import atomic_directory, atomic_file, read_limited, sha256, write_atomically
from mt.text.tokenizer import Tokenizers, tokenizer_files

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
"""Raised when older versions of this program could no longer read a bundle."""

T = TypeVar("T")

SHORTLIST = "shortlist.txt"
MANIFEST, CONFIG, WEIGHTS, INDEX = "manifest.json", "config.yaml", "model.safetensors", "index.json"
MOST_TOKENS = 32_768
"""The longest side of a pair that a model may be trained for: engines tabulate its positions."""
_MOST_JSON = 1 << 20
"""Bytes of a manifest or an index."""


def _check_scores(scores: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse scores that cannot be shown: each is a number, or has one and a signature."""
    for name, found in scores.items():
        score = found.get("score") if isinstance(found, Mapping) else found
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise ValueError(  # noqa: TRY004 - what a validator raises
                f"expected a number as the score `{name}`, but found none"
            )
    return scores


@dataclass(frozen=True)
class Origin:
    """The bundle whose weights a training started from."""

    bundle: str
    """Its path, as it was then."""
    update: int
    """Optimiser updates behind its weights."""
    sha256: str
    """Of its weights."""


@dataclass(frozen=True)
class Metadata:
    """What a bundle's weights are and where they come from."""

    update: int
    """Optimiser updates behind the weights."""
    languages: tuple[str, str]
    """Source and target language tags."""
    parameters: int
    """Trained numbers."""
    max_tokens: Annotated[int, Field(gt=0, le=MOST_TOKENS)]
    """Tokens of a side, the end mark included, that the model was trained for."""
    scores: Annotated[Mapping[str, Any], AfterValidator(_check_scores)] = field(
        default_factory=dict
    )
    """What was measured on the validation pairs, by name; sacreBLEU's with their signature."""
    averaged: tuple[int, ...] = ()
    """Updates whose weights were averaged; empty for a plain checkpoint."""
    shortlist_cost: float | None = None
    """BLEU that the shortlist costs on the validation pairs; ``None`` without one."""
    origin: Origin | None = None
    """What training started from; ``None``: from random weights."""


class Manifest(StrictConfig, extra="ignore"):
    """What ``manifest.json`` holds."""

    format: int
    created: str
    """When the bundle was written, in ISO 8601."""
    metadata: Metadata
    files: dict[str, str]
    """The SHA-256 of every file that is read, by name."""
    recipe: dict[str, Any] | None = None
    """The resolved recipe, which is read faster as JSON; ``None``: it stands in YAML alone."""


@dataclass(frozen=True)
class Bundle:
    """A checked bundle on disk."""

    path: Path
    manifest: Manifest
    config: dict[str, Any]

    @property
    def metadata(self) -> Metadata:
        """What the weights are and where they come from."""
        return self.manifest.metadata

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

    @property
    def origin(self) -> Origin:
        """Describe it to a training that starts from it."""
        digest = self.manifest.files[WEIGHTS]
        return Origin(str(self.path), self.metadata.update, digest)

    def tokenizers(self) -> Tokenizers:
        """Load the SentencePiece models."""
        return Tokenizers.load(self.path)

    def shortlist(self) -> bytes | None:
        """Read the shortlist, if there is one."""
        return (self.path / SHORTLIST).read_bytes() if SHORTLIST in self.manifest.files else None

    def weights(self) -> "dict[str, Tensor]":
        """Load the weights by name, on the CPU.

        Raises:
            BundleError: If the file is not in the format of safetensors.
        """
        from safetensors import SafetensorError  # noqa: PLC0415
        from safetensors.torch import load  # noqa: PLC0415 - describing a bundle needs no torch

        try:
            # Not by name: safetensors takes none that is no UTF-8.
            return load((self.path / WEIGHTS).read_bytes())
        except (SafetensorError, KeyError) as error:  # a type of numbers that torch does not have
            raise BundleError(
                f"{self.path / WEIGHTS}: expected weights, but {error}; copy the model again"
            ) from None


def write_bundle(
    path: Path,
    weights: "Mapping[str, Tensor]",
    config: StrictConfig,
    tokenizers: Tokenizers,
    metadata: Metadata,
) -> None:
    """Write a bundle; it appears complete or not at all."""
    with atomic_directory(path) as scratch:
        _save_weights(weights, scratch / WEIGHTS)
        (scratch / CONFIG).write_text(config.to_yaml(), encoding="utf-8")
        tokenizers.save(scratch)
        manifest = {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "metadata": asdict(metadata),
            "files": {file.name: sha256(file) for file in sorted(scratch.iterdir())},
            "recipe": config.model_dump(mode="json"),
        }
        (scratch / MANIFEST).write_text(_to_json(manifest), encoding="utf-8")


def extend_bundle(bundle: Bundle, shortlist: bytes, metadata: Metadata) -> None:
    """Add a shortlist to a bundle, or replace it; readers see the bundle before or after that."""
    file, manifest = bundle.path / SHORTLIST, bundle.manifest.model_dump(mode="json")
    manifest["recipe"] = bundle.config
    if manifest["files"].pop(SHORTLIST, None):  # no manifest may list it while it changes
        without = {"metadata": asdict(replace(metadata, shortlist_cost=None))}
        write_atomically(bundle.path / MANIFEST, _to_json(manifest | without))
    with atomic_file(file) as scratch:
        scratch.write_bytes(shortlist)
    manifest |= {"metadata": asdict(metadata)}
    manifest["files"][SHORTLIST] = sha256(file)
    write_atomically(bundle.path / MANIFEST, _to_json(manifest))


def open_bundle(path: Path) -> Bundle:
    """Open a bundle directory, or the best bundle of a run directory, and check every file.

    Raises:
        BundleError: If the directory holds no model, is of another format, or a file is missing or
            differs from its checksum.
    """
    path = _resolve(path)
    manifest = _read_manifest(path)
    for name, expected in manifest.files.items():
        file = _inside(path, name)
        if not file.is_file():
            raise BundleError(f"{path}: expected a file `{name}`, but it is missing; copy it again")
        if sha256(file) != expected:
            raise BundleError(
                f"{file}: expected SHA-256 {expected[:12]}…, but the file differs; it is damaged, "
                "copy it again"
            )
    for name in (CONFIG, WEIGHTS, *tokenizer_files(path)):
        if name not in manifest.files:
            raise BundleError(
                f"{path / MANIFEST}: expected the SHA-256 of `{name}`, but it is missing; copy the "
                "model again"
            )
    return Bundle(path, manifest, _recipe(path, manifest))


def _recipe(path: Path, manifest: Manifest) -> dict[str, Any]:
    if manifest.recipe is not None:
        return manifest.recipe
    from mt.yaml import read_yaml  # noqa: PLC0415

    return read_yaml(path / CONFIG)


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
        before = _age(found)
        try:
            return load(open_bundle(found))
        except (MtError, OSError):
            if _resolve(path) == found and _age(found) == before:
                raise
            time.sleep(0.05)  # between the two renames that replace a directory


def write_index(run: Path, best: Path | None, last: Path | None) -> None:
    """Name the best and the last bundle of a run, in one step."""
    names = {"best": best, "last": last}
    index = {key: str(bundle.relative_to(run)) for key, bundle in names.items() if bundle}
    write_atomically(run / INDEX, _to_json(index))


def read_index(run: Path) -> dict[str, Path]:
    """Return the ``best`` and ``last`` bundle of a run, as far as there are any.

    Raises:
        BundleError: If the index is damaged, or names what is outside of the run.
    """
    if not (run / INDEX).exists():
        return {}
    index = _read_json(run / INDEX)
    for name in index.values():
        if not isinstance(name, str):
            raise BundleError(
                f"{run / INDEX}: expected names of bundles, but found "
                f"{type(name).__name__}; copy the model again"
            )
    return {key: _inside(run, name) for key, name in index.items()}


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


def _age(bundle: Path) -> int | None:
    """Return what changes when a bundle is replaced; ``None`` while there is none."""
    try:
        return (bundle / MANIFEST).stat().st_mtime_ns
    except OSError:
        return None


def _inside(directory: Path, name: str) -> Path:
    """Return a path in a directory, and refuse one that leads out of it.

    Raises:
        BundleError: If a part of it is ``..``, it is absolute, or a link leads elsewhere.
    """
    path = directory / name
    try:
        if "\0" not in name and path.resolve().is_relative_to(directory.resolve()):
            return path
    except (OSError, RuntimeError):  # links in a circle
        pass
    raise BundleError(
        f"{directory}: expected files inside of this directory, but `{name}` leads out of it; "
        "copy what it means into the directory, if you trust it"
    )


def _read_manifest(path: Path) -> Manifest:
    values = _read_json(_inside(path, MANIFEST), version=FORMAT)
    try:
        return Manifest.parse(values, where=str(path / MANIFEST))
    except ConfigError as error:
        first = str(error).splitlines()[0]
        raise BundleError(f"{first}; copy the model again") from None


def _to_json(values: Mapping[str, Any]) -> str:
    """Write values with the SHA-256 of them all."""
    return json.dumps({**values, "sha256": _digest(values)}, indent=2)


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _read_json(path: Path, version: int | None = None) -> dict[str, Any]:
    """Read what :func:`_to_json` wrote; bundles of before it had a SHA-256 have none."""
    try:
        values = json.loads(read_limited(path, _MOST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BundleError(f"{path}: expected JSON, but {reason}; copy the model again") from None
    if not isinstance(values, dict):
        raise BundleError(f"{path}: expected a JSON object, but found {type(values).__name__}")
    if version is not None and values.get("format") != version:
        raise BundleError(
            f"{path.parent}: expected a bundle of format {version}, but this is format "
            f"{values.get('format')}; use the version of mt that wrote it, or train it anew"
        )
    expected = values.pop("sha256", None)
    if expected is not None and expected != _digest(values):
        raise BundleError(
            f"{path}: expected what its SHA-256 says, but the file differs; it is damaged, copy it "
            "again"
        )
    return values


def _save_weights(weights: "Mapping[str, Tensor]", path: Path) -> None:
    from safetensors.torch import save  # noqa: PLC0415

    path.write_bytes(save({name: tensor.contiguous() for name, tensor in weights.items()}))
