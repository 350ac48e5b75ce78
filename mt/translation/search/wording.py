"""Processors that know what tokens write, so that it does not matter how a text is cut."""

import re
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mt.translation.constraints import Forbidden, TokenConstraints


class BeginWith:
    """Makes each hypothesis begin with given tokens, then with given bytes in whatever tokens.

    What is forced keeps its log-probability; see :class:`ForcePrefix`. The last word of a prefix is
    given as bytes: the token that the whole word begins with may reach beyond it.
    """

    def __init__(self, constraints: TokenConstraints) -> None:
        """Take what the hypotheses begin with; see :class:`TokenConstraints`."""
        self._tokens = list(constraints.prefix)
        self._rest = constraints.rest
        self._spellings = constraints.spellings
        self._fitting: dict[bytes, Bool[Tensor, " vocabulary"]] = {}

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        written: Int[Tensor, "rows length"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Set to ``-inf``, in place, what does not write more of the beginning."""
        step, given = written.size(1), len(self._tokens)
        if step < given:
            other = torch.ones_like(log_probabilities[0], dtype=torch.bool)
            other[self._tokens[step]] = False
            return log_probabilities.masked_fill_(other, -torch.inf)
        if step - given >= len(self._rest):  # each token has written a byte at least
            return log_probabilities
        for row, tokens in enumerate(written[:, given:].tolist()):
            left = self._rest[sum(len(self._spellings[token]) for token in tokens) :]
            if left:
                log_probabilities[row].masked_fill_(
                    ~self._fits(left).to(written.device), -torch.inf
                )
        return log_probabilities

    def _fits(self, left: bytes) -> Bool[Tensor, " vocabulary"]:
        """Say which tokens write what is left, a part of it, or more."""
        if left not in self._fitting:
            self._fitting[left] = torch.tensor(
                [
                    bool(each) and (left.startswith(each) or each.startswith(left))
                    for each in self._spellings
                ]
            )
        return self._fitting[left]

    def select(self, rows: Int[Tensor, " rows"]) -> "BeginWith":  # noqa: ARG002
        """Remember nothing of a row: all begin alike."""
        return self


class Forbid:
    """Lets no hypothesis hold forbidden words or phrases; see :class:`Forbidden`.

    A word becomes whole by what follows it: behind one that is forbidden only tokens that make
    another of it are possible. Where no token may follow, the last one does not complete it.
    """

    def __init__(
        self, forbidden: Forbidden, spellings: Sequence[bytes], length: int, device: torch.device
    ) -> None:
        """Take what is forbidden.

        Args:
            forbidden: Words and phrases.
            spellings: What each token writes.
            length: The most tokens of a hypothesis, the end mark included.
            device: Where the log-probabilities are.
        """
        self._forbidden = forbidden
        self._spellings = spellings
        self._length = length
        texts = [_text(each) for each in spellings]
        self._breaking = torch.tensor(
            [re.match(r"\w", text) is None for text in texts], device=device
        )
        self._settling = [token for token, text in enumerate(texts) if forbidden.may_settle(text)]

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        written: Int[Tensor, "rows length"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Set to ``-inf``, in place, what would complete something forbidden."""
        candidates, holds = self._settling, self._forbidden.settled
        if written.size(1) + 2 >= self._length:  # only the end follows
            candidates, holds = list(range(len(self._spellings))), self._forbidden.within
        for row, tokens in enumerate(written.tolist()):
            begun = b"".join(self._spellings[token] for token in tokens)
            if self._forbidden.at_end(_text(begun)):
                log_probabilities[row].masked_fill_(self._breaking, -torch.inf)
            completing = [
                token for token in candidates if holds(_text(begun + self._spellings[token]))
            ]
            log_probabilities[row, completing] = -torch.inf
        return log_probabilities

    def select(self, rows: Int[Tensor, " rows"]) -> "Forbid":  # noqa: ARG002
        """Remember nothing of a row: all is written."""
        return self


def _text(written: bytes) -> str:
    return written.decode(errors="replace")
