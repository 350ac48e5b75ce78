"""A translator from a bundle: its tokenizers, and the engine that suits it."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from mt.bundle import Bundle, load_bundle
from mt.config import Overrides, apply_overrides
from mt.devices import DeviceName, EngineName, EnginePrecision, ShortlistUse
from mt.errors import BundleError
from mt.text.tokenizer import Tokenizers
from mt.translation.config import TranslationConfig
from mt.translation.contract import Engine
from mt.translation.engines import load_engine, load_torch_engine
from mt.translation.translator import Translator

if TYPE_CHECKING:
    from mt.translation.engines.torch import TorchEngine


def load_translator(
    path: Path,
    device: DeviceName = "auto",
    *,
    engine: EngineName | None = None,
    precision: EnginePrecision | None = None,
    shortlist: ShortlistUse | None = None,
    overrides: Overrides = (),
    ensemble: Sequence[Path] = (),
) -> Translator:
    """Load a translator from a bundle or a run directory.

    Args:
        path: A bundle, or a run directory whose best bundle is meant.
        device: Where to compute.
        engine: What computes; ``None``: as the bundle says.
        precision: The numbers it multiplies, if it has a choice; ``None``: as the bundle says.
        shortlist: Whether it uses a shortlist, if it can; ``None``: as the bundle says.
        overrides: Other values of the bundle's section ``translation``, such as ``search.size=3``.
            Another ``search.kind`` begins with its defaults.
        ensemble: Models of the same tokenizers and languages that translate together with this
            one; a text is divided for the one that reads least at once.

    Raises:
        BundleError: If there is no sound model at ``path``, or tokenizers or languages differ.
        ConfigError: If the machine has no such device, or the engine cannot compute the model.
    """
    asked = {"engine": engine, "precision": precision, "shortlist": shortlist}

    def load(bundle: Bundle) -> Translator:
        tokenizers = bundle.tokenizers()
        values = bundle.section("translation") | {
            name: value for name, value in asked.items() if value is not None
        }
        if any(override.startswith("search.kind=") for override in overrides):
            values.pop("search", None)  # what it holds is for another kind
        values = apply_overrides(values, overrides)
        config = TranslationConfig.parse(values, where=str(bundle.path))
        others = [load_bundle(other, partial(_fitting, bundle, tokenizers)) for other in ensemble]
        found = load_engine(bundle, tokenizers, device, config, others)
        metadata = bundle.metadata
        torch_engine = cache(partial(_torch_engine, found, bundle, tokenizers, device, others))
        return Translator(
            found,
            tokenizers,
            config,
            min(each.metadata.max_tokens for each in (bundle, *others)),
            metadata.languages,
            torch_engine=torch_engine,
            weights=[each.origin.sha256 for each in (bundle, *others)],
        )

    return load_bundle(path, load)


def _torch_engine(
    found: Engine,
    bundle: Bundle,
    tokenizers: Tokenizers,
    device: DeviceName,
    others: Sequence[Bundle],
) -> "TorchEngine":
    """Return the engine that was found if it is torch's, or load that."""
    from mt.translation.engines.torch import TorchEngine  # noqa: PLC0415 - hardly ever needed

    if isinstance(found, TorchEngine):
        return found
    return load_torch_engine(bundle, tokenizers, device, others)


def _fitting(bundle: Bundle, tokenizers: Tokenizers, other: Bundle) -> Bundle:
    """Refuse a bundle of other tokenizers or languages."""
    if other.tokenizers().fingerprint != tokenizers.fingerprint:
        raise BundleError(
            f"{other.path}: expected a model of the same tokenizers, to translate together, but "
            f"its own are others; train one of them anew, with tokenizer_from: {bundle.path}"
        )
    (source, target), (found, into) = bundle.metadata.languages, other.metadata.languages
    if (found, into) != (source, target):
        raise BundleError(
            f"{other.path}: expected a model from {source} to {target}, to translate together, but "
            f"it translates from {found} to {into}; choose another"
        )
    return other
