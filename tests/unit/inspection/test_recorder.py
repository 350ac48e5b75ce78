"""Recording: the right weights inside the block, the same outputs, no trace outside it."""

import gc
import weakref

import pytest
import torch
from torch import nn

from mt.inspection.recorder import record_attention
from mt.model.attention.attend import Attend
from mt.model.attention.contract import Score
from mt.model.attention.multi_head import MultiHeadAttention
from mt.model.attention.scope import GlobalScope

SOURCE = torch.tensor([[7, 9, 11, 12, 3], [8, 5, 3, 0, 0]])
TARGET = torch.tensor([[2, 20, 21, 22], [2, 30, 31, 0]])


def state_of(model):
    """Everything that could change: names, identities, dictionaries and hooks of all modules."""
    return [
        (path, id(module), sorted(vars(module)), [*module._modules], [*module._buffers],
         *(dict(hooks) for name, hooks in vars(module).items() if "hooks" in name and hooks))
        for path, module in model.named_modules()
    ]  # fmt: skip


def test_weights_have_shapes_and_rows_sum_to_1(model):
    with record_attention(model) as record:
        model(SOURCE, TARGET)
    assert [len(record.encoder_self), len(record.decoder_self), len(record.cross)] == [2, 3, 3]
    assert next(iter(record.calls)) == "encoder.0.self_attention.attend"
    assert {tuple(call.weights.shape) for call in record.encoder_self} == {(2, 4, 5, 5)}
    assert {tuple(call.weights.shape) for call in record.decoder_self} == {(2, 4, 4, 4)}
    assert {tuple(call.weights.shape) for call in record.cross} == {(2, 4, 4, 5)}
    for ((weights, scores, dims),) in record.calls.values():
        assert weights.dtype == scores.dtype == torch.float32
        assert not weights.requires_grad
        assert not scores.requires_grad
        assert dims == (4, 4, 4)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
        torch.testing.assert_close(weights, scores.softmax(-1))


def test_hidden_keys_have_no_weight(model):
    with record_attention(model) as record:
        model(SOURCE, TARGET)
    for weights, _, _ in (*record.encoder_self, *record.cross):
        assert weights[1, :, :, 3:].count_nonzero() == 0
    for weights, _, _ in record.decoder_self:
        assert weights.triu(1).count_nonzero() == 0


def test_weights_are_those_of_the_projections_by_hand(model):
    queries = []  # of the last decoder layer's cross-attention, as a hook of our own sees them

    layer = model.decoder[-1].cross_attention
    with torch.no_grad():
        memory, _ = model.encode(SOURCE)
        hook = layer.register_forward_pre_hook(lambda _, inputs: queries.append(inputs[0]))
        with record_attention(model) as record:
            model(SOURCE, TARGET)
        hook.remove()
        weight, bias = layer.in_proj.weight, layer.in_proj.bias
        for sentence in range(2):
            for head in range(4):
                rows = slice(16 + 4 * head, 16 + 4 * head + 4)  # the keys' third of the matrix
                keys = memory[sentence] @ weight[rows].T + bias[rows]
                scores = queries[0][sentence, head] @ keys.T / 4**0.5
                scores[:, SOURCE[sentence] == 0] = -torch.inf
                expected = scores.exp() / scores.exp().sum(-1, keepdim=True)
                torch.testing.assert_close(
                    record.cross[-1].weights[sentence, head], expected, atol=1e-6, rtol=1e-5
                )


@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients_are_the_same_to_the_last_bit(model, training):
    model.train(training)

    def run():
        torch.manual_seed(1)  # of dropout
        output = model(SOURCE, TARGET)
        return output, *torch.autograd.grad(output.square().sum(), [*model.parameters()][:-1])

    expected = run()
    with record_attention(model) as record:
        found = run()
    assert len(record.cross) == 3
    assert all(map(torch.equal, found, expected))


def test_one_role_alone_can_be_recorded(model):
    with record_attention(model) as record:
        model(SOURCE, TARGET)
    with record_attention(model, roles=["cross"]) as some:
        model(SOURCE, TARGET)
    assert [*some.roles.values()] == ["cross"] * 3
    assert len(some.cross) == len(record.cross)
    for one, other in zip(some.cross, record.cross, strict=True):
        assert torch.equal(one.weights, other.weights)


