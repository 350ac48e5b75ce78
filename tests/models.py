"""Small models with nothing fresh about them, and tokens for them to read."""

import torch
from torch import nn

from mt.model.config import RecurrentConfig, TransformerConfig
from mt.text.tokenizer import END, START

SIZE = 17
"""Tokens in either vocabulary."""
SOURCES = ((5, 9, 4, 16, END), (7, END), (11, 6, 13, END))


def transformer(**values):
    defaults = {
        "dim": 16,
        "heads": 2,
        "feed_forward": 24,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "dropout": 0.3,  # evaluation mode must not show it
    }
    return TransformerConfig(**(defaults | values))


def recurrent(**values):
    return RecurrentConfig(**({"dim": 16, "dropout": 0.3} | values))


def build(config, seed=1):
    """Make a model that computes in float64, where no two parameters are equal by accident."""
    torch.manual_seed(seed)
    model = config.build(SIZE, SIZE).double().eval()
    for name, parameter in model.named_parameters():
        if "norm" in name or "bias" in name:  # fresh ones are 0 and 1, and would hide a mix-up
            nn.init.normal_(parameter, mean=float(name.endswith("norm.weight")), std=0.3)
        if "relative" in name:
            nn.init.normal_(parameter)
    return model


def targets(rows, length, seed=2):
    """Draw what a decoder reads: the start mark, then any tokens."""
    tokens = torch.randint(4, SIZE, (rows, length), generator=torch.manual_seed(seed))
    tokens[:, 0] = START
    return tokens


def close(ours, theirs):
    """Hold two ways to compute the same in float64 to a difference in the order of a few sums.

    1e-10 is a million roundings of values near 1, and far below what any mistake would make.
    """
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)
