"""Cross-attention of a model that is given both sides."""

import random

import pytest
import torch

from mt.errors import BundleError
from mt.inspection.alignment import reader as module
from mt.inspection.alignment.views import View
from mt.inspection.recorder import record_attention
from mt.text.tokenizer import END, START


def some_pairs(reader, count=25):
    draw = random.Random(4)

    def line():
        words = ["".join(draw.choices("abcdefghä", k=draw.randint(1, 9))) for _ in range(6)]
        return " ".join(words[: draw.randint(1, 6)])

    return [reader.tokenize(line(), line(), "spaces") for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("cells", [1, 200, 65_536])
@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_a_padded_batch_has_the_weights_of_a_pair_alone(request, monkeypatch, kind, cells):
    monkeypatch.setattr(module, "BATCH_CELLS", cells)
    reader = (
        request.getfixturevalue("reader")
        if kind == "transformer"
        else request.getfixturevalue("recurrent")()
    )
    pairs, views = some_pairs(reader), reader.views()
    found = dict(reader.cross_attention(pairs, views))
    assert sorted(found) == list(range(len(pairs)))
    for index, pair in enumerate(pairs):
        ((_, alone),) = reader.cross_attention([pair], views)
        expected = (len(views), len(pair.target.tokens), len(pair.source.tokens) + 1)
        assert tuple(found[index].shape) == expected
        torch.testing.assert_close(found[index], alone, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.sum(-1), torch.ones(alone.shape[:-1]))


def test_rows_are_those_of_decoding_step_by_step(reader, model):
    (pair,) = some_pairs(reader, 1)
    with torch.no_grad(), record_attention(model) as record:
        state = model.start(torch.tensor([[*pair.source.tokens, END]]), 1)
        for token in [START, *pair.target.tokens]:
            _, state = model.step(torch.tensor([token]), state)
    calls = record.calls["decoder.1.cross_attention.attend"]
    steps = torch.cat([call.weights for call in calls], dim=2)[0]
    views = [View.parse(name) for name in ("plain:2", "shifted:2", "shifted:2.3")]
    ((_, (plain, shifted, head)),) = reader.cross_attention([pair], views)
    torch.testing.assert_close(plain, steps.mean(0)[:-1], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(shifted, steps.mean(0)[1:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(head, steps[2, 1:], atol=1e-5, rtol=1e-4)


def test_every_layer_and_head_has_its_views(reader, recurrent):
    assert len(reader.views()) == 2 * (1 + 3 * (1 + 4))
    assert list(map(str, recurrent().views())) == ["plain:1", "shifted:1"]


def test_a_model_without_cross_attention_is_refused(recurrent):
    with pytest.raises(
        BundleError, match="^rnn: expected a model whose decoder attends .*; choose"
    ):
        recurrent(attends=False).views()
