"""What translation gives and what an engine must do; it imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mt.text.tokenizer import PAD, START, UNKNOWN
from mt.translation.config import SearchConfig


@dataclass(frozen=True)
class Hypothesis:
    """One translation as tokens, as search found it."""

    tokens: tuple[int, ...]
    """Without start and end marks."""
    log_probability: float
    """Sum over the tokens and the end mark, in nats."""
    score: float
    """What it is ranked by; see :meth:`BeamConfig.score`."""
    coverage: float = 0.0
    """What the coverage penalty adds to the score, if it is asked for: at most 0."""


Pending = Callable[[], list[list[Hypothesis]]]
"""Gives, for each source in order: hypotheses, at least one, best first."""


class Engine(Protocol):
    """Translates token ids; batching and the order of computation are its own affair."""

    def submit(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int = 1
    ) -> Pending:
        """Begin to translate sentences; other work can be done meanwhile.

        Args:
            sources: Token ids without marks; none is empty.
            config: How to search.
            best: How many hypotheses of each sentence are wanted.

        Returns:
            What waits for the result when it is called. No hypothesis is empty.
        """
        ...

    def score(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Score given translations (forced decoding).

        Args:
            sources: Token ids without marks; none is empty.
            targets: Likewise, one for each source; may be empty.

        Returns:
            For each pair: the log-probability, in nats, of each target token and of the end mark.
        """
        ...


NEVER = frozenset({PAD, UNKNOWN, START})
"""Tokens that no translation may hold."""


@dataclass(frozen=True)
class Translation:
    """The translation of one line; ``str`` gives its text."""

    text: str
    """One line of raw text; empty if the source is blank."""
    tokens: tuple[str, ...] = ()
    """The text as the target tokenizer's tokens, without what was copied."""
    log_probability: float = 0.0
    """Of the tokens and end marks, in nats; 0 of a line that is blank or copied."""
    score: float = 0.0
    """What search ranked it by; see :meth:`BeamConfig.score`."""
    alternatives: tuple["Translation", ...] = ()
    """Others, best first, as many as were asked for and found."""
    token_log_probabilities: tuple[float, ...] = ()
    """Of each token, in nats, if that was asked for."""
    coverage: float = 0.0
    """What of the score is the coverage penalty, if it was asked for."""

    def __str__(self) -> str:
        return self.text
