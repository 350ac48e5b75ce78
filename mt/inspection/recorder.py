"""Record attention weights by forward hooks.

A model computes its output without forming weights that anybody could keep. While a recording is
on, a hook on every :class:`~mt.model.attention.attend.Attend` computes them from the same inputs
once more; the output of the model stays what it is. Without a recording no hook is there, and
recording costs nothing.
"""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mt.model.attention.attend import Attend
from mt.model.attention.contract import Role

ROLES: tuple[Role, ...] = get_args(Role)


class HeadDims(NamedTuple):
    """The sizes of the vectors of one attention head."""

    query: int
    key: int
    """After :meth:`Attend.prepare_keys`."""
    value: int


class RecordedCall(NamedTuple):
    """One call of an attention; tensors are without gradient, on the model's device."""

    weights: Float[Tensor, "batch heads query_len key_len"]
    """float32; each row sums to 1, or to exactly 0 where the query may see no key."""
    scores: Float[Tensor, "batch heads query_len key_len"]
    """float32; what the softmax was taken of, ``-inf`` at hidden keys."""
    dims: HeadDims


@dataclass(frozen=True)
class AttentionRecord:
    """What the attentions of a model computed inside a block of :func:`record_attention`."""

    calls: dict[str, list[RecordedCall]] = field(default_factory=dict)
    """The calls of each :class:`Attend`, in order, by its path in the model
    (``decoder.0.cross_attention.attend``). A decoder that goes through a sentence step by step
    within one call of the model has made one call."""
    roles: dict[str, Role] = field(default_factory=dict)
    """The role of each :class:`Attend`, by the same path."""

    @property
    def cross(self) -> list[RecordedCall]:
        """Cross-attention of each decoder layer; see :meth:`of`."""
        return self.of("cross")

    @property
    def encoder_self(self) -> list[RecordedCall]:
        """Self-attention of each encoder layer; see :meth:`of`."""
        return self.of("encoder_self")

    @property
    def decoder_self(self) -> list[RecordedCall]:
        """Self-attention of each decoder layer; see :meth:`of`."""
        return self.of("decoder_self")

    def of(self, role: Role) -> list[RecordedCall]:
        """Return the one call of each attention of a role, in the order of the layers.

        Raises:
            ValueError: If the block did not run the model exactly once; :attr:`calls` has all.
        """
        found = {path: calls for path, calls in self.calls.items() if self.roles[path] == role}
        for path, calls in found.items():
            if len(calls) != 1:
                raise ValueError(
                    f"{path}: expected one pass over whole sentence pairs in the block, but it was "
                    f"called {len(calls)} times; see AttentionRecord.calls"
                )
        return [calls[0] for calls in found.values()]


@contextlib.contextmanager
def record_attention(
    model: nn.Module, roles: Collection[Role] = ROLES
) -> Iterator[AttentionRecord]:
    """Record the weights and scores of every attention in ``model`` while the block runs.

    They are computed by :meth:`Attend.explain`, besides what the model computes. Leaving the block,
    also by an exception, removes all hooks; the record keeps what it has. Blocks may be nested.
    What another thread computes with the same model is recorded too.

    Args:
        model: Every :class:`Attend` in it is recorded, at any depth.
        roles: Record these alone.

    Example:
        >>> with record_attention(model) as record:  # doctest: +SKIP
        ...     model(source, shifted_target)
        >>> record.cross[-1].weights.shape  # doctest: +SKIP
        torch.Size([2, 4, 9, 11])
    """
    record = AttentionRecord()
    with contextlib.ExitStack() as hooks:
        for path, module in model.named_modules():
            if isinstance(module, Attend) and module.role in roles:
                record.roles[path] = module.role
                hook = partial(_keep, record.calls.setdefault(path, []))
                hooks.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
        before: dict[str, int] = {}
        count = partial(_count, record.calls, before)
        join = partial(_join_steps, record.calls, before)
        hooks.callback(model.register_forward_pre_hook(count).remove)
        hooks.callback(model.register_forward_hook(join).remove)
        yield record


def _keep(
    calls: list[RecordedCall],
    attend: Attend,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    _: Tensor,
) -> None:
    """Compute a call once more in the readable form, and keep its weights and scores."""
    calls.append(_explain(attend, *args, **kwargs))


@torch.no_grad()
def _explain(
    attend: Attend, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
) -> RecordedCall:
    _, weights, scores = attend.explain(query, key, value, *args, **kwargs)
    return RecordedCall(weights, scores, HeadDims(query.size(-1), key.size(-1), value.size(-1)))


def _count(calls: dict[str, list[RecordedCall]], before: dict[str, int], *_: Any) -> None:
    """Note how many calls each attention has made before the model runs."""
    before.update({path: len(made) for path, made in calls.items()})


def _join_steps(calls: dict[str, list[RecordedCall]], before: dict[str, int], *_: Any) -> None:
    """Make one call of all the calls that each attention has made while the model ran."""
    for path, made in calls.items():
        steps = made[before[path] :]
        if len(steps) > 1:
            weights = torch.cat([step.weights for step in steps], dim=2)
            scores = torch.cat([step.scores for step in steps], dim=2)
            made[before[path] :] = [RecordedCall(weights, scores, steps[0].dims)]
