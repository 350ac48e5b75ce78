"""Which tokens may come next: never some, and at first those that are forced."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.translation.search.contract import Limits

_FREE = -1


class Constraint:
    """What :class:`Limits` say of tokens, applied to the log-probabilities of a step.

    A forced token keeps its log-probability, so that a hypothesis is scored as if search had found
    it by itself; every other token becomes impossible at that step.
    """

    def __init__(self, limits: Limits, device: torch.device) -> None:
        self._never = limits.never
        longest = max((len(prefix) for prefix in limits.prefixes), default=0)
        rows = [[*prefix, *[_FREE] * (longest - len(prefix))] for prefix in limits.prefixes]
        self._prefixes = torch.tensor(rows, dtype=torch.long, device=device).view(
            len(rows), longest
        )

    def __call__(
        self,
        log_probabilities: Float[Tensor, "rows vocabulary"],
        step: int,
        alive: Int[Tensor, " sentences"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Make impossible what may not come; overwrites ``log_probabilities``.

        Args:
            log_probabilities: Of the next token; the rows of a sentence stay together.
            step: Tokens written so far.
            alive: The sentences that these rows belong to.
        """
        if step >= self._prefixes.size(1):
            log_probabilities[:, self._never] = -torch.inf
            return log_probabilities
        due = self._prefixes[alive, step].repeat_interleave(len(log_probabilities) // len(alive))[
            :, None
        ]
        forced = due != _FREE
        kept = log_probabilities.gather(1, due.clamp(min=0))
        log_probabilities[:, self._never] = -torch.inf
        only = torch.full_like(log_probabilities, -torch.inf).scatter(1, due.clamp(min=0), kept)
        return torch.where(forced, only, log_probabilities)
