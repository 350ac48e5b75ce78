"""The section ``translation`` of a recipe, which is also what one call may ask for.

Reading it loads no torch.
"""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, model_validator

from mt.config import Count, StrictConfig
from mt.devices import EngineName, EnginePrecision, ShortlistUse
from mt.errors import ConfigError


def longest_translation(source: int) -> int:
    """Bound the tokens of any translation, its end mark included, by those of its source."""
    return 3 * source + 20


class BaseSearchConfig(StrictConfig):
    """What every search can be told."""

    min_length_ratio: float = Field(default=0.0, ge=0, le=3)
    """Least tokens of a translation for each token of its source."""
    max_length_ratio: float | None = Field(default=None, gt=0, le=3)
    """Most tokens of a translation for each token of its source, rounded up; null: three and twenty
    more, which always is the bound."""
    no_repeat_ngram: NonNegativeInt = 0
    """Tokens of the shortest sequence that a translation never holds twice (Paulus et al. 2018,
    section 2.5); 0: all may be repeated."""

    @property
    def kept(self) -> int:
        """How many hypotheses are kept at every step."""
        return 1

    @property
    def torch_only(self) -> str | None:
        """Why only torch can search so, as the end of a sentence; ``None``: others can."""
        return None

    def shortest(self, source: int) -> int:
        """Return the least tokens that a translation of ``source`` tokens must have."""
        return min(max(1, int(self.min_length_ratio * source)), self.longest(source))

    def longest(self, source: int) -> int:
        """Return the most tokens that a translation of ``source`` tokens may have.

        No language pair needs more than the bound, and a loop must end.
        """
        bound = longest_translation(source) - 1
        if self.max_length_ratio is None:
            return bound
        return max(1, min(bound, math.ceil(self.max_length_ratio * source)))

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
    length_norm: Literal["power", "gnmt"] = "power"
    """What the log-probability is divided by: power, as above; gnmt, ((5 + length) / 6) **
    length_penalty (Wu et al. 2016, equation 14), which hardly changes for the shortest."""
    coverage_penalty: NonNegativeFloat = 0.0
    """Weight of the coverage penalty of Wu et al. (2016, equation 14), added to what finished
    hypotheses are ranked by: the sum, over the tokens of the source, of log(min(attention, 1)),
    where attention is what the token got from all steps, the mean of the heads of the last layer.
    On the torch engine only."""

    @property
    def kept(self) -> int:
        """How many hypotheses are kept at every step."""
        return self.size

    @property
    def torch_only(self) -> str | None:
        """Why only torch can search so, as the end of a sentence; ``None``: others can."""
        if self.coverage_penalty:
            return "it does not say how much of a score is the coverage penalty"
        return None

    def score(self, log_probability: float, length: int) -> float:
        """Return what a hypothesis is ranked by, before any coverage penalty.

        Args:
            log_probability: Of the hypothesis, in nats.
            length: Its tokens, the end mark counted.
        """
        base = length if self.length_norm == "power" else (5 + length) / 6
        normaliser: float = base**self.length_penalty
        return log_probability / normaliser


class DiverseBeamConfig(BeamConfig):
    """Search with groups of hypotheses that avoid each other's tokens; on the torch engine only.

    At every step a token costs a group ``diversity`` for each time that groups before it have just
    chosen it. The cost steers the search alone: hypotheses are ranked as those of any beam
    (Vijayakumar et al. 2018, section 4, with Hamming diversity).
    """

    kind: Literal["diverse_beam"] = "diverse_beam"  # type: ignore[assignment]
    groups: int | None = Field(default=None, gt=0)
    """Groups of equally many hypotheses; null: each hypothesis is a group."""
    diversity: NonNegativeFloat = 0.5
    """Cost in nats; 0: all groups find the same."""

    @model_validator(mode="after")
    def _groups_are_equal(self) -> Self:
        if self.groups and self.size % self.groups:
            raise ValueError(
                f"groups: expected a divisor of the {self.size} hypotheses of the beam, but found "
                f"{self.groups}; change one of them"
            )
        return self

    @property
    def torch_only(self) -> str | None:
        """Why only torch can search so, as the end of a sentence."""
        return "it knows no groups of hypotheses"


