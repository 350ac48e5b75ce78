"""Twenty updates of a fixed tiny model give the losses they always gave.

These numbers prove nothing but that nothing changed. Where a change is meant to change them, write
them anew and say why in the commit::

    python -m tests.golden.renew loss_curve
"""

import json
import random
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from mt.data.batches import Batch
from mt.data.epochs import Epochs
from mt.data.store import Lengths
from mt.model.config import TransformerConfig
from mt.text.tokenizer import END, PAD
from mt.training.config import AdamWConfig, InverseSquareRootConfig, TrainingConfig
from mt.training.loop import updates
from mt.training.objective import Objective
from mt.training.order import Position, TrainingOrder
from mt.training.world import SingleProcess

GOLDEN = Path(__file__).with_name("loss_curve.json")
VOCABULARY = 50


class Store:
    """Pairs whose target is the source backwards, in memory."""

    def __init__(self):
        generator = random.Random(1)
        lengths = [generator.randint(1, 9) for _ in range(120)]
        rows = [[generator.randrange(END + 1, VOCABULARY) for _ in range(n)] for n in lengths]
        self.sources = [[*row, END] for row in rows]
        self.targets = [[*reversed(row), END] for row in rows]
        self._lengths = np.array([n + 1 for n in lengths])

    def epochs(self, seed):
        return Epochs((120,), (Fraction(120),), seed)

    def lengths(self, indices):
        return Lengths(self._lengths[indices], self._lengths[indices])

    def batch(self, indices):
        width = max(self._lengths[indices])
        sides = (
            [side[index] + [PAD] * (width - len(side[index])) for index in indices]
            for side in (self.sources, self.targets)
        )
        return Batch.of(*map(torch.tensor, sides))


def losses():
    """Return the smoothed loss of each update, in nats per target token."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = TransformerConfig(
        dim=16, encoder_layers=1, decoder_layers=1, heads=2, feed_forward=32, dropout=0.1
    ).build(VOCABULARY, VOCABULARY)
    config = TrainingConfig(
        updates=20,
        batch_tokens=100,
        accumulate=2,
        precision="fp32",
        optimizer=AdamWConfig(learning_rate=1e-2, weight_decay=0.1),
        schedule=InverseSquareRootConfig(warmup=5),
    )
    order = TrainingOrder(Store(), config.batch_tokens, seed=1)
    done = updates(
        model,
        Objective(config.label_smoothing),
        islice(order.groups(Position(), config.accumulate), config.updates),
        config.optimizer.build(model),
        config.rate,
        SingleProcess(),
        clip_norm=config.clip_norm,
        precision=config.precision,
        device=torch.device("cpu"),
    )
    curve = [float(update.smoothed) / update.target_tokens for update in done]
    torch.set_num_threads(threads)
    return curve


def test_the_loss_curve_is_unchanged():
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    # Kernels of other processors add in another order. Weights changed by a share of 1e-6 move the
    # curve by less than 1e-6, while an update without weight decay moves it by 3e-3, another decay
    # of Adam's second average (0.99) by 4e-4, a smoothing of 0.09 by 9e-3.
    assert losses() == pytest.approx(expected, abs=1e-4)


def renew():
    GOLDEN.write_text(json.dumps([round(loss, 6) for loss in losses()], indent=1) + "\n")
