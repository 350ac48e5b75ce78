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
    ``rank`` rows, ``B`` as many columns and zeros at first, and nothing else is trained. Each of
    the matrices that a layer holds as one, such as those of queries, keys and values, has its own.

    Source: Hu et al. (2022), section 4.1.
    """

    def __init__(self, trained: EncoderDecoder, rank: int, alpha: float) -> None:
        """Add the small matrices to a model.

        Args:
            trained: Changed in place; its own weights are frozen.
            rank: Of the small matrices.
            alpha: Their product is multiplied by ``alpha / rank``.
        """
        self._merged = copy.deepcopy(trained).requires_grad_(requires_grad=False).eval()
        whole = count_parameters(trained)
        self._trained = trained.requires_grad_(requires_grad=False)
        for layer in list(trained.modules()):
            if isinstance(layer, Linear) and layer is not trained.output:
                product = _LowRankProduct(layer.weight, layer.blocks, rank, alpha / rank)
                parametrize.register_parametrization(layer, "weight", product)
        small = count_parameters(trained) - whole
        log.info(
            "LoRA: %s parameters are trained, by AdamW, beside the %s of the model",
            f"{small:,}", f"{whole:,}",
        )  # fmt: skip

    @property
    def model(self) -> EncoderDecoder:
        """The model with the products added to its weights, in evaluation mode."""
        trained = dict(self._trained.named_modules())
        own = dict(self._trained.named_parameters())
        with torch.no_grad():
            for name, weight in self._merged.named_parameters():
                layer, _, last = name.rpartition(".")
                weight.copy_(own[name] if name in own else getattr(trained[layer], last))
        return self._merged

    def follow(self, update: int) -> None:
        """Do nothing after an update: the products are added when the model is asked for."""


class _LowRankProduct(nn.Module):
    """What is added to a weight: a product for each of the matrices it holds."""

    def __init__(
        self, weight: Float[Tensor, "outputs inputs"], blocks: int, rank: int, scale: float
    ) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.scale = scale
        self.down = nn.Parameter(weight.new_empty(blocks, rank, inputs))
        self.up = nn.Parameter(weight.new_zeros(blocks, outputs // blocks, rank))
        for part in self.down.data:
            nn.init.kaiming_uniform_(part, a=math.sqrt(5))

    def forward(self, weight: Float[Tensor, "outputs inputs"]) -> Float[Tensor, "outputs inputs"]:
        """Add the products."""
        product = torch.bmm(self.up, self.down).flatten(0, 1)
        return weight + self.scale * product.to(weight.dtype)
