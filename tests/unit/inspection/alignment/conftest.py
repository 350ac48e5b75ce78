import pytest
import torch
from torch import nn

from mt.inspection.alignment.reader import PairReader
from mt.model.attention.attend import Attend
from mt.model.attention.multi_head import MultiHeadAttention
from mt.model.config import TransformerConfig
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import PAD

CPU = torch.device("cpu")


@pytest.fixture
def reader(model, tokenizers):
    return PairReader(model, tokenizers, 40, CPU, name="run", languages=("xx", "yy"))


@pytest.fixture
def back(tokenizers):
    """A model of the other direction."""
    torch.manual_seed(6)
    config = TransformerConfig(dim=16, encoder_layers=1, decoder_layers=2, heads=2, feed_forward=32)
    model = config.build(tokenizers.target.size, tokenizers.source.size)
    return PairReader(model, tokenizers, 40, CPU, name="back", languages=("yy", "xx"))


class Recurrent(EncoderDecoder):
    """A decoder that steps through a sentence and attends once a step, with one head or none."""

    def __init__(self, size, attends=True):
        super().__init__()
        self.table = nn.Embedding(size, 8)
        self.cell = nn.GRUCell(8, 8)
        self.cross_attention = MultiHeadAttention(8, 1, attend_plainly()) if attends else None
        self.output = nn.Linear(8, size)

    def forward(self, source, target):
        keys = self.table(source)
        visible = (source != PAD)[:, None, None]
        states, state = [], torch.zeros(len(source), 8)
        for step in range(target.shape[1]):
            state = self.cell(self.table(target[:, step]), state)
            if self.cross_attention is not None:
                attention = self.cross_attention
                query = attention.project_query(state[:, None])
                memory = attention.project_memory(keys)
                position = torch.tensor([step])
                state = state + attention(query, memory, visible, position)[:, 0]
            states.append(state)
        return torch.stack(states, dim=1)


def attend_plainly() -> Attend:
    """Return what a cross-attention attends with if a recipe says nothing of it."""
    config = TransformerConfig(dim=8, encoder_layers=1, decoder_layers=1, heads=1, feed_forward=8)
    return config.build(10, 10).decoder[0].cross_attention.attend


@pytest.fixture
def recurrent(tokenizers):
    def build(attends=True):
        torch.manual_seed(7)
        model = Recurrent(tokenizers.source.size, attends)
        return PairReader(model, tokenizers, 40, CPU, name="rnn", languages=("xx", "yy"))

    return build
