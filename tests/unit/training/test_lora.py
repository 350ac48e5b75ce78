"""Small matrices alone are trained, and the model is what they add up to."""

import pytest
import torch

from mt.bundle import open_bundle
from mt.errors import ConfigError
from mt.model.layers import Linear
from mt.training.config import AdamWConfig, LoRAConfig, MuonConfig, TrainingConfig
from mt.training.finetuning import _training
from tests.models import build, close, recurrent, targets, transformer

SOURCE = torch.randint(4, 17, (2, 5), generator=torch.manual_seed(1))
CONFIGS = {
    "transformer": transformer(activation="swiglu"),
    "relative": transformer(positions={"kind": "shaw"}, tie="none", output_bias=True),
    "recurrent": recurrent(),
}


def logits(model):
    return model.output(model(SOURCE, targets(2, 4)))


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("optimizer", [AdamWConfig, MuonConfig])
def test_the_model_is_its_weights_and_the_products(name, optimizer):
    trained, start = build(CONFIGS[name]), build(CONFIGS[name])
    adapted = LoRAConfig(rank=2, alpha=6).build(trained)
    close(logits(trained), logits(start))  # one factor begins with zeros
    moved = optimizer(learning_rate=0.1, weight_decay=0.5).build(trained)
    for _ in range(2):
        logits(trained).square().mean().backward()
        moved.step()
        moved.zero_grad()
    layers, before = dict(trained.named_modules()), dict(start.named_parameters())
    matrices = {
        f"{key}.weight"
        for key, layer in start.named_modules()
        if isinstance(layer, Linear) and layer is not start.output
    }
    assert matrices
    for key, weight in adapted.model.named_parameters():
        if key not in matrices:
            assert torch.equal(weight, before[key]), key
            continue
        product = layers[key.removesuffix(".weight")].parametrizations.weight[0]
        parts = (up @ down for up, down in zip(product.up, product.down, strict=True))
        close(weight, before[key] + 6 / 2 * torch.cat(list(parts)))
        for part in (weight - before[key]).chunk(len(product.up)):
            assert torch.linalg.matrix_rank(part, atol=1e-9) == 2, key
    close(logits(adapted.model), logits(trained))


@pytest.fixture
def adapt(fit, tmp_path):
    """Fine-tune a model by small matrices; return the run and its start's weights."""
    start = fit("training.updates=10", run="start").run

    def adapt(*overrides, **named):
        return fit(
            f"init_from={start}", "training.lora={rank: 2}", "training.average.count=2",
            "model.dropout=0.3", *overrides, **named,
        )  # fmt: skip

    return adapt


def best(run):
    return open_bundle(run).weights()


def test_a_checkpoint_is_a_model_as_large_as_before(adapt, tmp_path, caplog):
    caplog.set_level("INFO", logger="mt")
    run, before = adapt(run="adapted").run, best(tmp_path / "start")
    after = best(run)
    assert {key: weight.shape for key, weight in after.items()} == {
        key: weight.shape for key, weight in before.items()
    }
    assert torch.equal(after["source_embedding.table"], before["source_embedding.table"])
    change = after["encoder.0.feed_forward.linear1.weight"].double()
    change -= before["encoder.0.feed_forward.linear1.weight"].double()
    assert 0 < torch.linalg.matrix_rank(change, atol=1e-5) <= 4  # the mean of two checkpoints
    assert "parameters are trained, by AdamW, beside the" in caplog.text


def test_a_resumed_run_goes_on_exactly(adapt):
    whole = adapt(run="whole")
    adapt("training.updates=20", run="parts")
    parts = adapt(run="parts", resume=True)
    assert parts.progress.history == whole.progress.history
    for key, weight in best(whole.run).items():
        assert torch.equal(weight, best(parts.run)[key]), key


def test_layers_that_are_left_out_leave_nothing_to_train(fit, tmp_path):
    # Of 2 decoder layers both are left out in four passes of five.
    fit("model.layer_dropout=0.9", "training.updates=10", run="start")
    outcome = fit(f"init_from={tmp_path / 'start'}", "training.lora={}", "training.updates=20")
    assert outcome.progress.update == 20


def test_a_run_that_diverged_goes_on(adapt, diverge):
    diverge(range(25, 32))
    outcome = adapt(run="diverged")
    assert outcome.progress.returns == 1
    assert outcome.progress.update == 40


def test_what_is_fine_tuned_further_has_all_its_weights_trained():
    before = {"optimizer": {"kind": "adamw", "learning_rate": 5e-3}, "freeze": ["encoder"]}
    for lora, rate in ((None, 5e-4), ({"rank": 2}, 1e-4)):
        config = TrainingConfig.parse(
            _training(before | ({"lora": lora, "freeze": []} if lora else {}), 100, 20, None), "x"
        )
        assert (config.lora, config.freeze) == (None, ())
        assert config.optimizer.learning_rate == rate


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.freeze=[encoder]"], "lora: expected neither freeze nor an exponential"),
        (["training.average={kind: exponential}"], "lora: expected neither freeze nor"),
        (["init_from=null"], "training.lora: expected init_from"),
    ],
)
def test_what_does_not_go_together_is_refused(adapt, overrides, message):
    with pytest.raises(ConfigError, match=message):
        adapt(*overrides, run="refused")
