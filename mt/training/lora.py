"""Fine-tune a model by small matrices beside its own: low-rank adaptation, LoRA."""

import copy
import logging
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mt.model.contract import EncoderDecoder, count_parameters
from mt.model.layers import Linear

log = logging.getLogger(__name__)


class LowRankAdaptation:
    """A model whose linear layers are trained by small matrices, and that model as it then is.

    Every matrix ``W`` of a linear layer becomes ``W + alpha / rank * B A``, where ``A`` has
    ``rank`` rows, ``B`` as many columns, and nothing else is trained. ``B`` begins with zeros.
    Queries, keys and values, which a layer holds as one matrix, share ``A``.

    Source: Hu et al. (2022), section 4.1.
    """

    def __init__(self, trained: EncoderDecoder, rank: int, alpha: float) -> None:
        """Add the small matrices to a model.

        Args:
            trained: Changed in place; its own weights are frozen.
            rank: Of the small matrices.
            alpha: What their product is multiplied by, times ``rank``.
        """
        self._merged = copy.deepcopy(trained).requires_grad_(requires_grad=False).eval()
        self._trained = trained.requires_grad_(requires_grad=False)
        for layer in list(trained.modules()):
            if isinstance(layer, Linear):
                product = _LowRankProduct(layer.weight, rank, alpha / rank)
                parametrize.register_parametrization(layer, "weight", product)
        small = sum(weight.numel() for weight in trained.parameters() if weight.requires_grad)
        whole = f"{count_parameters(self._merged):,}"
        log.info("LoRA: %s parameters are trained beside the %s of the model", f"{small:,}", whole)

    @property
    def model(self) -> EncoderDecoder:
        """The model with the products added to its weights, in evaluation mode."""
        weights: dict[str, Tensor] = dict(self._trained.named_parameters())
        weights |= {
            f"{name}.weight": layer.weight
            for name, layer in self._trained.named_modules()
            if isinstance(layer, Linear)
        }
        with torch.no_grad():
            for name, weight in self._merged.named_parameters():
                weight.copy_(weights[name])
        return self._merged

    def follow(self, update: int) -> None:
        """Do nothing after an update: the products are added when the model is asked for."""


class _LowRankProduct(nn.Module):
    """What is added to a weight."""

    def __init__(self, weight: Float[Tensor, "outputs inputs"], rank: int, scale: float) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.scale = scale
        self.down = nn.Parameter(weight.new_empty(rank, inputs))
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Float[Tensor, "outputs inputs"]) -> Float[Tensor, "outputs inputs"]:
        """Add the product."""
        return weight + (self.scale * self.up @ self.down).to(weight.dtype)
