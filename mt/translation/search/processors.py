"""What changes the log-probabilities of the next token before search chooses among them."""

from collections.abc import Sequence
from typing import Protocol, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

_FREE = -1


class Processor(Protocol):
    """Changes log-probabilities step by step, knowing what each hypothesis has written.

    What it remembers of a hypothesis moves with it: search passes every reordering to
    :meth:`select`, as it does to the state of its scorer.
    """

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        written: Int[Tensor, "rows length"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Return changed log-probabilities of the next token; may overwrite what it is given.

        Args:
            log_probabilities: In nats; ``-inf`` makes a token impossible.
            written: The tokens of each hypothesis so far, without the start mark.
        """
        ...

    def select(self, rows: Int[Tensor, " rows"]) -> Self:
        """Return a processor whose row ``i`` continues row ``rows[i]``."""
        ...


class Suppress:
    """Makes some tokens impossible at every step."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = list(tokens)

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        written: Int[Tensor, "rows length"],  # noqa: ARG002
    ) -> Float[Tensor, "rows vocabulary"]:
        """Set the tokens to ``-inf``, in place."""
        log_probabilities[:, self._tokens] = -torch.inf
        return log_probabilities

    def select(self, rows: Int[Tensor, " rows"]) -> Self:  # noqa: ARG002
        """Remember nothing of a row."""
        return self


class MinimumLength:
    """Lets no hypothesis end before it has a number of tokens."""

    def __init__(self, end: int, lengths: Int[Tensor, " rows"]) -> None:
        """Take the end mark, and of each row the least tokens without it."""
        self._end = end
        self._lengths = lengths
        self._greatest = int(lengths.max()) if len(lengths) else 0

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        written: Int[Tensor, "rows length"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Set the end mark to ``-inf``, in place, where a hypothesis is too short."""
        if written.size(1) < self._greatest:
            short = self._lengths > written.size(1)
            log_probabilities[:, self._end].masked_fill_(short, -torch.inf)
        return log_probabilities

    def select(self, rows: Int[Tensor, " rows"]) -> "MinimumLength":
        """Keep the lengths of these rows."""
        return MinimumLength(self._end, self._lengths.index_select(0, rows))


class NoRepeatNgram:
    """Lets no hypothesis hold an n-gram twice (Paulus et al. 2018, section 2.5)."""

    def __init__(self, size: int) -> None:
        """Take the tokens of an n-gram, at least one."""
        self._size = size

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        written: Int[Tensor, "rows length"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Set each token to ``-inf``, in place, that would complete an n-gram once more."""
        if written.size(1) < self._size:
            return log_probabilities
        seen = written.unfold(1, self._size, 1)
        last = written[:, None, written.size(1) - self._size + 1 :]
        rows, places = (seen[:, :, :-1] == last).all(dim=-1).nonzero(as_tuple=True)
        log_probabilities[rows, seen[rows, places, -1]] = -torch.inf
        return log_probabilities

    def select(self, rows: Int[Tensor, " rows"]) -> Self:  # noqa: ARG002
        """Remember nothing of a row: all is written."""
        return self


class ForcePrefix:
    """Makes each hypothesis begin with given tokens.

    A forced token keeps its log-probability, so that a hypothesis is scored as if search had found
    it by itself; every other token becomes impossible at that step.
    """

    def __init__(self, prefixes: Int[Tensor, "rows longest"]) -> None:
        """Take the prefixes as a matrix; see :meth:`of`."""
        self._prefixes = prefixes

    @classmethod
    def of(cls, prefixes: Sequence[Sequence[int]], beam: int, device: torch.device) -> Self:
        """Force the hypotheses of each sentence to begin with its prefix.

        Args:
            prefixes: Of each sentence; the last token may be the end mark, without it the limits
                must leave room for one.
            beam: Rows a sentence.
            device: Where the log-probabilities are.
        """
        longest = max((len(prefix) for prefix in prefixes), default=0)
        rows = [[*prefix, *[_FREE] * (longest - len(prefix))] for prefix in prefixes]
        matrix = torch.tensor(rows, dtype=torch.long, device=device).view(len(rows), longest)
        return cls(matrix.repeat_interleave(beam, dim=0))

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        written: Int[Tensor, "rows length"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Leave only the forced token of each row that still has one."""
        step = written.size(1)
        if step >= self._prefixes.size(1):
            return log_probabilities
        due = self._prefixes[:, step, None]
        index = due.clamp(min=0)
        only = torch.full_like(log_probabilities, -torch.inf)
        only.scatter_(1, index, log_probabilities.gather(1, index))
        return torch.where(due != _FREE, only, log_probabilities)

    def select(self, rows: Int[Tensor, " rows"]) -> "ForcePrefix":
        """Keep the prefixes of these rows."""
        return ForcePrefix(self._prefixes.index_select(0, rows))


def process(
    logits: Float[Tensor, "rows vocabulary"],
    written: Int[Tensor, "rows length"],
    processors: Sequence[Processor],
) -> Float[Tensor, "rows vocabulary"]:
    """Turn logits, which are overwritten, into log-probabilities in nats, and process them.

    A fresh matrix of this size would be paged in at every step.
    """
    scores = logits.float()
    log_probabilities = torch.log_softmax(scores, dim=-1, out=scores)
    for processor in processors:
        log_probabilities = processor(log_probabilities, written)
    return log_probabilities
