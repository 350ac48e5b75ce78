"""What training makes small: label-smoothed cross-entropy, in nats per target token."""

from typing import NamedTuple

import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor

from mt.data.batches import Batch
from mt.kernels.cross_entropy import chunked_cross_entropy
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import PAD, START


class Loss(NamedTuple):
    """Sums over the target tokens of a batch, in nats; the end mark counts, padding does not."""

    smoothed: Float[Tensor, ""]
    """What is minimised."""
    cross_entropy: Float[Tensor, ""]
    """The same without label smoothing; ``exp`` of its mean is the perplexity."""
    tokens: int
    """Target tokens summed over."""


class Objective:
    """Compare a model's outputs with the targets.

    The target distribution gives ``1 - smoothing`` to the reference token and spreads ``smoothing``
    evenly over the vocabulary, reference included.

    Attributes:
        smoothing: Label smoothing, 0 to below 1.

    Source: Szegedy et al. (2016), section 7; Vaswani et al. (2017), section 5.4.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def __call__(self, model: EncoderDecoder, batch: Batch) -> Loss:
        """Run the model over a batch and sum the losses of its target tokens."""
        states, targets = target_states(model, batch)
        smoothed, cross_entropy = chunked_cross_entropy(
            states, model.output, targets, self.smoothing
        )
        return Loss(smoothed, cross_entropy, batch.target_tokens)


class TargetStates(NamedTuple):
    """What a model computes for the target tokens of a batch, padding left out."""

    states: Float[Tensor, "tokens dim"]
    """The decoder's outputs; ``model.output`` turns them into the logits of each token."""
    targets: Int[Tensor, " tokens"]
    """The tokens that should come out."""


def target_states(model: EncoderDecoder, batch: Batch) -> TargetStates:
    """Run a model over a batch: the part that every loss begins with.

    A loss that compares two passes (R-Drop, Liang et al. 2021) calls it twice in training mode.
    """
    real = batch.target != PAD
    return TargetStates(model(batch.source, shift_right(batch.target))[real], batch.target[real])


def shift_right(target: Int[Tensor, "batch target_len"]) -> Int[Tensor, "batch target_len"]:
    """Turn what a decoder writes into what it reads: ``START`` first, the last token left out."""
    return F.pad(target, (1, 0), value=START)[:, :-1]
