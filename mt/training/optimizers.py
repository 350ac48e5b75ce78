"""What moves the weights: AdamW, which is torch's, or Muon beside it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mt.hardware import computes_bfloat16
from mt.model.contract import EncoderDecoder
from mt.model.layers import Linear


class Optimizer(Protocol):
    """The part of torch's optimisers that training uses."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Weights and their settings; `lr` is the learning rate."""
        ...

    def step(self) -> Any:
        """Move the weights by their gradients."""
        ...

    def zero_grad(self, set_to_none: bool = ...) -> None:
        """Forget the gradients."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with what :meth:`state_dict` returned."""
        ...


class Muon:
    """Move the matrices of linear layers by Muon, and all other weights by AdamW.

    Muon moves a matrix along its averaged gradient made orthogonal, so that every direction moves
    equally far. Queries, keys and values are three matrices, though a layer holds them as one.
    Embeddings, the output, vectors and the cells of recurrent models are left to AdamW. The length
    of Muon's step is that which AdamW usually has, so that both share a learning rate.

    It equals ``torch.optim.Muon``, which takes one matrix after the other; matrices of one shape
    are taken together here, which for those of a small model needs half of the time or less.

    Source: Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks"; Liu et
    al. (2025), section 2.2, equation 4.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        adamw: torch.optim.AdamW,
        *,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        """Join two optimisers.

        Args:
            model: Whose linear layers are moved by Muon.
            adamw: Moves all weights but the matrices of :func:`hidden_matrices`.
            learning_rate: Of Muon.
            momentum: Decay of Muon's average of the gradient.
            weight_decay: Share of a matrix subtracted at each update, times the rate.
        """
        shapes: dict[torch.Size, list[_Matrix]] = {}
        for weight, blocks in hidden_matrices(model):
            height = len(weight) // blocks
            for first in range(0, len(weight), height):
                matrix = _Matrix(weight, slice(first, first + height))
                shapes.setdefault(matrix.value.shape, []).append(matrix)
        self._stacks = [_Stack(matrices) for matrices in shapes.values()]
        self._group: dict[str, Any] = {
            "params": [matrix.value for stack in self._stacks for matrix in stack.matrices],
            "lr": learning_rate,
            "momentum": momentum,
            "weight_decay": weight_decay,
        }
        self._adamw = adamw

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of both."""
        return [self._group, *self._adamw.param_groups]

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights by their gradients."""
        rate, decay = self._group["lr"], self._group["weight_decay"]
        for stack in self._stacks:
            stack.step(rate, self._group["momentum"], 1 - rate * decay)
        self._adamw.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for stack in self._stacks:
            for matrix in stack.matrices:
                matrix.weight.grad = None
        self._adamw.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        momenta = [stack.momentum for stack in self._stacks]
        return {"lr": self._group["lr"], "momenta": momenta, "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with what :meth:`state_dict` returned."""
        self._group["lr"] = state_dict["lr"]
        for stack, momentum in zip(self._stacks, state_dict["momenta"], strict=True):
            stack.momentum.copy_(momentum)
        self._adamw.load_state_dict(state_dict["adamw"])


class _Matrix(NamedTuple):
    """One of the matrices that a weight holds, one above the other."""

    weight: Tensor
    rows: slice

    @property
    def value(self) -> Float[Tensor, "height width"]:
        return self.weight.detach()[self.rows]

    @property
    def gradient(self) -> Float[Tensor, "height width"] | None:
        return None if self.weight.grad is None else self.weight.grad[self.rows]


class _Stack:
    """Matrices of one shape."""

    def __init__(self, matrices: Sequence[_Matrix]) -> None:
        self.matrices = matrices
        first = matrices[0].value
        self.momentum = first.new_zeros(len(matrices), *first.shape)

    def step(self, rate: float, momentum: float, kept: float) -> None:
        """Multiply the matrices by ``kept``, and move them; those without a gradient stay."""
        gradients = {
            index: gradient
            for index, matrix in enumerate(self.matrices)
            if (gradient := matrix.gradient) is not None
        }
        if not gradients:
            return
        indices, found = list(gradients), torch.stack(list(gradients.values()))
        averaged = self.momentum[indices].lerp_(found, 1 - momentum)
        self.momentum[indices] = averaged
        directions = orthogonalize(found.lerp_(averaged, momentum))
        length = rate * 0.2 * max(directions.shape[1:]) ** 0.5
        for index, direction in zip(indices, directions, strict=True):
            self.matrices[index].value.mul_(kept).add_(direction, alpha=-length)


def orthogonalize(
    matrices: Float[Tensor, "count height width"],
) -> Float[Tensor, "count height width"]:
    """Bring the singular values of each matrix near 1: five iterations of Newton and Schulz.

    They end between 0.7 and 1.2. Products are in bf16 where the device is made for it.

    Source: Jordan et al. (2024), with its coefficients.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.size(1) > matrices.size(2)
    found = matrices.mT if tall else matrices
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    if computes_bfloat16(found.device):
        found = found.bfloat16()
    for _ in range(5):
        gram = found @ found.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        found = torch.baddbmm(found, polynomial, found, beta=a)
    return found.mT if tall else found


def hidden_matrices(model: EncoderDecoder) -> Iterator[tuple[Tensor, int]]:
    """Yield the weight of each linear layer but the output, and how many matrices it holds.

    What is frozen is left out, and so is what is computed of other weights.
    """
    for module in model.modules():
        if isinstance(module, Linear) and module is not model.output:
            weight = module.weight
            if isinstance(weight, nn.Parameter) and weight.requires_grad:
                yield weight, module.blocks


def step_if(optimizer: Optimizer, finite: Bool[Tensor, ""]) -> None:
    """Move the weights if ``finite``; otherwise leave them and the optimiser as they are.

    The fused AdamW of torch decides on the device, by what ``torch.amp.GradScaler`` tells it, so
    that nobody waits. Other optimisers have no such way: there the host waits for the device.
    """
    if isinstance(optimizer, torch.optim.AdamW) and optimizer.defaults["fused"]:
        setattr(optimizer, "found_inf", (~finite).float())  # noqa: B010 - torch declares it nowhere
        optimizer.step()
    elif finite:
        optimizer.step()
