"""How much attention a source has got: what the coverage penalty of a search reads."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mt.errors import ConfigError
from mt.model.attention.attend import Attend
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import PAD
from mt.translation.search.contract import State


@dataclass(frozen=True)
class CoveredState:
    """The state of a scorer, and the attention that each hypothesis has paid so far."""

    inner: State
    attention: Float[Tensor, "rows source_len"]
    """The sum over its tokens, of each token of the source."""
    real: Bool[Tensor, "sentences source_len"]
    """``True`` at the real tokens of each source, the end mark among them."""

    def select(
        self, rows: Int[Tensor, " rows"], sentences: Int[Tensor, " sentences"] | None = None
    ) -> "CoveredState":
        """Return a copy whose row ``i`` continues row ``rows[i]``; see :class:`State`."""
        real = self.real if sentences is None else self.real.index_select(0, sentences)
        attention = self.attention.index_select(0, rows)
        return CoveredState(self.inner.select(rows, sentences), attention, real)

    def coverage(self) -> Float[Tensor, " rows"]:
        """Return what the coverage of each row adds to its score, before it is weighted."""
        beam = self.attention.size(0) // self.real.size(0)
        return log_coverage(self.attention, self.real.repeat_interleave(beam, dim=0))


class CoveringScorer:
    """A scorer that adds up the attention of its models while they score."""

    def __init__(self, scorer: Any, models: Sequence[EncoderDecoder]) -> None:
        """Take what scores, and the models that it runs."""
        self._scorer = scorer
        self._attentions = [last_cross_attention(model) for model in models]

    def start(self, source: Int[Tensor, "sentences source_len"], beam: int) -> CoveredState:
        """Encode sources; see :meth:`EncoderDecoder.start`."""
        nothing = torch.zeros(source.size(0) * beam, source.size(1), device=source.device)
        return CoveredState(self._scorer.start(source, beam), nothing, source != PAD)

    def step(
        self, tokens: Int[Tensor, " rows"], state: CoveredState
    ) -> tuple[Float[Tensor, "rows vocabulary"], CoveredState]:
        """Read one more token in every row, and add the attention it pays."""
        with collected_attention(self._attentions) as found:
            logits, inner = self._scorer.step(tokens, state.inner)
        paid = torch.stack(found).mean(dim=0).view_as(state.attention)
        return logits, CoveredState(inner, state.attention + paid, state.real)


def log_coverage(
    attention: Float[Tensor, "rows source_len"], real: Bool[Tensor, "rows source_len"]
) -> Float[Tensor, " rows"]:
    """Sum ``log(min(attention, 1))`` over the real tokens of each source.

    Source: Wu et al. (2016), equation 14, without its weight.
    """
    smallest = torch.finfo(attention.dtype).tiny
    return attention.clamp(smallest, 1.0).masked_fill(~real, 1.0).log().sum(dim=1)


def last_cross_attention(model: EncoderDecoder) -> Attend:
    """Return what the last layer of a decoder attends to its source by.

    Raises:
        ConfigError: If the model has no attention.
    """
    found = [
        module
        for module in model.modules()
        if isinstance(module, Attend) and module.role == "cross"
    ]
    if not found:
        raise ConfigError(
            "search.coverage_penalty: expected a model whose decoder attends to the source, but "
            "this one has no attention; leave it at 0"
        )
    return found[-1]


@contextlib.contextmanager
def collected_attention(attentions: Sequence[Attend]) -> Iterator[list[Tensor]]:
    """Collect the weights of every call inside the block, the mean of the heads.

    Each is [batch, query_len, source_len]; the outputs of the models stay what they are.
    """
    found: list[Tensor] = []

    def keep(attend: Attend, args: Any, kwargs: Any, _: Tensor) -> None:
        found.append(attend.explain(*args, **kwargs).weights.mean(dim=1))

    with contextlib.ExitStack() as hooks:
        for attend in attentions:
            hooks.callback(attend.register_forward_hook(keep, with_kwargs=True).remove)
        yield found
