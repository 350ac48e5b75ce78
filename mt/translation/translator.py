"""Raw text in, raw text out: N lines in, N lines out, in order."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from mt import hardware
from mt.bundle import Bundle, open_bundle
from mt.devices import DeviceName
from mt.errors import BundleError
from mt.model.config import parse_model
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import Tokenizers
from mt.translation.config import TranslationConfig
from mt.translation.engines import Engine
from mt.translation.engines.torch import TorchEngine
from mt.translation.long_lines import split_long
from mt.translation.stream import pools

log = logging.getLogger(__name__)


class Translator:
    """A tokenizer, an engine and a way to search.

    Example:
        >>> translator = load_translator(Path("checkpoints/multi30k-en-de"))  # doctest: +SKIP
        >>> list(translator.translate(["A man rides a bicycle."]))  # doctest: +SKIP
        ['Ein Mann fährt Fahrrad.']
    """

    def __init__(
        self,
        engine: Engine,
        tokenizers: Tokenizers,
        config: TranslationConfig,
        longest: int,
    ) -> None:
        """Put the parts together.

        Args:
            engine: Turns source tokens into target tokens.
            tokenizers: Turn text into tokens and back.
            config: How to search.
            longest: Source tokens that are translated at once; longer lines are cut into parts.
        """
        self.engine = engine
        self.tokenizers = tokenizers
        self.config = config
        self.longest = longest

    def translate(self, lines: Iterable[str]) -> Iterator[str]:
        """Translate a stream of lines, giving each translation as soon as its batch is done.

        A blank line stays blank and never reaches the model. Lines that come slowly are not waited
        for; memory does not grow with their number.
        """
        for pool in pools(lines):
            yield from self.translate_all(pool)

    def translate_all(self, lines: Sequence[str]) -> list[str]:
        """Translate lines that are all there."""
        encoded = self.tokenizers.source.encode([line.strip() for line in lines])
        sources: list[list[int]] = []
        spans: list[slice] = []
        for line, tokens in zip(lines, encoded, strict=True):
            first = len(sources)
            sources += (
                self._cut(line, tokens) if len(tokens) >= self.longest else filter(None, [tokens])
            )
            spans.append(slice(first, len(sources)))
        hypotheses = self.engine.generate(sources, self.config.beam, self.config.length_penalty)
        targets = self.tokenizers.target.decode([found.tokens for found in hypotheses])
        return [" ".join(targets[span]) for span in spans]

    def _cut(self, line: str, tokens: Sequence[int]) -> list[list[int]]:
        """Encode a line in parts that each leave room for the end mark."""
        encode = self.tokenizers.source.encode
        cut = encode(split_long(line, lambda part: len(encode([part])[0]) < self.longest))
        parts = [part for part in cut if part]
        log.warning(
            "a line of %d tokens is longer than the %d the model was trained for; its %d parts are "
            "translated one by one: %s…", len(tokens), self.longest, len(parts), line.strip()[:40],
        )  # fmt: skip
        return parts


def load_translator(path: Path, device: DeviceName = "auto", beam: int | None = None) -> Translator:
    """Load a translator from a bundle or a run directory.

    Args:
        path: A bundle, or a run directory whose best bundle is meant.
        device: Where to compute.
        beam: Hypotheses to keep instead of the bundle's own number.

    Raises:
        BundleError: If there is no sound model at ``path``.
        ConfigError: If the machine has no such device.
    """
    bundle = open_bundle(path)
    place = hardware.choose_device(device)
    hardware.prepare_translation(place)
    tokenizers = bundle.tokenizers()
    config = TranslationConfig.parse(bundle.config["translation"], where=str(bundle.path))
    if beam is not None:
        config = config.model_copy(update={"beam": beam})
    engine = TorchEngine(load_model(bundle, tokenizers), place)
    return Translator(engine, tokenizers, config, longest=bundle.config["data"]["max_tokens"])


def load_model(bundle: Bundle, tokenizers: Tokenizers) -> EncoderDecoder:
    """Build a bundle's model and fill in its weights.

    Raises:
        BundleError: If weights and config do not belong together.
    """
    config = parse_model(bundle.config["model"], where=str(bundle.path))
    model = config.build(tokenizers.source.size, tokenizers.target.size)
    weights = bundle.weights()
    parameters = dict(model.named_parameters())
    shapes = [{name: table[name].shape for name in table} for table in (weights, parameters)]
    if shapes[0] != shapes[1]:
        odd = sorted({name for name, _ in shapes[0].items() ^ shapes[1].items()})
        raise BundleError(
            f"{bundle.path}: expected the weights of its config, but they differ in "
            f"{', '.join(odd[:3])}; copy the model again"
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])
    return model
