"""Record attention weights while somebody looks, at no cost to anybody else.

Whatever attends in a model calls its ``attend``. Inside the block a stand-in answers that takes the
readable path and keeps what comes of it; outside it nothing is left in the model.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mt.model.attention.attend import Attend
from mt.model.attention.contract import Attended, Attention

Role = Literal["cross", "encoder_self", "decoder_self"]
"""Who looks at whom: the target at the source, the source at itself, the target at itself."""

_ABSENT = object()


class Widths(NamedTuple):
    """The sizes of the vectors that an attention works with, of one head each."""

    query: int
    key: int
    """After the kind of attention has prepared it."""
    value: int


@dataclass(frozen=True)
class Tape:
    """What every attention did that ran inside a block of :func:`record_attention`.

    All tensors are without gradient, on the model's device; they live as long as the tape.
    """

    calls: dict[str, list[Attended]] = field(default_factory=dict)
    """Of every attention, by its path in the model (``decoder.0.cross_attention``) and in the order
    of the layers: what each call computed, in the order of the calls. The calls of a decoder that
    goes through a sentence step by step are one, if the whole model was called."""
    widths: dict[str, Widths] = field(default_factory=dict)
    """Of every attention that was called, by its path."""

    @property
    def cross(self) -> list[Attended]:
        """Of each layer: how the target looks at the source.

        Raises:
            ValueError: If not exactly one pass over whole sentence pairs was recorded; what any
                other computed is in :attr:`calls`.
        """
        return self._of("cross")

    @property
    def encoder_self(self) -> list[Attended]:
        """Of each layer: how the source looks at itself; raises as :attr:`cross` does."""
        return self._of("encoder_self")

    @property
    def decoder_self(self) -> list[Attended]:
        """Of each layer: how the target looks at itself; raises as :attr:`cross` does."""
        return self._of("decoder_self")

    def widths_of(self, role: Role) -> list[Widths]:
        """Of each layer, in the order of the calls: the sizes of its vectors."""
        return [self.widths[path] for path in self.calls if _role(path) == role]

    def _of(self, role: Role) -> list[Attended]:
        found = {path: calls for path, calls in self.calls.items() if _role(path) == role}
        for path, calls in found.items():
            if len(calls) != 1:
                raise ValueError(
                    f"{path}: expected one pass over whole sentence pairs in the block, but it was "
                    f"called {len(calls)} times; see Tape.calls"
                )
        return [calls[0] for calls in found.values()]


@contextlib.contextmanager
def record_attention(model: nn.Module) -> Iterator[Tape]:
    """Record what every attention in ``model`` computes while the block runs.

    The readable path computes it, which is slower and rounds differently from the fast path in the
    last digits. Leaving the block, also by an exception, removes every trace from the model; the
    tape keeps what it has. Parameters and their names are the same inside the block as outside.
    Blocks may be nested. What another thread computes with the same model is recorded too.

    Args:
        model: Searched for modules that hold an :class:`Attend` as ``attend``, at any depth. Which
            of them look where is told by their paths: ``cross`` in it, else ``encoder`` in it, else
            it is the decoder's self-attention.

    Example:
        >>> with record_attention(model) as tape:  # doctest: +SKIP
        ...     model(source, shifted_target)
        >>> tape.cross[-1].weights.shape  # doctest: +SKIP
        torch.Size([2, 4, 9, 11])
    """
    tape = Tape()
    with contextlib.ExitStack() as taps:
        for path, module in model.named_modules():
            if isinstance(getattr(module, "_modules", {}).get("attend"), Attend):
                calls = tape.calls.setdefault(path, [])
                note = partial(tape.widths.__setitem__, path)
                taps.enter_context(_tapped(module, _Recording(module.attend, calls, note)))
        taps.enter_context(_joined_passes(model, tape))
        yield tape


class _Recording:
    """An attention that takes the readable path of another and keeps what it computes."""

    def __init__(
        self, attend: Attention, calls: list[Attended], note: Callable[[Widths], None]
    ) -> None:
        self._attend = attend
        self._calls = calls
        self._note = note

    def prepare_keys(
        self, key: Float[Tensor, "batch heads key_len depth"]
    ) -> Float[Tensor, "batch heads key_len prepared_depth"]:
        """Prepare keys as the other does."""
        return self._attend.prepare_keys(key)

    def explain(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
        positions: Int[Tensor, " #query_len"] | None = None,
    ) -> Attended:
        """Explain, and keep what was computed."""
        attended = self._attend.explain(query, key, value, visible, positions)
        self._calls.append(Attended(*(part.detach() for part in attended)))
        self._note(Widths(query.size(-1), key.size(-1), value.size(-1)))
        return attended

    def __call__(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
        positions: Int[Tensor, " #query_len"] | None = None,
    ) -> Float[Tensor, "batch heads query_len value_depth"]:
        """Explain, keep what was computed, and return the context."""
        return self.explain(query, key, value, visible, positions).context


@contextlib.contextmanager
def _tapped(module: nn.Module, stand_in: Attention) -> Iterator[None]:
    """Let ``module.attend`` mean the stand-in for a while.

    An entry in the instance's dictionary is found before torch looks among the submodules. The kind
    of attention itself, which may have parameters, thus stays where it is registered.
    """
    own = vars(module)
    before = own.get("attend", _ABSENT)
    own["attend"] = stand_in
    try:
        yield
    finally:
        if before is _ABSENT:
            del own["attend"]
        else:
            own["attend"] = before


@contextlib.contextmanager
def _joined_passes(model: nn.Module, tape: Tape) -> Iterator[None]:
    """Make one call of what an attention was asked step by step while the model was called once."""
    before: dict[str, int] = {}

    def begin(*_: object) -> None:
        before.update({path: len(calls) for path, calls in tape.calls.items()})

    def end(*_: object) -> None:
        for path, calls in tape.calls.items():
            steps = calls[before[path] :]
            if len(steps) > 1:
                joined = (torch.cat(parts, dim=2) for parts in zip(*steps, strict=True))
                calls[before[path] :] = [Attended(*joined)]

    hooks = (model.register_forward_pre_hook(begin), model.register_forward_hook(end))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _role(path: str) -> Role:
    if "cross" in path:
        return "cross"
    return "encoder_self" if "encoder" in path else "decoder_self"
