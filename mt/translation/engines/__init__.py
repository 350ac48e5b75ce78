"""What turns source tokens into target tokens; see :class:`mt.translation.contract.Engine`.

An engine is imported when it is needed, so that one without torch never loads it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mt.allocator import refuse_little_memory
from mt.bundle import Bundle
from mt.devices import DeviceName, ShortlistUse
from mt.errors import ConfigError
from mt.model.config import TransformerConfig, parse_model
from mt.processor import sees_cuda
from mt.text.tokenizer import Tokenizers
from mt.translation.config import TranslationConfig
from mt.translation.contract import Engine

WIDEST = 2**16
"""Inputs of a linear layer of the native engine, whose sums of products have 32 bits."""

if TYPE_CHECKING:
    from mt.translation.engines.segmentations import Cut
    from mt.translation.engines.torch import TorchEngine


def load_engine(
    bundle: Bundle,
    tokenizers: Tokenizers,
    device: DeviceName,
    config: TranslationConfig,
    ensemble: Sequence[Bundle] = (),
) -> Engine:
    """Load an engine for the model in a bundle, as the config chooses it.

    Args:
        bundle: Holds the model.
        tokenizers: Those of the bundle.
        device: Where to compute.
        config: What to choose.
        ensemble: Bundles with the same tokenizers, whose models translate together with this one.

    Raises:
        BundleError: If weights and config do not belong together.
        ConfigError: If the machine has no such device, or the engine cannot compute the model.
    """
    reason = config.search.torch_only or why_only_torch(bundle)
    if ensemble:
        reason = "it cannot run several models together"
    if config.segmentations > 1:
        reason = "it reads a source in one way, not in several segmentations"
    if device not in {"auto", "cpu"}:
        reason = f"it is used on CPUs, not on {device}"
    if config.engine == "native":
        reason = reason or why_not_native(bundle)
    if config.engine in {"native", "ctranslate2"} and reason is not None:
        raise ConfigError(
            f"engine: expected a model that {config.engine} can run, but {reason}; choose "
            "another one or auto"
        )
    on_gpu = config.engine == device == "auto" and sees_cuda()
    if config.engine != "torch" and reason is None and not on_gpu:
        shortlist = _shortlist(bundle, config.shortlist)
        return load_fast_engine(bundle, tokenizers, config, shortlist)
    return load_torch_engine(bundle, tokenizers, device, ensemble, config)


def load_torch_engine(
    bundle: Bundle,
    tokenizers: Tokenizers,
    device: DeviceName,
    ensemble: Sequence[Bundle] = (),
    config: TranslationConfig | None = None,
) -> "TorchEngine":
    """Load the engine that computes every model; see :func:`load_engine`.

    Args:
        bundle: Holds the model.
        tokenizers: Those of the bundle.
        device: Where to compute.
        ensemble: Bundles whose models translate together with this one.
        config: Says in how many segmentations sources are read and what numbers are multiplied;
            ``None``: in one, and float32.
    """
    refuse_little_memory()
    from mt import hardware  # noqa: PLC0415
    from mt.model.layers import lay_out  # noqa: PLC0415
    from mt.model.loading import load_model  # noqa: PLC0415
    from mt.translation.engines.torch import TorchEngine  # noqa: PLC0415

    model, *others = [load_model(each, tokenizers) for each in (bundle, *ensemble)]
    config = config or TranslationConfig()
    several = config.segmentations
    cut = _cuts(bundle, tokenizers, several) if several > 1 else None
    chosen = hardware.choose_device(device)
    engine = TorchEngine(model, chosen, others, cut, config.precision)
    compiled = hardware.prepare_translation(chosen)
    if compiled and engine.precision == "fp32" and hardware.has_avx512():
        for each in (model, *others):
            lay_out(each)
    return engine


def _cuts(bundle: Bundle, tokenizers: Tokenizers, count: int) -> "Cut":
    """Make what cuts sources as the training of a bundle did."""
    from mt.data.augmentation.config import AugmentationConfig  # noqa: PLC0415
    from mt.translation.engines.segmentations import RandomCuts  # noqa: PLC0415

    values = bundle.section("data").get("augmentation", {})
    regularization = AugmentationConfig.parse(values, where=str(bundle.path)).subword_regularization
    if regularization is None:
        raise ConfigError(
            f"{bundle.path}: expected a model trained with subword regularization, as several "
            "segmentations are asked for, but it was not; set "
            "data.augmentation.subword_regularization in training, or segmentations to 1"
        )
    sampler = regularization.build(tokenizers.source)
    return RandomCuts(tokenizers.source, sampler, count, bundle.metadata.max_tokens)


def load_fast_engine(
    bundle: Bundle, tokenizers: Tokenizers, config: TranslationConfig, shortlist: bytes | None
) -> Engine:
    """Load an engine for CPUs that does without torch: the native one, or CTranslate2.

    Args:
        bundle: Holds a model that does not need torch; see :func:`why_only_torch`.
        tokenizers: Those of the bundle.
        config: What to choose: ``auto`` takes the native engine for 8-bit integers, if it can.
        shortlist: As :meth:`Lexicon.write` wrote it; ``None``: all tokens are candidates.

    Raises:
        BundleError: If weights and config do not belong together.
    """
    native = config.engine == "native" or (
        config.engine == "auto"
        and config.precision in {"auto", "int8"}
        and why_not_native(bundle) is None
    )
    if native:
        from mt.translation.engines.native.engine import load_native_engine  # noqa: PLC0415

        return load_native_engine(bundle, tokenizers, config.precision, shortlist)
    from mt.translation.engines.ctranslate2.engine import load_ctranslate2  # noqa: PLC0415

    return load_ctranslate2(bundle, tokenizers, config.precision, shortlist)


def why_not_native(bundle: Bundle) -> str | None:
    """Say why the native engine cannot run a model that CTranslate2 can; ``None``: it can.

    Returns:
        The end of a sentence, such as ``it cannot compute alibi positions``.
    """
    from mt.translation.engines.native.library import why_unavailable  # noqa: PLC0415

    return why_never_native(bundle) or why_unavailable()


def why_never_native(bundle: Bundle) -> str | None:
    """Say why the native engine cannot run a model on any machine; see :func:`why_not_native`."""
    config = parse_model(bundle.section("model"), where=str(bundle.path))
    assert isinstance(config, TransformerConfig), "see `why_only_torch`"
    if config.positions.kind not in {"sinusoidal", "learned", "none", "rotary"}:
        return f"it cannot compute {config.positions.kind} positions"
    if max(config.dim, config.feed_forward) > WIDEST:
        return f"it cannot add up more than {WIDEST:,} products"
    return None


def why_only_torch(bundle: Bundle) -> str | None:
    """Say why only torch can run the model in a bundle; ``None``: others can.

    Returns:
        The end of a sentence, such as ``it cannot compute recurrent layers``, of the others.
    """
    from mt.translation.engines.ctranslate2.conversion import inexpressible  # noqa: PLC0415

    part = inexpressible(parse_model(bundle.section("model"), where=str(bundle.path)))
    return f"it cannot compute {part}" if part else None


def _shortlist(bundle: Bundle, use: ShortlistUse) -> bytes | None:
    """Read the shortlist of a bundle if it is to be used."""
    if use == "never" or (use == "auto" and bundle.metadata.shortlist_cost is None):
        return None
    shortlist = bundle.shortlist()
    if shortlist is None:
        raise ConfigError(
            f"{bundle.path}: expected a model with a shortlist, but it has none; "
            "learn one with `mt shortlist`, or choose auto"
        )
    return shortlist
