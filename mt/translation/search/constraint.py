"""Which pieces may come next: never some, and at first those that are forced."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.translation.search.contract import Limits

_FREE = -1


class Constraint:
    """What :class:`Limits` say of pieces, applied to the chances of a step.

    A forced piece keeps its log-probability, so that a hypothesis is scored as if search had found
    it by itself; every other piece becomes impossible at that step.
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
        chances: Float[Tensor, "rows vocabulary"],
        step: int,
        alive: Int[Tensor, " sentences"],
    ) -> Float[Tensor, "rows vocabulary"]:
        """Make impossible what may not come; overwrites ``chances``.

        Args:
            chances: Log-probabilities of the next piece; the rows of a sentence stay together.
            step: Pieces written so far.
            alive: The sentences that these rows belong to.
        """
        if step >= self._prefixes.size(1):
            chances[:, self._never] = -torch.inf
            return chances
        due = self._prefixes[alive, step].repeat_interleave(len(chances) // len(alive))[:, None]
        forced = due != _FREE
        kept = chances.gather(1, due.clamp(min=0))
        chances[:, self._never] = -torch.inf
        only = torch.full_like(chances, -torch.inf).scatter(1, due.clamp(min=0), kept)
        return torch.where(forced, only, chances)
