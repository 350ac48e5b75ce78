"""The interface of a model of any architecture, for training, search and inspection."""

from typing import Protocol, Self

from jaxtyping import Float, Int
from torch import Tensor, nn

CUT = -1
"""In training, a token in whose place a model reads a zero vector."""


class DecoderState(Protocol):
    """Everything a decoder keeps between two steps, as a value.

    Its rows are the hypotheses: ``beam`` consecutive rows belong to one sentence. A step may
    change the state that it is given; to step from a state twice, copy it with :meth:`select`.
    """

    def select(
        self, rows: Int[Tensor, " rows"], sentences: Int[Tensor, " sentences"] | None = None
    ) -> Self:
        """Return a copy whose row ``i`` continues row ``rows[i]``.

        Args:
            rows: Rows of this state; those of one sentence stay together.
            sentences: The sentences these rows belong to, in order; ``None``: all of them.
        """
        ...


class EncoderDecoder(nn.Module):
    """A model that reads a source sentence and writes a target sentence, token by token.

    Sources and targets are token ids, batch first, padded on the right with ``PAD``; a source ends
    with ``END``, and what a decoder reads begins with ``START``.
    """

    output: nn.Linear
    """Maps a decoder output to one logit per target token; a loss may apply it in chunks."""

    def forward(
        self,
        source: Int[Tensor, "batch source_len"],
        target: Int[Tensor, "batch target_len"],
    ) -> Float[Tensor, "batch target_len dim"]:
        """Read whole sentence pairs, and return the decoder's outputs before :attr:`output`.

        Args:
            source: Source tokens.
            target: What the decoder reads: ``START`` and the target tokens but the last. Output
                ``t`` depends on positions up to ``t`` alone.
        """
        raise NotImplementedError

    def start(self, source: Int[Tensor, "sentences source_len"], beam: int) -> DecoderState:
        """Encode sources; return the state before the first step, with ``beam`` rows a sentence."""
        raise NotImplementedError

    def step(
        self, tokens: Int[Tensor, " rows"], state: DecoderState
    ) -> tuple[Float[Tensor, "rows vocabulary"], DecoderState]:
        """Read one more token in every row; return the logits of the next one and the new state."""
        raise NotImplementedError


def count_parameters(model: nn.Module) -> int:
    """Count trained numbers, each shared one once."""
    return sum(parameter.numel() for parameter in model.parameters())
