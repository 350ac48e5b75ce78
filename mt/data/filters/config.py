"""The filters that a recipe may name: what can be set, and what is built of it.

Reading them loads neither NumPy nor what single filters need.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field

from mt.config import Count, StrictConfig
from mt.data.filters.contract import Filter

Share = Annotated[float, Field(ge=0, le=1)]


class BaseFilterConfig(StrictConfig):
    """What every filter can say of itself."""

    kind: str
    stateful: ClassVar[bool] = False
    """Whether it remembers earlier pairs."""

    @abstractmethod
    def build(self, source: str, target: str) -> Filter:
        """Build the filter for a pair of languages.

        Raises:
            ConfigError: If it needs a package that is not installed.
        """


class EncodingConfig(BaseFilterConfig):
    """Drop what was read in the wrong encoding (``fÃ¼r``), control characters and U+FFFD."""

    kind: Literal["encoding"] = "encoding"

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.encoding import Encoding

        return Encoding()


class MarkupConfig(BaseFilterConfig):
    """Drop tags, entities, addresses and templates that only one side has, or is mostly made of."""

    kind: Literal["markup"] = "markup"
    max_share: Share = 0.8
    """Greatest share of a side that may be markup, if both have as many pieces of it."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.markup import Markup

        return Markup(self.max_share)


class LengthConfig(BaseFilterConfig):
    """Drop pairs with a side of odd length; ``data.max_tokens`` bounds that in tokens."""

    kind: Literal["length"] = "length"
    min_words: Count = 1
    """Least words of a side, counted between spaces."""
    max_words: Count = 300
    """Most words of a side."""
    max_characters: Count = 2000
    """Most characters of a side."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.length import Length

        return Length(self.min_words, self.max_words, self.max_characters)


class LengthRatioConfig(BaseFilterConfig):
    """Drop pairs of which one side is much longer than the other.

    Spaces do not count, and the wide characters of Chinese, Japanese and Korean count twice.
    """

    kind: Literal["length_ratio"] = "length_ratio"
    max_ratio: Annotated[float, Field(ge=1)] = 2.5
    """Most characters of a side for each of the other."""
    slack: Annotated[int, Field(ge=0, lt=2**31)] = 10
    """Characters added to both sides before: short sentences differ more."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.length import LengthRatio

        return LengthRatio(self.max_ratio, self.slack)


class LettersConfig(BaseFilterConfig):
    """Drop pairs with a side that is hardly made of letters."""

    kind: Literal["letters"] = "letters"
    min_share: Share = 0.3
    """Least share of letters among the characters that are no spaces."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.letters import Letters

        return Letters(self.min_share)


class ScriptConfig(BaseFilterConfig):
    """Drop pairs with a side written in letters that do not belong to its language."""

    kind: Literal["script"] = "script"
    min_share: Share = 0.3
    """Least share of the letters of a side that belong to the scripts of its language; a language
    that is not known, or written in any script, is let through."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.letters import Script

        return Script(source, target, self.min_share)


class CopiesConfig(BaseFilterConfig):
    """Drop pairs whose sides are the same but for case and spaces."""

    kind: Literal["copies"] = "copies"
    min_length: Annotated[int, Field(ge=0, lt=2**31)] = 15
    """Shorter ones stay, such as names: least characters without spaces."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.copies import Copies

        return Copies(self.min_length)


class RepetitionConfig(BaseFilterConfig):
    """Drop pairs with a side that repeats a character or its words."""

    kind: Literal["repetition"] = "repetition"
    max_run: Annotated[int, Field(ge=2, lt=1000)] = 10
    """Most times that one character may stand in a row."""
    min_distinct: Share = 0.34
    """Least share of different words."""
    min_words: Count = 8
    """Sides of fewer words may repeat them."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.repetition import Repetition

        return Repetition(self.max_run, self.min_words, self.min_distinct)


class NumbersConfig(BaseFilterConfig):
    """Drop pairs whose sides hold different numbers; however these are written."""

    kind: Literal["numbers"] = "numbers"
    max_missing: Share = 0.5
    """Greatest share of all numbers that the other side may not have, if it has any."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter."""
        from mt.data.filters.numbers import Numbers

        return Numbers(self.max_missing)


class LanguageConfig(BaseFilterConfig):
    """Drop pairs with a side in another language; needs the package py3langid."""

    kind: Literal["language"] = "language"
    min_confidence: Share = 0.9
    """Least probability of another language that drops a pair."""
    min_characters: Count = 20
    """Shorter sides are not looked at."""

    def build(self, source: str, target: str) -> Filter:
        """Build the filter.

        Raises:
            ConfigError: If py3langid is not installed.
        """
        from mt.data.filters.language import Language

        return Language(source, target, self.min_confidence, self.min_characters)


class DuplicatesConfig(BaseFilterConfig):
    """Drop pairs that stood in the same corpus before; a pair with another translation stays."""

    kind: Literal["duplicates"] = "duplicates"
    stateful: ClassVar[bool] = True

    def build(self, source: str, target: str) -> Filter:
        """Build the filter, which has seen nothing yet."""
        from mt.data.filters.duplicates import Duplicates

        return Duplicates()


AnyFilter = (
    EncodingConfig
    | MarkupConfig
    | LengthConfig
    | LengthRatioConfig
    | LettersConfig
    | ScriptConfig
    | CopiesConfig
    | RepetitionConfig
    | NumbersConfig
    | LanguageConfig
    | DuplicatesConfig
)
FilterConfig = Annotated[AnyFilter, Field(discriminator="kind")]
"""A filter of any kind."""

STANDARD: tuple[AnyFilter, ...] = tuple(
    kind() for kind in get_args(AnyFilter) if kind is not LanguageConfig
)
"""The filters called ``standard``: all that need no other package, as they are."""


def _written_out(value: Any) -> Any:
    """Turn ``standard``, and names of kinds, into sections; of one kind the last holds."""
    if isinstance(value, str | Mapping | BaseModel):
        value = [value]
    if not isinstance(value, Sequence):
        return value
    sections: dict[Any, Any] = {}
    for number, each in enumerate(value):
        if each == "standard":
            sections |= {section.kind: section for section in STANDARD}
        elif isinstance(each, str):
            sections[each] = {"kind": each}
        else:
            kind = each.get("kind") if isinstance(each, Mapping) else getattr(each, "kind", None)
            sections[kind if isinstance(kind, str) else number] = each
    return tuple(sections.values())


Filters = Annotated[tuple[FilterConfig, ...], BeforeValidator(_written_out)]
"""Filters in the order in which their reasons count: sections, names of kinds, and ``standard``;
one alone needs no list."""


class CleaningConfig(StrictConfig):
    """What a corpus is cleaned with."""

    filters: Filters = STANDARD
    """As ``data.filters`` of a recipe."""
