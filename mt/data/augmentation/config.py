"""The section ``data.augmentation`` of a recipe; reading it loads no torch."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from mt.config import Count, StrictConfig

if TYPE_CHECKING:
    from mt.data.augmentation.augmenter import Augmenter
    from mt.text.sampling import Sampler
    from mt.text.tokenizer import Tokenizer, Tokenizers

Rate = Annotated[float, Field(ge=0, le=1)]


class UnigramSamplingConfig(StrictConfig):
    """Draw one of the ways to cut a sentence into tokens, by the probabilities of a unigram model.

    Source: Kudo (2018), 3.1 and 3.2.
    """

    kind: Literal["unigram_sampling"] = "unigram_sampling"
    alpha: PositiveFloat = 0.2
    """The exponent of the probabilities: near 0 all ways are equally likely, and most of them are
    long; 0.2 makes rows of Multi30k 1.3 times as long, 0.5 by 3 %."""

    def build(self, tokenizer: "Tokenizer") -> "Sampler":
        """Make what cuts lines into tokens."""
        from mt.text.sampling import UnigramSampler

        return UnigramSampler(tokenizer, self.alpha)


class BpeDropoutConfig(StrictConfig):
    """Leave out merges of BPE by chance (Provilkov, Emelianenko and Voita 2020)."""

    kind: Literal["bpe_dropout"] = "bpe_dropout"
    dropout: Rate = 0.1
    """How likely a merge is left out; 1 cuts into characters."""

    def build(self, tokenizer: "Tokenizer") -> "Sampler":
        """Make what cuts lines into tokens."""
        from mt.text.sampling import BpeDropoutSampler

        return BpeDropoutSampler(tokenizer, self.dropout)


SubwordRegularizationConfig = Annotated[
    UnigramSamplingConfig | BpeDropoutConfig, Field(discriminator="kind")
]


class AugmentationConfig(StrictConfig):
    """What happens to training pairs, drawn anew for each pair in each epoch.

    It depends on the seed, the epoch and the number of the pair alone. A pair that would become
    longer than ``data.max_tokens`` or a batch stays as it is, and so does a tag, always. Validation
    pairs are never changed.
    """

    upper_case: Rate = 0.0
    """Share of pairs written in capitals on both sides; 0.07 is usual. A pair whose source has no
    letters with case stays as it is. Where there is a share, the tokenizer learns from text with
    the same share of capitals, lest a sentence in capitals take three times as many tokens."""
    title_case: Rate = 0.0
    """Share of pairs Of Which Each Word Begins With A Capital, likewise; 0.05 is usual."""
    end_marks: Rate = 0.0
    """Share of pairs that lose the mark that ends both sides, if it is of the same kind, as . and
    。 are; 0.2 is usual."""
    typos: Rate = 0.0
    """Share of pairs of which the source is misspelt: one slip in ten words, at least one; 0.05 is
    usual. Digits stay as they are."""
    word_dropout: Rate = 0.0
    """Share of source tokens in whose place the unknown token is read, so that others have to tell
    what they mean (Sennrich, Haddow and Birch 2016, Edinburgh's systems for WMT 16)."""
    subword_regularization: SubwordRegularizationConfig | None = None
    """How tokens are drawn by chance, on both sides; null: the best ones, always. `kind` is
    `unigram_sampling` or `bpe_dropout`, as tokenizer.algorithm is unigram or bpe."""

    @model_validator(mode="after")
    def _one_case(self) -> Self:
        both = self.upper_case + self.title_case
        if both > 1:
            raise ValueError(
                f"upper_case and title_case: expected shares of at most 1 together, but found "
                f"{both:g}; lower one"
            )
        return self

    @property
    def changes_case(self) -> bool:
        """Whether some pairs are written in capitals or title case."""
        return self.upper_case + self.title_case > 0

    def build(
        self, tokenizers: "Tokenizers", languages: tuple[str, str], most_tokens: Count, seed: int
    ) -> "Augmenter | None":
        """Make what changes pairs; ``None`` if nothing does."""
        from mt.data.augmentation.augmenter import Augmenter

        if self == AugmentationConfig():
            return None
        return Augmenter(self, tokenizers, languages, most_tokens, seed)
