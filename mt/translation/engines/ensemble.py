"""Several models that translate together: the mean of their probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.model.contract import DecoderState, EncoderDecoder


@dataclass(frozen=True)
class EnsembleState:
    """What each member remembers."""

    members: tuple[DecoderState, ...]

    def select(
        self, rows: Int[Tensor, " rows"], sentences: Int[Tensor, " sentences"] | None = None
    ) -> "EnsembleState":
        """Return a copy whose row ``i`` continues row ``rows[i]``; see :class:`DecoderState`."""
        return EnsembleState(tuple(member.select(rows, sentences) for member in self.members))


class Ensemble:
    """Models of the same vocabularies; a scorer for search, as a single model is."""

    def __init__(self, models: Sequence[EncoderDecoder]) -> None:
        self._models = tuple(models)

    def start(self, source: Int[Tensor, "sentences source_len"], beam: int) -> EnsembleState:
        """Encode sources with every model; see :meth:`EncoderDecoder.start`."""
        return EnsembleState(tuple(model.start(source, beam) for model in self._models))

    def step(
        self, tokens: Int[Tensor, " rows"], state: EnsembleState
    ) -> tuple[Float[Tensor, "rows vocabulary"], EnsembleState]:
        """Read one more token in every row; see :meth:`EncoderDecoder.step`.

        Returns:
            The log of the mean probability of each next token, and the new state.
        """
        steps = [
            model.step(tokens, member)
            for model, member in zip(self._models, state.members, strict=True)
        ]
        logits, members = zip(*steps, strict=True)
        return mean_of_probabilities(logits), EnsembleState(members)

    def read(
        self, source: Int[Tensor, "batch source_len"], target: Int[Tensor, "batch target_len"]
    ) -> Float[Tensor, "batch target_len vocabulary"]:
        """Return the logits of each next token of given targets; see :meth:`forward` of a model."""
        return mean_of_probabilities(
            [model.output(model(source, target)) for model in self._models]
        )


def mean_of_probabilities(
    logits: Sequence[Float[Tensor, "*rows vocabulary"]],
) -> Float[Tensor, "*rows vocabulary"]:
    """Return the log of the mean of the probabilities that several logits stand for."""
    members = torch.stack([each.float().log_softmax(dim=-1) for each in logits])
    return members.logsumexp(dim=0) - math.log(len(logits))
