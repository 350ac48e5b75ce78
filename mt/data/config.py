"""The ``data`` section of a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from mt.bundle import MOST_TOKENS
from mt.config import StrictConfig
from mt.data.corpora import CorpusConfig
from mt.data.pairs import Blank, Filter, TooLong
from mt.errors import run_checks


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str | Path | Mapping | BaseModel) else value


Corpora = Annotated[tuple[CorpusConfig, ...], BeforeValidator(_several)]
"""A list of corpora; one alone needs no list."""


class DataConfig(StrictConfig):
    """The corpora that a model is trained and validated on."""

    source: str = Field(min_length=1)
    """The language translated from, as a tag such as ``de``."""
    target: str = Field(min_length=1)
    """The language translated into."""
    train: Corpora
    """Corpora to learn from, read one after the other."""
    validation: Corpora
    """Corpora to measure progress on."""
    store: Path = Path("data/prepared")
    """Where encoded pairs are kept between runs; may be deleted at any time."""
    max_tokens: Annotated[int, Field(gt=0, le=MOST_TOKENS)] = 256
    """Most tokens of a side, the end mark included; pairs with more are not learnt from."""

    def check(self) -> None:
        """Look for whatever would keep a corpus from being read; reads the files once.

        Raises:
            DataError: With a line for each mistake.
        """
        run_checks(corpus.check for corpus in dict.fromkeys([*self.train, *self.validation]))

    def filters(self) -> tuple[Filter, ...]:
        """Return what drops pairs, in the order in which their reasons count."""
        return Blank(), TooLong(self.max_tokens)

    @field_validator("train", "validation")
    @classmethod
    def _needs_corpora(cls, corpora: tuple[CorpusConfig, ...]) -> tuple[CorpusConfig, ...]:
        if not corpora:
            raise ValueError("expected at least one corpus, but found none; add one")
        return corpora

    @field_validator("train", "validation")
    @classmethod
    def _are_in_the_languages(
        cls, corpora: tuple[CorpusConfig, ...], known: ValidationInfo
    ) -> tuple[CorpusConfig, ...]:
        source, target = known.data.get("source"), known.data.get("target")
        if source is None or target is None:
            return corpora  # their tags are reported for themselves
        return tuple(corpus.in_languages(source, target) for corpus in corpora)
