"""What search needs to know: something that scores the next token, and what a hypothesis is.

Search never sees a model, so that it can be tested with a table of probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from jaxtyping import Float, Int
from torch import Tensor


class State(Protocol):
    """What a scorer remembers of every hypothesis; ``beam`` rows in a row are of one sentence."""

    def select(
        self, rows: Int[Tensor, " rows"], sentences: Int[Tensor, " sentences"] | None = None
    ) -> Self:
        """Return a copy whose row ``i`` continues row ``rows[i]``.

        Args:
            rows: Rows of this state; those of one sentence stay together.
            sentences: The sentences these rows belong to, in order; ``None``: all of them.
        """
        ...


S = TypeVar("S", bound=State)


class Scorer(Protocol[S]):
    """Scores every token that could come next."""

    def step(
        self, tokens: Int[Tensor, " rows"], state: S
    ) -> tuple[Float[Tensor, "rows vocabulary"], S]:
        """Read one token in every row.

        Returns:
            Logits of the next token (nats, up to a constant per row), which search may overwrite,
            and the new state.
        """
        ...


@dataclass(frozen=True)
class Limits:
    """Which tokens frame a hypothesis, and how long it may grow."""

    start: int
    """The token a decoder reads first."""
    end: int
    """The token that ends a hypothesis."""
    never: tuple[int, ...]
    """Tokens that no hypothesis may hold."""
    lengths: tuple[int, ...]
    """Of each sentence: the most tokens its hypotheses may have, the end mark included."""
    prefixes: tuple[tuple[int, ...], ...] = ()
    """Of each sentence: the tokens that its hypotheses begin with. The last may be the end mark;
    without it they must leave room for one. No prefixes: all sentences begin as they like."""
    begun: tuple[int, ...] = ()
    """What all prefixes begin with and the state knows: before the first step it has read the start
    mark and all of these but the last, which search reads first."""
    log_probability: float = 0.0
    """Of ``begun``, in nats."""


@dataclass(frozen=True)
class Hypothesis:
    """One translation as tokens."""

    tokens: tuple[int, ...]
    """Without start and end marks."""
    log_probability: float
    """Sum over the tokens and the end mark, in nats."""
    score: float
    """What it is ranked by: ``log_probability / length ** length_penalty``, end mark counted."""

    @classmethod
    def ended(
        cls, tokens: Sequence[int], log_probability: float, length_penalty: float
    ) -> "Hypothesis":
        """Rank a finished hypothesis."""
        length = len(tokens) + 1
        return cls(tuple(tokens), log_probability, log_probability / length**length_penalty)
