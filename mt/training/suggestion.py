"""A recipe that suits a corpus and a machine: rules of thumb, each with where it comes from."""

import math
import platform
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mt.config import StrictConfig
from mt.processor import available_cores
from mt.yaml import dump_yaml

_TOKENS_PER_WORD = 1.4
"""Of subword vocabularies of the sizes below, where nothing was measured."""
_SIDES = "source", "target"
_FEWEST_UPDATES, _MOST_UPDATES = 500, 100_000


@dataclass(frozen=True)
class Machine:
    """Where a model is to be trained."""

    cores: int
    accelerator: bool
    """Whether there is a GPU that torch can use."""

    @classmethod
    def here(cls) -> "Machine":
        """Look at this one, without loading torch: a driver of NVIDIA, or a Mac with a GPU."""
        apple = platform.system() == "Darwin" and platform.machine() == "arm64"
        return cls(available_cores(), apple or shutil.which("nvidia-smi") is not None)

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores > 1)}"
        return f"{cores} and a GPU" if self.accelerator else f"{cores} without a GPU"


@dataclass(frozen=True)
class Sizes:
    """What suits corpora of some size."""

    pairs: int
    """The corpus has at least so many."""
    vocabulary: int
    dim: int
    layers: tuple[int, int]
    """Of the encoder and of the decoder."""
    heads: int
    feed_forward: int
    dropout: float
    batch_tokens: int
    accumulate: int
    optimizer: Literal["adamw", "muon"]
    learning_rate: float
    epochs: float
    """How often every pair is seen."""
    why: str
    """Where these sizes come from."""


_TINY = (
    "the model that reaches BLEU 39 on Multi30k (29,000 pairs) in a quarter of an hour on two "
    "cores: configs/multi30k-en-de.yaml, after Wu et al. (2021)"
)
_CORES = (
    Sizes(0, 4000, 128, (4, 4), 4, 256, 0.3, 2048, 1, "adamw", 2e-3, 60,
          f"{_TINY}; with fewer pairs fewer pieces and more dropout (Sennrich and Zhang 2019)"),
    Sizes(15_000, 8000, 128, (4, 4), 4, 256, 0.2, 2048, 1, "muon", 5e-3, 16, _TINY),
    Sizes(100_000, 8000, 256, (4, 4), 4, 1024, 0.2, 4096, 1, "adamw", 1e-3, 15,
          "half the width of what fairseq uses for IWSLT 2014 (160,000 pairs), for want of a GPU"),
    Sizes(1_000_000, 16_000, 256, (6, 2), 4, 1024, 0.1, 4096, 2, "adamw", 1e-3, 4,
          "a deep encoder and a shallow decoder (Kasai et al. 2021), which translate fast on "
          "cores; with a GPU a wider model would be better"),
)  # fmt: skip
_ACCELERATOR = (
    _CORES[0],
    _CORES[1],
    Sizes(100_000, 10_000, 512, (6, 6), 4, 1024, 0.3, 8192, 1, "adamw", 7e-4, 30,
          "what fairseq uses for IWSLT 2014 (160,000 pairs), transformer_iwslt_de_en"),
    Sizes(1_000_000, 32_000, 512, (6, 6), 8, 2048, 0.1, 12_500, 2, "adamw", 7e-4, 8,
          "the base model of Vaswani et al. (2017), with their 25,000 tokens of each side an "
          "update"),
    Sizes(10_000_000, 32_000, 512, (6, 6), 8, 2048, 0.1, 12_500, 2, "adamw", 7e-4, 3,
          "the base model of Vaswani et al. (2017), with their 25,000 tokens of each side an "
          "update"),
)  # fmt: skip
"""Ordered by pairs. Vocabularies grow with the corpus, as Gowda and May (2020) found best."""


