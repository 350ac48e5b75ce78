"""The filter of text in another language; the only file that knows py3langid."""

from functools import cache
from typing import TYPE_CHECKING

from mt.data.filters.contract import PairFilter, Reason
from mt.errors import ConfigError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_ALIKE = tuple(
    frozenset(group.split())
    for group in ("ar ary arz", "bs hr sr", "fa prs", "id ms", "nb nn no", "wuu yue zh")
)
"""Languages that no program tells apart by a sentence; one stands for all."""
_NO_LANGUAGE = "zxx"
"""What the package calls text without any, such as numbers."""


class Language(PairFilter):
    """Drops pairs of which a side is written in another language than it should be.

    Short texts and languages that the package does not know are let through.

    Args:
        source: The language of sources, as a tag such as ``de`` or ``pt-BR``.
        target: The language of targets.
        min_confidence: Least probability of another language that drops a pair.
        min_characters: Shorter texts are not looked at.

    Raises:
        ConfigError: If the package is not installed.
    """

    def __init__(
        self, source: str, target: str, min_confidence: float, min_characters: int
    ) -> None:
        self._identifier = load_identifier()
        known = frozenset(self._identifier.labels)
        self._wanted = tuple(_labels(tag) & known for tag in (source, target))
        self._min_confidence, self._min_characters = min_confidence, min_characters

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the language that was found, and how probable it is."""
        for text, wanted in zip((source, target), self._wanted, strict=True):
            if not wanted or len(text) < self._min_characters:
                continue
            found, confidence = self._identifier.classify(text)
            if found not in {*wanted, _NO_LANGUAGE} and confidence >= self._min_confidence:
                return Reason("other language", f"{found} {confidence:.2f}")
        return None


@cache
def load_identifier() -> "LanguageIdentifier":
    """Load the model, which is a part of the package, once.

    Raises:
        ConfigError: If the package is not installed.
    """
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            "filters: expected the package py3langid for the kind `language`, but it is not "
            "installed; install it with: pip install 'mt[language]'"
        ) from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _labels(tag: str) -> frozenset[str]:
    """Return what the package may call a language."""
    language = tag.replace("_", "-").split("-")[0].lower()
    return next((group for group in _ALIKE if language in group), frozenset({language}))
