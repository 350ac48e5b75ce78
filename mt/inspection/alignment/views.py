"""Views: which layer, head and row of cross-attention links are read from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from mt.errors import DataError

_VIEW = re.compile(r"(plain|shifted):(?:all|(\d+)(?:\.(\d+))?)")


@dataclass(frozen=True)
class View:
    """One choice of layer, head and row.

    Written ``shifted:2`` (layer 2, the mean over its heads), ``plain:2.3`` (its third head) or
    ``shifted:all`` (the mean over all layers); layers and heads count from 1.
    """

    shifted: bool
    """``False``: a target token has the weights of the step that predicted it. ``True``: those of
    one step later, when it was the decoder's input. Some layers attend to the source of the token
    they have just read rather than of the one they predict."""
    layer: int | None = None
    """From 1; ``None``: the mean over all."""
    head: int | None = None
    """From 1; ``None``: the mean over all."""

    def __str__(self) -> str:
        layer = "all" if self.layer is None else str(self.layer)
        head = "" if self.head is None else f".{self.head}"
        return f"{'shifted' if self.shifted else 'plain'}:{layer}{head}"

    @classmethod
    def parse(cls, text: str, where: str = "view") -> Self:
        """Read what ``str`` writes.

        Args:
            text: A view by name.
            where: How the message calls it.

        Raises:
            DataError: If it is no view.
        """
        found = _VIEW.fullmatch(text)
        if not found:
            raise DataError(
                f"{where}: expected plain or shifted, a colon, and a layer such as 2, a head such "
                f"as 2.3, or all, but got {text!r}; for example shifted:2"
            )
        layer, head = (int(number) if number else None for number in found.group(2, 3))
        return cls(found[1] == "shifted", layer, head)

    def weights(
        self, layers: Sequence[Float[Tensor, "batch heads rows source_len"]]
    ) -> Float[Tensor, "batch target_len source_len"]:
        """Return the weights of each target token, without the end mark.

        Args:
            layers: Cross-attention of every layer; row ``t`` is the step that predicted target
                token ``t``, and the last row the one that predicted the end mark.
        """
        chosen = layers if self.layer is None else layers[self.layer - 1 : self.layer]
        heads = slice(None) if self.head is None else slice(self.head - 1, self.head)
        mean = torch.stack([weights[:, heads].mean(1) for weights in chosen]).mean(0)
        return mean[:, 1:] if self.shifted else mean[:, :-1]


def all_views(heads: Sequence[int]) -> list[View]:
    """List every view of a model, plain ones first.

    Args:
        heads: How many each layer has.
    """
    choices: list[tuple[int | None, int | None]] = [(None, None)] if len(heads) > 1 else []
    for layer, count in enumerate(heads, start=1):
        choices.append((layer, None))
        choices += [(layer, head) for head in range(1, count + 1) if count > 1]
    return [View(shifted, *choice) for shifted in (False, True) for choice in choices]
