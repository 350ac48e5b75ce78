"""Record attention weights while somebody looks, at no cost to anybody else.

Every :class:`MultiHeadAttention` of a model calls its ``attend``. Inside the block a stand-in
answers that takes the readable path and keeps the weights; outside it nothing is left in the model.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor, nn

from mt.model.attention import Attended, Attention, MultiHeadAttention

_ABSENT = object()


@dataclass(frozen=True)
class Tape:
    """The attention weights of what ran inside a block of :func:`record_attention`.

    Weights are float32, without gradient, on the model's device; they live as long as the tape.
    """

    calls: dict[str, list[Float[Tensor, "batch heads query_len key_len"]]] = field(
        default_factory=dict
    )
    """Of every attention, by its path in the model (``decoder.0.cross_attention``) and in the order
    of the layers: the weights of each call, in the order of the calls."""

    @property
    def cross(self) -> list[Float[Tensor, "batch heads target_len source_len"]]:
        """Of each layer: how the target looks at the source.

        Raises:
            ValueError: If not exactly one pass over whole sentence pairs was recorded; the weights
                of any other are in :attr:`calls`.
        """
        return self._of("cross")

    @property
    def encoder_self(self) -> list[Float[Tensor, "batch heads source_len source_len"]]:
        """Of each layer: how the source looks at itself; raises as :attr:`cross` does."""
        return self._of("encoder_self")

    @property
    def decoder_self(self) -> list[Float[Tensor, "batch heads target_len target_len"]]:
        """Of each layer: how the target looks at itself; raises as :attr:`cross` does."""
        return self._of("decoder_self")

    def _of(self, role: str) -> list[Tensor]:
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
    """Record the weights of every attention in ``model`` while the block runs.

    The readable path computes them, which is slower and rounds differently from the fast path in
    the last digits. Leaving the block, also by an exception, removes every trace from the model;
    the tape keeps what it has. Parameters and their names are the same inside the block as outside.
    Blocks may be nested. What another thread computes with the same model is recorded too.

    Args:
        model: Searched for :class:`MultiHeadAttention` at any depth. Which of them look where is
            told by their paths: ``cross`` in it, else ``encoder`` in it, else it is the decoder's
            self-attention.

    Example:
        >>> with record_attention(model) as tape:  # doctest: +SKIP
        ...     model(source, shifted_target)
        >>> tape.cross[-1].shape  # doctest: +SKIP
        torch.Size([2, 4, 9, 11])
    """
    tape = Tape()
    with contextlib.ExitStack() as taps:
        for path, module in model.named_modules():
            if isinstance(module, MultiHeadAttention):
                calls = tape.calls.setdefault(path, [])
                taps.enter_context(_tapped(module, _Recording(module.attend, calls)))
        yield tape


class _Recording:
    """An attention that takes the readable path of another and keeps its weights."""

    def __init__(self, attend: Attention, calls: list[Tensor]) -> None:
        self._attend = attend
        self._calls = calls

    def explain(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    ) -> Attended:
        """Explain, and keep the weights."""
        attended = self._attend.explain(query, key, value, visible)
        self._calls.append(attended.weights.detach())
        return attended

    def __call__(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None,
    ) -> Float[Tensor, "batch heads query_len value_depth"]:
        """Explain, keep the weights, and return the context."""
        return self.explain(query, key, value, visible).context


@contextlib.contextmanager
def _tapped(module: MultiHeadAttention, stand_in: Attention) -> Iterator[None]:
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


def _role(path: str) -> str:
    if "cross" in path:
        return "cross"
    return "encoder_self" if "encoder" in path else "decoder_self"
