"""Raw text in, translations out: N lines in, N lines out, in order."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mt.bundle import Bundle, load_bundle
from mt.devices import DeviceName, EngineName, EnginePrecision, ShortlistUse
from mt.text.tokenizer import Tokenizers
from mt.translation.config import SearchConfig, TranslationConfig
from mt.translation.contract import Engine, Hypothesis, Translation
from mt.translation.engines import load_engine
from mt.translation.long_lines import split_long
from mt.translation.stream import pools

log = logging.getLogger(__name__)


class Translator:
    """An engine with the tokenizers around it.

    Example:
        >>> translator = load_translator(Path("checkpoints/multi30k-en-de"))  # doctest: +SKIP
        >>> [translation] = translator.translate(["A man rides a bicycle."])  # doctest: +SKIP
        >>> translation.text  # doctest: +SKIP
        'Ein Mann fährt Fahrrad.'
    """

    def __init__(
        self,
        engine: Engine,
        tokenizers: Tokenizers,
        config: TranslationConfig,
        max_tokens: int,
    ) -> None:
        """Put the parts together.

        Args:
            engine: Turns source tokens into target tokens.
            tokenizers: Turn text into tokens and back.
            config: How to translate where a call does not say otherwise.
            max_tokens: Source tokens that are translated at once, the end mark included; longer
                lines are cut into parts.
        """
        self.engine = engine
        self.tokenizers = tokenizers
        self.config = config
        self.max_tokens = max_tokens

    def translate(
        self, lines: Iterable[str], config: TranslationConfig | None = None
    ) -> Iterator[Translation]:
        """Translate a stream of lines, giving each translation as soon as its batch is done.

        A blank line stays blank and never reaches the model. Lines that come slowly are not waited
        for; memory does not grow with their number.

        Args:
            lines: Raw text, one line each.
            config: How to translate these; ``None``: as the translator usually does.

        Raises:
            TypeError: If ``lines`` is one string, or something in it is none.
        """
        config = config or self.config
        checked = _checked(lines)
        return (line for pool in pools(checked) for line in self._translate_pool(pool, config))

    def translate_all(
        self, lines: Sequence[str], config: TranslationConfig | None = None
    ) -> list[Translation]:
        """Translate lines that are all there; see :meth:`translate`."""
        return self._translate_pool(list(_checked(lines)), config or self.config)

    def _translate_pool(self, lines: Sequence[str], config: TranslationConfig) -> list[Translation]:
        encoded = self.tokenizers.source.encode([line.strip() for line in lines])
        sources: list[list[int]] = []
        spans: list[slice] = []
        for line, tokens in zip(lines, encoded, strict=True):
            first = len(sources)
            if len(tokens) >= self.max_tokens:
                sources += self._cut(line, tokens)
            elif tokens:
                sources.append(tokens)
            spans.append(slice(first, len(sources)))
        found = self.engine.search(sources, config.search, config.alternatives + 1)
        texts = iter(self._texts([hypothesis for group in found for hypothesis in group]))
        parts = [[next(texts) for _ in group] for group in found]
        return [_join(parts[span], config.search) for span in spans]

    def _texts(self, hypotheses: Sequence[Hypothesis]) -> list[Translation]:
        """Turn hypotheses into text."""
        target = self.tokenizers.target
        texts = target.decode([hypothesis.tokens for hypothesis in hypotheses])
        return [
            Translation(text, tuple(target.tokens(each.tokens)), each.log_probability, each.score)
            for text, each in zip(texts, hypotheses, strict=True)
        ]

    def _cut(self, line: str, tokens: Sequence[int]) -> list[list[int]]:
        """Encode a line in parts that each leave room for the end mark."""
        encode = self.tokenizers.source.encode
        cut = encode(split_long(line, lambda part: len(encode([part])[0]) < self.max_tokens))
        parts = [part for part in cut if part]
        log.warning(
            "a line of %d tokens is longer than the %d the model was trained for; its %d parts are "
            "translated one by one: %s…",
            len(tokens), self.max_tokens, len(parts), line.strip()[:40],
        )  # fmt: skip
        return parts


def load_translator(
    path: Path,
    device: DeviceName = "auto",
    engine: EngineName | None = None,
    precision: EnginePrecision | None = None,
    shortlist: ShortlistUse | None = None,
) -> Translator:
    """Load a translator from a bundle or a run directory.

    Args:
        path: A bundle, or a run directory whose best bundle is meant.
        device: Where to compute.
        engine: What computes; ``None``: as the bundle says.
        precision: The numbers it multiplies, if it has a choice; ``None``: as the bundle says.
        shortlist: Whether it uses a shortlist, if it can; ``None``: as the bundle says.

    Raises:
        BundleError: If there is no sound model at ``path``.
        ConfigError: If the machine has no such device, or the engine cannot compute the model.
    """
    asked = {"engine": engine, "precision": precision, "shortlist": shortlist}

    def load(bundle: Bundle) -> Translator:
        tokenizers = bundle.tokenizers()
        values = bundle.section("translation") | {
            name: value for name, value in asked.items() if value is not None
        }
        config = TranslationConfig.parse(values, where=str(bundle.path))
        found = load_engine(bundle, tokenizers, device, config)
        return Translator(found, tokenizers, config, bundle.metadata.max_tokens)

    return load_bundle(path, load)


def _checked(lines: Iterable[str]) -> Iterator[str]:
    """Refuse a single string at once, and in a stream what is no text when it comes."""
    if isinstance(lines, str):
        raise TypeError("lines: expected several lines, but got one string; put it in a list")
    return map(_check_text, itertools.count(), lines)


def _check_text(index: int, line: object) -> str:
    if not isinstance(line, str):
        raise TypeError(
            f"lines: expected text, but item {index} is {line!r} ({type(line).__name__}); "
            "drop it, or turn it into text"
        )
    return line


def _join(parts: Sequence[Sequence[Translation]], search: SearchConfig) -> Translation:
    """Put the translations of a line's parts together, of each part the best first."""
    if not parts:
        return Translation("")
    if len(parts) == 1:
        [[best, *others]] = parts
        return replace(best, alternatives=tuple(others))
    firsts = [part[0] for part in parts]
    log_probability = sum(each.log_probability for each in firsts)
    length = sum(len(each.tokens) + 1 for each in firsts)
    return Translation(
        " ".join(each.text for each in firsts),
        tuple(token for each in firsts for token in each.tokens),
        log_probability,
        search.score(log_probability, length),
    )
