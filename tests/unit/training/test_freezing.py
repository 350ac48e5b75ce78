"""What is frozen stays as it is, to the bit; all else is trained."""

import pytest
import torch

from mt.errors import ConfigError
from mt.training.config import AdamWConfig
from mt.training.freezing import freeze
from tests.models import build, targets, transformer


def step(model):
    """Train one update, with a decay of weights that would change whatever it reaches."""
    optimizer = AdamWConfig(learning_rate=0.1, weight_decay=0.5).build(model)
    source = torch.randint(4, 17, (2, 5), generator=torch.manual_seed(1))
    model.output(model(source, targets(2, 4))).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("parts", [["encoder"], ["encoder.0", "source_embedding"], []])
def test_the_rest_is_trained(parts):
    model = build(transformer(tie="two_way", output_bias=True))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    freeze(model, parts)
    step(model)
    frozen = {name for name in before if torch.equal(before[name], model.get_parameter(name))}
    expected = {name for name in before for part in parts if name.startswith(f"{part}.")}
    assert frozen == expected


def test_a_shared_table_is_frozen_for_all():
    model = build(transformer())
    freeze(model, ["source_embedding"])
    assert not model.output.weight.requires_grad


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["encodr"], "but found encodr; did you mean `encoder`"),
        ([""], "expected names of modules \\(source_embedding, target_embedding, encoder"),
        (["encoder", "decoder", "source_embedding", "encoder_norm", "decoder_norm"], "whole model"),
    ],
)
def test_what_cannot_be_frozen_is_refused(parts, message):
    with pytest.raises(ConfigError, match=message):
        freeze(build(transformer()), parts)
