"""What search needs to know: something that scores the next token, and how long it may go on.

Search never sees a model, so that it can be tested with a table of probabilities.
"""

from collections.abc import Callable
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
    """The token that the scorer reads first."""
    end: int
    """The token that ends a hypothesis."""
    lengths: tuple[int, ...]
    """Of each sentence: the most tokens its hypotheses may have, the end mark included."""


Score = Callable[[float, int], float]
"""Ranks a finished hypothesis by its log-probability in nats and its tokens, end mark counted."""

Coverage = Callable[[S], Float[Tensor, " rows"]]
"""Reads from a scorer's state what the coverage of the source adds to the score of each row."""
