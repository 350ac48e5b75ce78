"""The root of a configuration: everything that determines a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from mt.bundle import CONFIG, Bundle, load_bundle
from mt.config import Overrides, StrictConfig, apply_overrides, flatten
from mt.data.config import DataConfig
from mt.errors import ConfigError
from mt.model.config import ModelConfig, TransformerConfig
from mt.text.tokenizer import TokenizerConfig
from mt.training.config import TrainingConfig, ValidationConfig
from mt.translation.config import TranslationConfig
from mt.yaml import read_yaml

_KEPT = {"tokenizer_from": ("tokenizer",), "init_from": ("tokenizer", "model")}
"""The sections that are as in a bundle which a recipe names."""
_FREE = frozenset({"model.dropout"})
"""Keys of the sections that belong to weights which do not describe them."""


class RecipeConfig(StrictConfig):
    """Everything that determines a run."""

    seed: int = Field(default=1, ge=0, lt=2**63)
    """Seeds weights, dropout, the order of batches, and the tokenizer's sample."""
    init_from: Path | None = None
    """A bundle, or a run whose best bundle is meant, from whose weights training starts. Its
    tokenizers are kept, and what is left out of `tokenizer` and `model` is as it has it; only
    `model.dropout` may differ. null: from random weights."""
    tokenizer_from: Path | None = None
    """A bundle, or a run whose best bundle is meant, whose tokenizers are kept, so that none are
    learnt: of other corpora, or of models that are to translate together. What is left out of
    `tokenizer` is as it has it. null: they are learnt, or those of `init_from`."""
    data: DataConfig
    """Corpora and languages."""
    tokenizer: TokenizerConfig = TokenizerConfig()
    """How text becomes tokens."""
    model: ModelConfig = Field(default_factory=TransformerConfig)
    """The architecture."""
    training: TrainingConfig = TrainingConfig()
    """How the weights are found."""
    validation: ValidationConfig = ValidationConfig()
    """When and how a model in training is measured."""
    translation: TranslationConfig = TranslationConfig()
    """How the finished model translates unless a call says otherwise."""

    @model_validator(mode="after")
    def _tie_needs_joint_vocabulary(self) -> Self:
        if self.model.tie == "three_way" and self.tokenizer.vocabulary == "separate":
            joint = (
                "set tokenizer.vocabulary to joint, or" if self.tokenizer_from is None else "set"
            )
            raise ValueError(
                "model.tie: expected `two_way` or `none` with separate vocabularies, but found "
                f"`three_way`; {joint} model.tie to two_way"
            )
        return self

    @model_validator(mode="after")
    def _validation_uses_known_tags(self) -> Self:
        """Check what tokenizers will know; those that are kept are asked in preparation."""
        if self.init_from is not None or self.tokenizer_from is not None:
            return self
        known = {corpus.tag for corpus in self.data.train}
        for corpus in self.data.validation:
            if corpus.tag is not None and corpus.tag not in known:
                raise ValueError(
                    "data.validation: expected the tag of a training corpus, but found "
                    f"{corpus.tag!r}; correct it, or leave it out"
                )
        return self

    @model_validator(mode="after")
    def _lora_has_a_model(self) -> Self:
        if self.training.lora is not None and self.init_from is None:
            raise ValueError(
                "training.lora: expected init_from, a model whose weights stay as they are, but it "
                "is missing; name one, or leave lora out"
            )
        return self

    @model_validator(mode="after")
    def _validation_leads(self) -> Self:
        sets, lead = self.data.validation_sets, self.validation.lead
        if lead is not None and lead not in sets:
            known = ", ".join(sets) or "none"
            raise ValueError(
                f"validation.lead: expected a set of data.validation ({known}), but found {lead}; "
                "correct it, or leave it out"
            )
        if self.validation.max_forgetting is not None and (
            self.init_from is None or lead is None or len(sets) == 1
        ):
            raise ValueError(
                "validation.max_forgetting: expected init_from, validation.lead and another set of "
                "validation pairs, which may be forgotten, but one is missing; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _regularization_fits_the_tokenizer(self) -> Self:
        drawn, algorithm = self.data.augmentation.subword_regularization, self.tokenizer.algorithm
        fitting = {"unigram": "unigram_sampling", "bpe": "bpe_dropout"}[algorithm]
        if drawn is not None and drawn.kind != fitting:
            raise ValueError(
                f"data.augmentation.subword_regularization: expected `{fitting}`, as "
                f"tokenizer.algorithm is `{algorithm}`, but found `{drawn.kind}`; change either"
            )
        return self


def load_recipe(path: Path, overrides: Overrides = (), run: Path | None = None) -> RecipeConfig:
    """Read a recipe and apply overrides; see :func:`parse_recipe`.

    Raises:
        ConfigError: If the file cannot be read, is not YAML, or is no recipe.
        BundleError: If the bundle to start from cannot be read.
    """
    return parse_recipe(apply_overrides(read_yaml(path), overrides), str(path), run)


def parse_recipe(values: Mapping[str, Any], where: str, run: Path | None = None) -> RecipeConfig:
    """Validate a recipe; what it keeps of a bundle is as that has it.

    Args:
        values: What the file held.
        where: The name shown before each error.
        run: The run directory, if the recipe is that of a run that is resumed: what the run
            keeps is then known by itself, and the bundle is not needed any more.

    Raises:
        ConfigError: Naming every error, or what contradicts the bundle.
        BundleError: If the bundle cannot be read.
    """
    if all(values.get(key) for key in _KEPT):
        raise ConfigError(
            f"{where}: `tokenizer_from`: expected no other model beside init_from, whose "
            f"tokenizers are kept, but found {values['tokenizer_from']}; leave it out"
        )
    for key, names in _KEPT.items():
        bundle = values.get(key)
        if isinstance(bundle, str | Path):
            values = {**values, **_sections_of(Path(bundle), names, values, where, run)}
    recipe = RecipeConfig.parse(values, where)
    consistency = recipe.training.consistency
    if run is None and consistency is not None and consistency.kind == "rdrop":
        _refuse_equal_passes(recipe, where)
    return recipe


def _refuse_equal_passes(recipe: RecipeConfig, where: str) -> None:
    """Refuse R-Drop where its passes do not differ."""
    if not recipe.model.has_dropout:
        raise ConfigError(
            f"{where}: training.consistency: expected dropout, by which the two passes of rdrop "
            "differ, but the model has none; set model.dropout, or leave consistency out"
        )


def _sections_of(
    bundle: Path, names: Sequence[str], values: Mapping[str, Any], where: str, run: Path | None
) -> dict[str, Any]:
    """Return sections that describe a bundle's tokens and weights.

    Raises:
        ConfigError: If those of the recipe say something else.
    """
    if run is not None and (run / CONFIG).exists():
        known = read_yaml(run / CONFIG)
    else:
        known = load_bundle(bundle, _described)
    found = {}
    for name in names:
        given = values.get(name) or {}
        if not isinstance(given, Mapping):
            continue  # what it should be is said where it is validated
        own = flatten({name: known[name]})
        for key, value in flatten({name: given}).items():
            if key not in _FREE and value != own.get(key, value):
                raise ConfigError(
                    f"{where}: `{key}`: expected {own[key]}, as in {bundle}, whose {name} is "
                    f"kept, but found {value}; leave it out"
                )
        found[name] = _merged(known[name], given)
    return found


def _described(bundle: Bundle) -> dict[str, Any]:
    return {name: bundle.section(name) for name in ("tokenizer", "model")}


def _merged(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Put values over others, section by section."""
    merged = {**own, **given}
    for key in own.keys() & given.keys():
        if isinstance(own[key], Mapping) and isinstance(given[key], Mapping):
            merged[key] = _merged(own[key], given[key])
    return merged
