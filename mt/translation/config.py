"""The section ``translation`` of a recipe, which is also what one call may ask for.

Reading it loads no torch.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, model_validator

from mt.config import StrictConfig
from mt.devices import EngineName, EnginePrecision, ShortlistUse


class BaseSearchConfig(StrictConfig):
    """What every search can be told."""

    no_repeat_ngram: NonNegativeInt = 0
    """Tokens of the shortest sequence that a translation never holds twice (Paulus et al. 2018,
    section 2.5); 0: all may be repeated."""

    @property
    def kept(self) -> int:
        """How many hypotheses are kept at every step."""
        return 1

    def without_repetition(self) -> Self:
        """Return the same search, with no sequence of a few tokens twice."""
        return self.model_copy(update={"no_repeat_ngram": self.no_repeat_ngram or 3})


class GreedyConfig(BaseSearchConfig):
    """Take the most probable token at every step."""

    kind: Literal["greedy"] = "greedy"

    def score(self, log_probability: float, length: int) -> float:
        """Return the mean log-probability of ``length`` tokens, the end mark counted."""
        return log_probability / length


class BeamConfig(BaseSearchConfig):
    """Keep the best few hypotheses at every step (Graves 2012, section 4)."""

    kind: Literal["beam"] = "beam"
    size: int = Field(default=5, gt=0, le=1000)
    """Hypotheses kept at every step; 1 is greedy search."""
    length_penalty: NonNegativeFloat = 1.0
    """Finished hypotheses are ranked by log-probability / length ** length_penalty: 0 favours the
    short, 1 takes the mean over tokens."""

    @property
    def kept(self) -> int:
        """How many hypotheses are kept at every step."""
        return self.size

    def score(self, log_probability: float, length: int) -> float:
        """Return what a hypothesis of ``length`` tokens, the end mark counted, is ranked by."""
        normaliser: float = length**self.length_penalty
        return log_probability / normaliser


SearchConfig = Annotated[GreedyConfig | BeamConfig, Field(discriminator="kind")]
"""How a translation is searched for."""


class TranslationConfig(StrictConfig):
    """How a trained model translates unless told otherwise."""

    search: SearchConfig = BeamConfig()
    """How a translation is searched for."""
    engine: EngineName = "auto"
    """What computes translations: ctranslate2 (on CPUs, most kinds of models), torch (everywhere,
    all models), or auto, which takes ctranslate2 where it can. Chosen when a model is loaded."""
    precision: EnginePrecision = "auto"
    """The numbers that ctranslate2 multiplies: int8, float32, or auto, which takes int8 where the
    processor is made for it. Chosen when a model is loaded."""
    shortlist: ShortlistUse = "auto"
    """Whether ctranslate2 chooses among the likely tokens of a model's shortlist only, which is
    faster: always, never, or auto, which does if that was measured to cost hardly any BLEU. Chosen
    when a model is loaded; never also keeps training from learning one."""
    split_sentences: bool = True
    """Translate a line sentence by sentence, as models are trained on single sentences."""
    alternatives: NonNegativeInt = 0
    """Other hypotheses returned with a translation; fewer than the beam holds."""
    token_log_probabilities: bool = False
    """Whether each translation comes with the log-probability of each of its tokens, for which it
    is read by the model once more."""

    @model_validator(mode="after")
    def _alternatives_fit_the_beam(self) -> Self:
        if self.alternatives >= self.search.kept:
            raise ValueError(
                f"alternatives: expected fewer than the {self.search.kept} hypotheses that search "
                f"keeps, but found {self.alternatives}; widen the beam"
            )
        return self

    def changed(self, **values: Any) -> "TranslationConfig":
        """Return the same with other values.

        Raises:
            ConfigError: If they do not fit together.
        """
        return TranslationConfig.parse(self.model_dump() | values, where="translation")

    def with_beam(self, size: int) -> "TranslationConfig":
        """Return the same with a beam of another size.

        Raises:
            ConfigError: If the size is not positive, or too small for `alternatives`.
        """
        beam = self.search if isinstance(self.search, BeamConfig) else BeamConfig()
        search = beam.model_dump() | {"size": size}
        return TranslationConfig.parse(self.model_dump() | {"search": search}, where="beam")