class SamplingConfig(BaseSearchConfig):
    """Draw each token from the probabilities of the model; on the torch engine only.

    What is drawn depends on the seed and the sentence alone, not on its neighbours.
    """

    kind: Literal["sampling"] = "sampling"
    size: int = Field(default=1, gt=0, le=1000)
    """Translations drawn of each sentence, independent of one another."""
    temperature: float = Field(default=1.0, ge=0.001, le=1000)
    """Divides logits: below 1 likely tokens become likelier, above 1 all become more alike."""
    top_k: NonNegativeInt = 0
    """Draw among this many likeliest tokens (Fan et al. 2018); 0: among all."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Draw among the likeliest tokens that together have this probability (Holtzman et al.
    2020)."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Another seed draws other translations."""

    @property
    def kept(self) -> int:
        """How many translations are drawn."""
        return self.size

    @property
    def torch_only(self) -> str | None:
        """Why only torch can search so, as the end of a sentence."""
        return f"its samples depend on their neighbours, as search={self.kind} must not"

    def score(self, log_probability: float, length: int) -> float:
        """Return the mean log-probability of ``length`` tokens, the end mark counted."""
        return log_probability / length


SearchConfig = Annotated[
    GreedyConfig | BeamConfig | DiverseBeamConfig | SamplingConfig,
    Field(discriminator="kind"),
]
"""How a translation is searched for."""


class TranslationConfig(StrictConfig):
    """How a trained model translates unless told otherwise."""

    search: SearchConfig = BeamConfig()
    """How a translation is searched for."""
    decision: Literal["map", "mbr"] = "map"
    """Which of the hypotheses that search keeps is taken: map, the one it ranks first; mbr, the one
    with the greatest mean chrF with all of them as references, itself included, each weighted by
    its share of what search ranks by, samples alike (minimum Bayes risk: Kumar and Byrne 2004;
    Eikema and Aziz 2020)."""
    engine: EngineName = "auto"
    """What computes translations: native (on CPUs where g++ is installed, the usual kinds of
    models), ctranslate2 (on CPUs, most kinds of models), torch (everywhere, all models), or auto,
    which on a CPU takes the first of them that can. Chosen when a model is loaded."""
    precision: EnginePrecision = "auto"
    """The numbers that are multiplied: float32, where auto leaves native aside; int8, on native and
    ctranslate2; bfloat16, on torch; or auto, which takes int8, and float32 on torch. An engine or
    device that is not made for what is asked says so, and takes what auto does. Chosen when a model
    is loaded."""
    shortlist: ShortlistUse = "auto"
    """Whether native and ctranslate2 choose among the likely tokens of a model's shortlist only,
    which is faster: always, never, or auto, which does if that was measured to cost hardly any
    BLEU. Chosen when a model is loaded; never also keeps training from learning one."""
    segmentations: Count = 1
    """Ways in which a source is cut into tokens, the usual one and others drawn as in training; the
    mean of the probabilities counts (Takase et al. 2022). For models trained with subword
    regularization, on the torch engine only. Chosen when a model is loaded."""
    split_sentences: bool = True
    """Translate a line sentence by sentence, as models are trained on single sentences."""
    truecase: bool = True
    """Translate a sentence that is all in capitals in the case in which the model knows its words,
    and write its translation in capitals. Not where a prefix is asked for."""
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

    @model_validator(mode="after")
    def _coverage_is_of_one_segmentation(self) -> Self:
        covering = isinstance(self.search, BeamConfig) and self.search.coverage_penalty
        if self.segmentations > 1 and covering:
            raise ValueError(
                f"segmentations: expected 1 with a coverage penalty, but found "
                f"{self.segmentations}; leave out either"
            )
        return self

    @property
    def wanted(self) -> int:
        """How many hypotheses of a sentence the translation is made from.

        Raises:
            ConfigError: If there is to be a decision, and search keeps one.
        """
        if self.decision == "map":
            return self.alternatives + 1
        if self.search.kept == 1:
            raise ConfigError(
                "decision: expected map where search keeps one hypothesis, but found mbr; widen "
                "the beam or draw more samples"
            )
        return self.search.kept

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
