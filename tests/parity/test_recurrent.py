"""Our recurrent models are their papers' equations, gate by gate, in a loop over steps.

Everything runs in float64, where two ways to compute the same differ in the order of a few sums.
"""

import pytest
import torch

from mt.errors import ConfigError
from mt.model.attention.config import AttentionConfig, BilinearConfig, DotConfig
from mt.model.config import RecurrentConfig
from mt.model.layers import Dropout
from mt.text.tokenizer import END

DIM, SIZE = 6, 17
SOURCE = torch.tensor([[5, 9, 4, 16, END]])
TARGET = torch.tensor([[2, 7, 8, 12]])
DROPPED = 0.5
"""What stands in for dropout, so that its places can be seen."""


def build(**values):
    torch.manual_seed(3)
    config = RecurrentConfig(**({"dim": DIM, "dropout": 0.0} | values))
    return config.build(SIZE, SIZE).double().eval()


def lstm(layer, x, state, suffix=""):
    """One step of Hochreiter and Schmidhuber's cell with a forget gate."""
    h, c = state
    gates = (
        getattr(layer, f"weight_ih_l0{suffix}") @ x
        + getattr(layer, f"bias_ih_l0{suffix}")
        + getattr(layer, f"weight_hh_l0{suffix}") @ h
        + getattr(layer, f"bias_hh_l0{suffix}")
    )
    enter, forget, new, leave = gates.chunk(4)
    c = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
    return leave.sigmoid() * c.tanh(), c


def gru(layer, x, state, suffix=""):
    """One step of Cho et al.'s cell, the reset gate applied after the product, as in torch."""
    (h,) = state
    given = getattr(layer, f"weight_ih_l0{suffix}") @ x + getattr(layer, f"bias_ih_l0{suffix}")
    past = getattr(layer, f"weight_hh_l0{suffix}") @ h + getattr(layer, f"bias_hh_l0{suffix}")
    reset, update = ((given + past)[part * len(h) : (part + 1) * len(h)] for part in (0, 1))
    reset, update = reset.sigmoid(), update.sigmoid()
    new = (given[2 * len(h) :] + reset * past[2 * len(h) :]).tanh()
    return ((1 - update) * new + update * h,)


CELLS = {"lstm": lstm, "gru": gru}


def by_hand(model):
    """Compute the outputs of ``TARGET`` given ``SOURCE``, one vector after the other.

    Each vector that dropout acts on is multiplied by ``DROPPED``.
    """
    config, cell = model.config, CELLS[model.config.cell]
    parts = 2 if config.cell == "lstm" else 1
    table = model.source_embedding.table * DIM**0.5
    half = DIM // 2
    memory = list(DROPPED * table[SOURCE[0]])
    for index, layer in enumerate(model.encoder):
        read = [DROPPED * each for each in memory] if index else memory
        passes = []
        for suffix, order in (("", range(5)), ("_reverse", range(4, -1, -1))):
            state = (torch.zeros(half, dtype=torch.float64),) * parts
            seen = {}
            for position in order:
                state = cell(layer, read[position], state, suffix)
                seen[position] = state[0]
            passes.append((seen, state[0]))
        memory = [
            torch.cat((passes[0][0][position], passes[1][0][position])) for position in range(5)
        ]
    summary = torch.cat((passes[0][1], passes[1][1]))
    first = (model.bridge.weight @ summary + model.bridge.bias).tanh().chunk(config.decoder_layers)
    states = [tuple(part.chunk(parts)) for part in first]

    def run_cells(x):
        for index, layer in enumerate(model.decoder):
            states[index] = cell(layer, DROPPED * x if index else x, states[index])
            x = states[index][0]
        return x

    def look(asking):
        if config.attention is None:
            return summary
        score = model.cross_attention.attend.score
        scores = []
        for each in memory:
            if config.attention.score.kind == "dot":
                scores.append(asking @ each)
            elif config.attention.score.kind == "bilinear":
                scores.append(asking @ score.matrix[0] @ each)
            else:
                inner = asking @ score.query_projection[0] + each @ score.key_projection[0]
                scores.append(score.score_vector[0] @ inner.tanh())
        weights = torch.stack(scores).softmax(dim=0)
        return sum(weight * each for weight, each in zip(weights, memory, strict=True))

    outputs, fed = [], torch.zeros(DIM, dtype=torch.float64)
    for token in TARGET[0]:
        x = DROPPED * table[token]
        if config.attention_query == "previous_state":
            context = look(states[-1][0])
            state = run_cells(torch.cat((x, context)))
        else:
            state = run_cells(torch.cat((x, fed)) if config.input_feeding else x)
            context = look(state)
        both = torch.cat((context, state))
        fed = DROPPED * torch.tanh(model.combine.weight @ both + model.combine.bias)
        outputs.append(fed)
    return torch.stack(outputs)[None]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(
    "values",
    [
        {"attention": None},
        {"attention": None, "input_feeding": True},
        {"attention": AttentionConfig(score=DotConfig())},
        {"attention": AttentionConfig(score=BilinearConfig())},
        {},
        {"input_feeding": True},
        {"attention_query": "previous_state"},
        {"attention_query": "previous_state", "encoder_layers": 2, "decoder_layers": 2},
        {"attention": None, "encoder_layers": 3, "decoder_layers": 2, "input_feeding": True},
    ],
    ids=str,
)
@torch.no_grad()
def test_each_model_is_its_equations(cell, values, monkeypatch):
    model = build(cell=cell, **values)
    monkeypatch.setattr(Dropout, "forward", lambda _, states: DROPPED * states)
    found = model(SOURCE, TARGET)
    torch.testing.assert_close(found, by_hand(model), atol=1e-12, rtol=1e-12)


def test_attention_and_fixed_context_have_the_same_size_but_for_the_score():
    fixed, dot, additive = (
        sum(parameter.numel() for parameter in build(attention=attention).parameters())
        for attention in (None, AttentionConfig(score=DotConfig()), RecurrentConfig().attention)
    )
    assert fixed == dot
    assert additive == fixed + 2 * DIM * DIM + DIM


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"dim": 7}, "dim: expected an even width with a bidirectional encoder, but found 7"),
        ({"dim": 8, "heads": 3}, "heads: expected a divisor of dim 8, but found 3"),
        (
            {"attention": None, "attention_query": "previous_state"},
            "attention_query: expected current_state without attention",
        ),
        ({"attention": None, "dim": 8, "heads": 2}, "heads: expected 1 without attention"),
        (
            {"attention_query": "previous_state", "input_feeding": True},
            "input_feeding: expected false with",
        ),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_with_the_reason(values, reason):
    with pytest.raises(ConfigError, match=reason):
        RecurrentConfig.parse(values, where="recipe.yaml")


def test_one_table_for_all_needs_one_vocabulary():
    with pytest.raises(ValueError, match=r"^tie: .* found 10 source and 11 target tokens"):
        RecurrentConfig(dim=8).build(10, 11)
