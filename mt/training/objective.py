"""What training makes small, in nats per target token: label-smoothed cross-entropy, and more.

A consistency loss adds how much two passes over the same pairs differ. With teachers a part of the
target distribution is what these predict.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor

from mt.data.batches import Batch
from mt.kernels.consistency import LossWeights, chunked_consistency
from mt.kernels.cross_entropy import SoftTargets, chunked_cross_entropy
from mt.model.contract import CUT, EncoderDecoder
from mt.text.tokenizer import END, PAD, START
from mt.training.config import RDropConfig, SimCutConfig
from mt.training.teachers import Teachers


class Loss(NamedTuple):
    """Sums over the target tokens of a batch, in nats; the end mark counts, padding does not."""

    smoothed: Float[Tensor, ""]
    """What is minimised."""
    cross_entropy: Float[Tensor, ""]
    """Cross-entropy alone, without label smoothing; ``exp`` of its mean is the perplexity."""
    tokens: int
    """Target tokens summed over."""


class Objective:
    """Compare a model's outputs with the targets.

    The target distribution gives ``1 - smoothing`` to the reference token and spreads ``smoothing``
    evenly over the vocabulary, reference included.

    With R-Drop a batch is read twice, each time with other dropout, by which p and q differ. The
    loss is half of the paper's equation 4, so that rates and clipping mean what they do without:
    ``(CE(p) + CE(q)) / 2 + weight * (KL(p || q) + KL(q || p)) / 4``.

    With SimCut the second pass, of q, also reads zero vectors in place of some tokens' embeddings;
    end and start marks are never cut. The loss is the paper's equation 5:
    ``CE(p) + weight * KL(p || q)``. Gradients flow through both passes, as the paper advises.

    With teachers the target distribution is ``1 - weight`` of that, and ``weight`` of the mean of
    theirs, given the same source and the same tokens before.

    Attributes:
        smoothing: Label smoothing, 0 to below 1.
        consistency: How two passes are compared; ``None``: there is one.
        teachers: Models that are learnt from; ``None``: there are none. Not with ``consistency``.

    Source: Szegedy et al. (2016), section 7; Vaswani et al. (2017), section 5.4; Liang et al.
    (2021), section 2; Gao et al. (2022), section 3; Kim and Rush (2016), section 3.1.
    """

    def __init__(
        self,
        smoothing: float,
        consistency: RDropConfig | SimCutConfig | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        self.smoothing = smoothing
        self.consistency = consistency
        self.teachers = teachers

    def at(self, update: int) -> "Objective":
        """Return the objective of an update, which is this one from some update on."""
        if self.consistency is None or update >= self.consistency.from_update:
            return self
        return Objective(self.smoothing)

    def __call__(self, model: EncoderDecoder, batch: Batch) -> Loss:
        """Run the model over a batch and sum the losses of its target tokens."""
        if self.consistency is not None:
            return self._compare(model, batch, self.consistency)
        # Before the model that learns, whose states are kept for its gradient.
        soft = None if self.teachers is None else _soft_targets(self.teachers, batch)
        states, targets = target_states(model, batch)
        smoothed, cross_entropy = chunked_cross_entropy(
            states, model.output, targets, self.smoothing, soft
        )
        return Loss(smoothed, cross_entropy, batch.target_tokens)

    def _compare(
        self, model: EncoderDecoder, batch: Batch, consistency: RDropConfig | SimCutConfig
    ) -> Loss:
        """Read a batch twice at once, as a batch of twice as many rows."""
        sides, alpha = (batch.source, shift_right(batch.target)), consistency.weight
        if isinstance(consistency, SimCutConfig):
            weights = LossWeights(1, 0, alpha, 0)
            again = tuple(cut_off(side, consistency.cut) for side in sides)
        else:
            weights = LossWeights(0.5, 0.5, alpha / 4, alpha / 4)
            again = sides
        outputs = model(*(torch.cat(both) for both in zip(sides, again, strict=True)))
        real = batch.target != PAD
        states = torch.unflatten(outputs, 0, (2, -1))[:, real]
        loss, plain = chunked_consistency(
            states, model.output, batch.target[real], self.smoothing, weights
        )
        return Loss(loss, plain, batch.target_tokens)


def _soft_targets(teachers: Teachers, batch: Batch) -> SoftTargets:
    """Let each teacher read a batch."""
    read, where = shift_right(batch.target), (batch.target != PAD).nonzero(as_tuple=True)
    states = [model(batch.source, read)[where] for model in teachers.models]
    return SoftTargets(states, [model.output for model in teachers.models], teachers.weight)


class TargetStates(NamedTuple):
    """What a model computes for the target tokens of a batch, padding left out."""

    states: Float[Tensor, "tokens dim"]
    """The decoder's outputs; ``model.output`` turns them into the logits of each token."""
    targets: Int[Tensor, " tokens"]
    """The tokens that should come out."""


def target_states(model: EncoderDecoder, batch: Batch) -> TargetStates:
    """Run a model over a batch: the part that every loss of one pass begins with."""
    real = batch.target != PAD
    return TargetStates(model(batch.source, shift_right(batch.target))[real], batch.target[real])


def shift_right(target: Int[Tensor, "batch target_len"]) -> Int[Tensor, "batch target_len"]:
    """Turn what a decoder writes into what it reads: ``START`` first, the last token left out."""
    return F.pad(target, (1, 0), value=START)[:, :-1]


def cut_off(tokens: Int[Tensor, "batch length"], rate: float) -> Int[Tensor, "batch length"]:
    """Put ``CUT`` in the place of a share of the tokens; marks of start, end and padding stay.

    Source: Shen et al. (2020), token cutoff.
    """
    drawn = torch.rand(tokens.shape, device=tokens.device) < rate
    for mark in (PAD, START, END):
        drawn &= tokens != mark
    return tokens.masked_fill(drawn, CUT)