@dataclass(frozen=True)
class Suggestion:
    """Sizes for a corpus, and how long to train."""

    pairs: int
    machine: Machine
    sizes: Sizes
    vocabulary: int
    updates: int

    @property
    def every(self) -> int:
        """Updates between two validations: about twenty in a run."""
        return max(100, round(self.updates / 2000) * 100)

    def values(self) -> dict[str, Any]:
        """Return the sections of a recipe that do not name corpora."""
        sizes = self.sizes
        return {
            "tokenizer": {"vocabulary": "joint", "size": self.vocabulary},
            "model": {
                "kind": "transformer",
                "dim": sizes.dim,
                "encoder_layers": sizes.layers[0],
                "decoder_layers": sizes.layers[1],
                "heads": sizes.heads,
                "feed_forward": sizes.feed_forward,
                "dropout": sizes.dropout,
            },
            "training": {
                "updates": self.updates,
                "batch_tokens": sizes.batch_tokens,
                "accumulate": sizes.accumulate,
                "optimizer": {
                    "kind": sizes.optimizer,
                    "learning_rate": sizes.learning_rate,
                    "weight_decay": 0.1,
                },
                "schedule": {"kind": "cosine", "warmup": min(4000, self.updates // 8)},
                "average": {"count": 4},
            },
            "validation": {"every": self.every, "metric": "bleu"},
            "translation": {"search": {"kind": "beam", "size": 5}},
        }


def suggest(
    pairs: int, words: float, machine: Machine, possible: Sequence[tuple[int, float]] = ()
) -> Suggestion:
    """Choose sizes for a corpus.

    Args:
        pairs: Training pairs.
        words: Mean words of the longer side of a pair.
        machine: Where it will be trained.
        possible: Vocabularies that were tried, with the mean tokens of the longer side.
    """
    table = _ACCELERATOR if machine.accelerator else _CORES
    sizes = next(each for each in reversed(table) if pairs >= each.pairs)
    vocabulary, tokens = sizes.vocabulary, words * _TOKENS_PER_WORD
    fitting = [each for each in possible if each[0] <= sizes.vocabulary]
    if fitting:
        tried, tokens = max(fitting)
        # In a sample of a large corpus fewer pieces are possible than in the whole.
        vocabulary = tried if pairs < _CORES[2].pairs else sizes.vocabulary
    batches = sizes.epochs * pairs * (tokens + 1) / sizes.batch_tokens / sizes.accumulate
    updates = min(_MOST_UPDATES, max(_FEWEST_UPDATES, batches))
    digits = 1 - math.floor(math.log10(updates))
    return Suggestion(pairs, machine, sizes, vocabulary, int(round(updates, digits)))


def write_recipe(
    suggestion: Suggestion,
    languages: tuple[str, str],
    train: Sequence[object],
    validation: Sequence[object],
    notes: Sequence[str] = (),
) -> str:
    """Write a commented recipe.

    Args:
        suggestion: The sizes.
        languages: Of source and target.
        train: Corpora to learn from.
        validation: Corpora to measure progress on; without any, files of text are named that
            are still to be made.
        notes: Lines of comment for the top.
    """
    sizes, values = suggestion.sizes, suggestion.values()
    comments = {
        "tokenizer": "Pieces of words, learnt from the text; joint: one set for both languages.",
        "model": f"Sizes for {suggestion.pairs:,} pairs on {suggestion.machine}: {sizes.why}.",
        "training": f"So many updates see every pair about {sizes.epochs:g} times"
        f"{'' if suggestion.updates < _MOST_UPDATES else ', or as often as 100,000 allow'}.",
        "validation": "Every so many updates the model is measured, and saved if it is the best.",
        "translation": "How the finished model translates.",
    }
    data = {
        "source": languages[0],
        "target": languages[1],
        "train": [_plain(each) for each in train],
        "validation": [_plain(each) for each in validation]
        or [{side: f"validation.{tag}" for side, tag in zip(_SIDES, languages, strict=True)}],
    }
    lines = [*(f"# {note}" if note else "#" for note in notes)]
    lines += ["", "data:", *_indented(data)]
    for name, section in values.items():
        lines += ["", *_wrapped(comments[name]), f"{name}:", *_indented(section)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _plain(corpus: object) -> Mapping[str, Any]:
    assert isinstance(corpus, StrictConfig)
    values: dict[str, Any] = corpus.model_dump(mode="json", exclude_defaults=True)
    kind = getattr(corpus, "kind", "plain")
    return values if kind == "plain" else {"kind": kind, **values}


def _indented(values: Mapping[str, Any]) -> list[str]:
    return [f"  {line}" for line in dump_yaml(values).splitlines()]


def _wrapped(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 96)]
