"""Recording: the right weights inside the block, no trace outside it."""

import gc
import weakref

import pytest
import torch
from torch import nn

from mt.inspection import record_attention
from mt.model.attention.attend import Attend
from mt.model.attention.contract import Score
from mt.model.attention.multi_head import MultiHeadAttention
from mt.model.attention.scope import GlobalScope

SOURCE = torch.tensor([[7, 9, 11, 12, 3], [8, 5, 3, 0, 0]])
TARGET = torch.tensor([[2, 20, 21, 22], [2, 30, 31, 0]])


def attentions(model):
    return [each for each in model.modules() if isinstance(each, MultiHeadAttention)]


def picture_of(model):
    """Everything that could change: names, identities and dictionaries of all modules."""
    return [
        (path, id(module), sorted(vars(module)), [*module._modules], [*module._buffers])
        for path, module in model.named_modules()
    ]


def test_weights_have_shapes_and_rows_sum_to_1(model):
    with record_attention(model) as tape:
        model(SOURCE, TARGET)
    assert [len(tape.encoder_self), len(tape.decoder_self), len(tape.cross)] == [2, 3, 3]
    assert next(iter(tape.calls)) == "encoder.0.self_attention"
    assert {tuple(attended.weights.shape) for attended in tape.encoder_self} == {(2, 4, 5, 5)}
    assert {tuple(attended.weights.shape) for attended in tape.decoder_self} == {(2, 4, 4, 4)}
    assert {tuple(attended.weights.shape) for attended in tape.cross} == {(2, 4, 4, 5)}
    for ((_, weights, _),) in tape.calls.values():
        assert weights.dtype == torch.float32
        assert not weights.requires_grad
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


def test_widths_are_those_of_one_head(model):
    with record_attention(model) as tape:
        model(SOURCE, TARGET)
    assert tape.widths_of("cross") == [(4, 4, 4)] * 3
    assert tape.widths_of("encoder_self") == [(4, 4, 4)] * 2


def test_hidden_places_weigh_nothing(model):
    with record_attention(model) as tape:
        model(SOURCE, TARGET)
    for _, weights, _ in (*tape.encoder_self, *tape.cross):
        assert weights[1, :, :, 3:].count_nonzero() == 0
    for _, weights, _ in tape.decoder_self:
        assert weights.triu(1).count_nonzero() == 0


def test_weights_are_those_of_the_projections_by_hand(model):
    met = []  # what the last decoder layer's cross-attention is given, seen from outside

    def keep(module, inputs):
        met.append(inputs[0])

    layer = model.decoder[-1].cross_attention
    with torch.no_grad():
        memory, _ = model.encode(SOURCE)
        hook = layer.register_forward_pre_hook(keep)
        with record_attention(model) as tape:
            model(SOURCE, TARGET)
        hook.remove()
        weight, bias = layer.in_proj.weight, layer.in_proj.bias
        for sentence in range(2):
            for head in range(4):
                rows = slice(16 + 4 * head, 16 + 4 * head + 4)  # the keys' third of the matrix
                keys = memory[sentence] @ weight[rows].T + bias[rows]
                scores = met[0][sentence, head] @ keys.T / 4**0.5
                scores[:, SOURCE[sentence] == 0] = -torch.inf
                expected = scores.exp() / scores.exp().sum(-1, keepdim=True)
                torch.testing.assert_close(
                    tape.cross[-1].weights[sentence, head], expected, atol=1e-6, rtol=1e-5
                )


def test_outputs_inside_agree_with_the_fast_path(model):
    expected = model(SOURCE, TARGET)
    with record_attention(model):
        torch.testing.assert_close(model(SOURCE, TARGET), expected, atol=1e-5, rtol=1e-5)


def test_leaves_no_trace(model):
    before, kinds = picture_of(model), [each.attend for each in attentions(model)]
    names, outputs = [*model.state_dict()], model(SOURCE, TARGET)
    parameters = [name for name, _ in model.named_parameters()]
    with record_attention(model) as tape:
        model(SOURCE, TARGET)
        assert [*model.state_dict()] == names
        assert [name for name, _ in model.named_parameters()] == parameters
    assert picture_of(model) == before
    for each, kind in zip(attentions(model), kinds, strict=True):
        assert each.attend is kind
    model(SOURCE, TARGET)
    assert torch.equal(model(SOURCE, TARGET), outputs)
    assert {len(calls) for calls in tape.calls.values()} == {1}


def test_an_exception_leaves_no_trace_either(model):
    before = picture_of(model)
    with pytest.raises(RuntimeError, match="stop"), record_attention(model) as tape:
        model(SOURCE, TARGET)
        raise RuntimeError("stop")
    assert picture_of(model) == before
    assert len(tape.cross) == 3


def test_the_readable_path_runs_only_inside(model, monkeypatch):
    kind = type(model.decoder[0].cross_attention.attend)
    explain, calls = kind.explain, []
    monkeypatch.setattr(kind, "explain", lambda *given: calls.append(1) or explain(*given))
    model(SOURCE, TARGET)
    assert not calls
    with record_attention(model):
        model(SOURCE, TARGET)
    assert len(calls) == 8
    model(SOURCE, TARGET)
    assert len(calls) == 8


def test_weights_live_as_long_as_the_tape(model):
    with record_attention(model) as tape:
        model(SOURCE, TARGET)
    kept = [weakref.ref(attended.weights) for (attended,) in tape.calls.values()]
    del tape
    gc.collect()
    assert {each() for each in kept} == {None}


def test_nested_blocks_both_see(model):
    before = picture_of(model)
    with record_attention(model) as outer:
        with record_attention(model) as inner:
            model(SOURCE, TARGET)
        assert torch.equal(outer.cross[0].weights, inner.cross[0].weights)
    assert picture_of(model) == before


def test_a_kind_with_parameters_keeps_them_in_their_place():
    class Learnt(Score):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, query, key):
            return query @ key.transpose(-2, -1) * self.scale

    model = nn.ModuleDict(
        {"encoder": MultiHeadAttention(8, 2, Attend(Learnt(), GlobalScope(), None, "encoder_self"))}
    )
    before, names = picture_of(model), [*model.state_dict()]
    assert "encoder.attend.score.scale" in names
    with record_attention(model) as tape:
        assert [*model.state_dict()] == names
        query, memory = model["encoder"].project_self(torch.randn(1, 3, 8), torch.arange(3))
        model["encoder"](query, memory, None, torch.arange(3))
    assert tape.encoder_self[0].weights.unique().tolist() == pytest.approx([1 / 3])
    assert picture_of(model) == before


def test_several_passes_are_kept_call_by_call(model):
    with record_attention(model) as tape:
        state = model.start(SOURCE, 2)
        for _ in range(3):
            _, state = model.step(torch.full((4,), 2), state)
    steps = tape.calls["decoder.1.cross_attention"]
    assert [tuple(step.weights.shape) for step in steps] == [(2, 4, 2, 5)] * 3
    assert len(tape.encoder_self) == 2
    with pytest.raises(ValueError, match=r"decoder\.0\.cross_attention: .* called 3 times"):
        _ = tape.cross
