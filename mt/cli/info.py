"""``mt info``: what a model is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mt.cli.options import JsonOption

if TYPE_CHECKING:
    from mt.bundle import Bundle


def info(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    as_json: JsonOption = False,
) -> None:
    """Show what a model is: languages, size, data, scores with their signatures.

    Every file is compared with its checksum on the way.
    """
    from mt.bundle import load_bundle

    typer.echo(load_bundle(model, _as_json if as_json else _as_text))


def _as_json(bundle: "Bundle") -> str:
    manifest = bundle.manifest.model_dump(mode="json", exclude={"recipe"})
    tokenizers = bundle.tokenizers().fingerprint
    about = {
        "path": str(bundle.path), **manifest, "tokenizers": tokenizers, "config": bundle.config,
    }  # fmt: skip
    return json.dumps(about, indent=2, ensure_ascii=False, default=str)


def _as_text(bundle: "Bundle") -> str:
    return "\n".join(f"{name:<12}{value}" for name, value in _describe(bundle))


def _describe(bundle: "Bundle") -> Iterator[tuple[str, str]]:
    metadata = bundle.metadata
    source, target = metadata.languages
    yield "model", f"{bundle.path} (format {bundle.manifest.format}, checksums agree)"
    yield "languages", f"{source} → {target}"
    yield "size", f"{metadata.parameters:,} parameters, {_weight(bundle)}"
    yield "model kind", _main_values(bundle.section("model"))
    tokenizers = bundle.tokenizers()
    tokens = f"{tokenizers.source.size:,}"
    if not tokenizers.joint:
        tokens += f" + {tokenizers.target.size:,}"
    algorithm = bundle.section("tokenizer").get("algorithm")
    yield "tokenizer", f"{algorithm}, {tokens} tokens, SHA-256 {tokenizers.fingerprint[:12]}…"
    yield "created", bundle.manifest.created
    averaged = (
        f", mean of updates {', '.join(map(str, metadata.averaged))}" if metadata.averaged else ""
    )
    yield "training", f"{metadata.update:,} updates{averaged}"
    if origin := metadata.origin:
        yield "start", f"{origin.bundle}, update {origin.update:,}, {origin.sha256[:12]}…"
    for use in ("train", "validation"):
        corpora = bundle.section("data").get(use)
        for corpus in corpora if isinstance(corpora, list) else ():
            yield use, _corpus(corpus, source, target)
    for name, score in metadata.scores.items():
        if isinstance(score, int | float):
            unit = " nats per target token" if name.endswith("loss") else ""
            yield "validation", f"{name} {score:.3f}{unit}"
        else:
            yield "validation", f"{name} {score['score']:.2f} · {score.get('signature')}"
    translation = bundle.section("translation")
    yield "translation", _main_values(translation)
    if isinstance(search := translation.get("search"), dict):
        yield "search", _main_values(search)
    yield "engine", _engine(bundle)
    if metadata.shortlist_cost is not None:
        yield "shortlist", f"costs {metadata.shortlist_cost:.2f} BLEU on the validation pairs"


def _engine(bundle: "Bundle") -> str:
    from mt.translation.engines import why_never_native, why_only_torch

    if reason := why_only_torch(bundle):
        return f"torch: the others cannot be used, {reason}"
    if reason := why_never_native(bundle):
        return f"ctranslate2 on a CPU, else torch: native cannot be used, {reason}"
    return "native on a CPU that is made for it, or ctranslate2, else torch"


def _corpus(written: object, source: str, target: str) -> str:
    """Write what names a corpus, and what is asked for beside the defaults."""
    from mt.data.corpora import parse_corpus
    from mt.errors import DataError

    try:
        corpus = parse_corpus(written, source, target, "corpus")
    except DataError:  # of another version, or made by hand
        return _main_values(written) if isinstance(written, dict) else str(written)
    return _main_values(corpus.model_dump(mode="json", exclude_defaults=True))


def _main_values(section: dict[str, Any]) -> str:
    """Write the plain values of a section in one line."""
    plain = (f"{key} {value}" for key, value in section.items() if not isinstance(value, dict))
    return ", ".join(text for text in plain if not text.endswith(" None"))


def _weight(bundle: "Bundle") -> str:
    total = sum(file.stat().st_size for file in bundle.path.iterdir())
    return f"{total / 2**20:.1f} MiB on disk"
