"""The ``data`` section of a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mt.bundle import MOST_TOKENS
from mt.config import StrictConfig
from mt.data.augmentation.config import AugmentationConfig
from mt.data.corpora import CorpusConfig
from mt.data.filters import Filters, Selection
from mt.errors import run_checks
from mt.text.casing import has_own_capitals


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
    filters: Filters = ()
    """What drops training pairs by their text, in the order in which reasons count: sections, names
    of kinds, or ``standard`` for all kinds but ``language``; of one kind the last holds."""
    train: Corpora
    """Corpora to learn from; an epoch holds pairs of all of them in random order."""
    validation: Corpora
    """Corpora to measure progress on."""
    store: Path = Path("data/prepared")
    """Where encoded pairs are kept between runs; may be deleted at any time."""
    temperature: float = Field(default=1.0, ge=1, le=1000)
    """Shares an epoch of as many pairs as there are among the corpora: each gets a share in
    proportion to its size to the power of 1 / temperature (Arivazhagan et al. 2019). 1: every pair
    as often as the weight of its corpus says; 5 is usual where sizes differ by far."""
    max_tokens: Annotated[int, Field(gt=0, le=MOST_TOKENS)] = 256
    """Most tokens of a side, the end mark included; pairs with more are not learnt from."""
    augmentation: AugmentationConfig = AugmentationConfig()
    """How training pairs are changed on the fly."""

    def check(self) -> None:
        """Look for whatever would keep a corpus from being read or filtered; reads the files once.

        Raises:
            ConfigError: If a filter needs a package that is not installed.
            DataError: With a line for each mistake.
        """
        for selection in dict.fromkeys([*self.train_selections(), *self.validation_selections()]):
            selection.start()
        run_checks(corpus.check for corpus in dict.fromkeys([*self.train, *self.validation]))

    @property
    def validation_sets(self) -> tuple[str, ...]:
        """The names of the sets that validation pairs are divided into, in their order."""
        return tuple(dict.fromkeys(corpus.set for corpus in self.validation if corpus.set))

    def train_selections(self) -> list[Selection]:
        """Say for each training corpus which of its pairs are used."""
        return [self._selection(corpus, self.filters) for corpus in self.train]

    def validation_selections(self) -> list[Selection]:
        """Say so for each validation corpus: ``data.filters`` do not make it easier."""
        return [self._selection(corpus, ()) for corpus in self.validation]

    def _selection(self, corpus: CorpusConfig, filters: Filters) -> Selection:
        own = filters if corpus.filters is None else corpus.filters
        source, target = self.source, self.target
        if corpus.reverse:
            source, target = target, source
        return Selection(own, source, target, self.max_tokens)

    @field_validator("validation")
    @classmethod
    def _validation_has_sets_and_no_weights(
        cls, corpora: tuple[CorpusConfig, ...]
    ) -> tuple[CorpusConfig, ...]:
        if any(corpus.weight != 1 for corpus in corpora):
            raise ValueError("expected every pair to count once, but found a weight; leave it out")
        sets = [corpus.set for corpus in corpora]
        if any(sets) and not all(sets):
            raise ValueError("expected a set of every corpus or of none, but found both; name all")
        return corpora

    @field_validator("train")
    @classmethod
    def _training_has_no_sets(cls, corpora: tuple[CorpusConfig, ...]) -> tuple[CorpusConfig, ...]:
        if any(corpus.set for corpus in corpora):
            raise ValueError("expected sets of validation pairs alone, but found one; leave it out")
        return corpora

    @model_validator(mode="after")
    def _weights_or_temperature(self) -> Self:
        weights = [corpus.weight for corpus in self.train if corpus.weight != 1]
        if self.temperature != 1 and weights:
            raise ValueError(
                f"temperature: expected 1 where corpora have weights, as here {weights[0]:g}, but "
                f"found {self.temperature:g}; leave out either"
            )
        return self

    @model_validator(mode="after")
    def _capitals_of_the_same_rules(self) -> Self:
        own = [has_own_capitals(language) for language in (self.source, self.target)]
        exchanged = any(corpus.reverse for corpus in self.train)
        if self.augmentation.changes_case and exchanged and any(own):
            raise ValueError(
                "augmentation: expected no upper_case or title_case where a corpus is reversed and "
                f"{self.source} or {self.target} has capitals of its own; leave out either"
            )
        return self

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
