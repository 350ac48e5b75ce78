"""A moving average of the weights while they are trained."""

import copy

from torch.optim.swa_utils import get_ema_multi_avg_fn

from mt.model.contract import EncoderDecoder


class ExponentialAverage:
    """A model whose weights follow those of another that is trained, and fluctuate less.

    After each update ``average = decay * average + (1 - decay) * weights``. Where few updates are
    done the decay is smaller, ``(1 + n) / (10 + n)`` at update ``n``, lest the fresh weights count
    for long.

    Attributes:
        model: The averaged model, in evaluation mode.

    Source: Polyak and Juditsky (1992); the first updates as in TensorFlow and Marian.
    """

    def __init__(self, trained: EncoderDecoder, decay: float) -> None:
        """Begin with the weights that a model has.

        Args:
            trained: The model that is trained; copied.
            decay: Share of the average that is kept in an update.
        """
        self.model = copy.deepcopy(trained).requires_grad_(requires_grad=False).eval()
        self._trained = trained
        self._decay = decay

    def follow(self, update: int) -> None:
        """Take in the weights after an update, from 1."""
        decay = min(self._decay, (1 + update) / (10 + update))
        average, trained = (list(each.parameters()) for each in (self.model, self._trained))
        follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        follow(average, trained, None)
