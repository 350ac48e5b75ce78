"""The root of a configuration: everything that determines a run."""

from typing import Self

from pydantic import Field, model_validator

from mt.config import StrictConfig
from mt.data.config import DataConfig
from mt.model.config import ModelConfig, TransformerConfig
from mt.text.tokenizer import TokenizerConfig
from mt.training.config import TrainingConfig, ValidationConfig
from mt.translation.config import TranslationConfig


class RecipeConfig(StrictConfig):
    """Everything that determines a run."""

    seed: int = Field(default=1, ge=0, lt=2**63)
    """Seeds weights, dropout, the order of batches, and the tokenizer's sample."""
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
            raise ValueError(
                "model.tie: expected `two_way` or `none` with separate vocabularies, but found "
                "`three_way`; set tokenizer.vocabulary to joint, or model.tie to two_way"
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
