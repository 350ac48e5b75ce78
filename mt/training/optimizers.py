"""What moves the weights: AdamW is torch's; Muon, beside AdamW, is joined of two of torch's."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from jaxtyping import Bool
from torch import Tensor, nn

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

    Source: Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks"; Liu et
    al. (2025), section 2.2, equation 4.
    """

    def __init__(
        self,
        model: nn.Module,
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
        self._fused = [
            (weight, torch.split(weight.detach(), len(weight) // blocks))
            for weight, blocks in hidden_matrices(model)
        ]
        self._muon = torch.optim.Muon(
            [matrix for _, matrices in self._fused for matrix in matrices],
            lr=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self._adamw = adamw

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of both."""
        return [*self._muon.param_groups, *self._adamw.param_groups]

    def step(self) -> None:
        """Move the weights by their gradients."""
        for weight, matrices in self._fused:
            if weight.grad is not None:
                for matrix, gradient in zip(
                    matrices, torch.split(weight.grad, len(matrices[0])), strict=True
                ):
                    matrix.grad = gradient
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for weight, _ in self._fused:
            weight.grad = None
        self._muon.zero_grad(set_to_none)
        self._adamw.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on with what :meth:`state_dict` returned."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])


def hidden_matrices(model: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Yield the weight of each linear layer but the output, and how many matrices it holds.

    What is frozen is left out.
    """
    for module in model.modules():
        if isinstance(module, Linear) and module.weight.requires_grad:
            yield module.weight, module.blocks


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