def test_leaves_no_trace(model):
    before, names = state_of(model), [*model.state_dict()]
    with record_attention(model) as record:
        model(SOURCE, TARGET)
        assert [*model.state_dict()] == names
        assert state_of(model) != before
    assert state_of(model) == before
    model(SOURCE, TARGET)
    assert {len(calls) for calls in record.calls.values()} == {1}


def test_an_exception_leaves_no_trace_either(model):
    before = state_of(model)
    with pytest.raises(RuntimeError, match="stop"), record_attention(model) as record:
        model(SOURCE, TARGET)
        raise RuntimeError("stop")
    assert state_of(model) == before
    assert len(record.cross) == 3


def test_a_pass_that_failed_does_not_disturb_the_next(model):
    with record_attention(model) as record:
        with pytest.raises(IndexError):
            model(SOURCE, TARGET + 10_000)  # no such tokens: fails when the source is encoded
        assert {len(calls) for calls in record.calls.values()} == {0, 1}
        failed = {path: len(calls) for path, calls in record.calls.items()}
        model(SOURCE, TARGET)
    assert {len(calls) - failed[path] for path, calls in record.calls.items()} == {1}


def test_the_readable_form_runs_only_inside(model, monkeypatch):
    explain, calls = Attend.explain, []
    monkeypatch.setattr(Attend, "explain", lambda *given: calls.append(1) or explain(*given))
    model(SOURCE, TARGET)
    assert not calls
    with record_attention(model):
        model(SOURCE, TARGET)
    assert len(calls) == 8
    model(SOURCE, TARGET)
    assert len(calls) == 8


def test_weights_live_as_long_as_the_record(model):
    with record_attention(model) as record:
        model(SOURCE, TARGET)
    kept = [weakref.ref(call.weights) for (call,) in record.calls.values()]
    del record
    gc.collect()
    assert {each() for each in kept} == {None}


def test_nested_blocks_both_record(model):
    before = state_of(model)
    with record_attention(model) as outer:
        with record_attention(model) as inner:
            model(SOURCE, TARGET)
        assert torch.equal(outer.cross[0].weights, inner.cross[0].weights)
        model(SOURCE, TARGET)
    assert {len(calls) for calls in outer.calls.values()} == {2}
    assert {len(calls) for calls in inner.calls.values()} == {1}
    assert state_of(model) == before


def test_a_score_with_parameters_is_recorded_without_gradient():
    class Scaled(Score):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, query, key):
            return query @ key.transpose(-2, -1) * self.scale

    attention = MultiHeadAttention(8, 2, Attend(Scaled(), GlobalScope(), None, "encoder_self"))
    with record_attention(attention) as record:
        query, memory = attention.project_self(torch.randn(1, 3, 8), torch.arange(3))
        attention(query, memory, None, torch.arange(3))
    assert record.encoder_self[0].weights.unique().tolist() == pytest.approx([1 / 3])
    assert not record.encoder_self[0].weights.requires_grad


def test_arguments_may_have_names():
    attend = Attend(Score(), GlobalScope(), None, "cross")
    attend.score.forward = lambda query, key: query @ key.transpose(-2, -1)
    query, key = torch.randn(1, 2, 3, 4), torch.randn(1, 2, 5, 4)
    visible = torch.tensor([True, True, False, True, False])
    with record_attention(attend) as record:
        attend(query, key=key, value=torch.randn(1, 2, 5, 6), visible=visible.expand(1, 1, 1, 5))
    ((weights, _, dims),) = record.calls[""]
    assert dims == (4, 4, 6)
    assert weights[..., ~visible].count_nonzero() == 0


def test_several_passes_are_kept_call_by_call(model):
    with record_attention(model) as record:
        state = model.start(SOURCE, 2)
        for _ in range(3):
            _, state = model.step(torch.full((4,), 2), state)
    steps = record.calls["decoder.1.cross_attention.attend"]
    assert [tuple(step.weights.shape) for step in steps] == [(2, 4, 2, 5)] * 3
    assert len(record.encoder_self) == 2
    with pytest.raises(ValueError, match=r"decoder\.0\.cross_attention\.attend: .* called 3 times"):
        _ = record.cross
