"""The graphs before they are traced: step by step they give the logits of the model."""

import copy

import pytest
import torch

from mt.exchange.onnx.graphs import graphs
from tests.models import SIZE, build, transformer

KINDS = {
    "pre-norm": {},
    "post-norm, unequal depths": {"norm": "post", "decoder_layers": 1},
    "learned, too few": {"positions": {"kind": "learned", "longest": 3}},
    "rotary": {"positions": {"kind": "rotary"}},
    "shaw": {"positions": {"kind": "shaw", "longest": 2}},
    "t5": {"positions": {"kind": "t5", "buckets": 4, "longest": 3}},
    "alibi": {"positions": {"kind": "alibi"}},
    "additive": {"cross_attention": {"score": {"kind": "additive"}}},
    "window": {
        "self_attention": {"scope": {"kind": "window", "width": 2}},
        "cross_attention": {"scope": {"kind": "window", "width": 1}},
    },
    "predicted": {"cross_attention": {"scope": {"kind": "predicted", "width": 2}}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_steps_give_the_logits_of_the_model(kind):
    model = build(transformer(**KINDS[kind])).float()
    traced = graphs(copy.deepcopy(model), longest=50)
    source = torch.tensor([[5, 9, 4, 16, 3], [7, 3, 0, 0, 0], [6, 3, 0, 0, 0]])
    target = torch.randint(4, SIZE, (3, 6), generator=torch.manual_seed(2))
    memory = traced["encoder"].module(source)
    past = [memory[0].new_zeros(*memory[0].shape[:3], 0, memory[0].size(4))] * 2
    with torch.inference_mode():
        expected = model.output(model(source, target))
        for step in range(target.size(1)):
            logits, *past = traced["decoder"].module(target[:, step], *memory, *past)
            torch.testing.assert_close(logits, expected[:, step], atol=2e-5, rtol=1e-4)
