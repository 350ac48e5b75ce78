import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mt.errors import ConfigError
from mt.kernels.dropout import dropout
from mt.model.config import TransformerConfig
from mt.model.contract import count_parameters
from mt.model.layers import FeedForward, Residual
from mt.model.positions.config import LearnedConfig
from tests.covering import cover

SHAPES = {
    "tie": ["three_way", "two_way", "none"],
    "norm": ["pre", "post"],
    "activation": ["relu", "gelu", "silu", "swiglu"],
    "learned": [0, 9],
}


@pytest.mark.parametrize(tuple(SHAPES), [tuple(case.values()) for case in cover(SHAPES)])
def test_parameters_are_as_many_as_the_equations_name(tie, norm, activation, learned):
    d, f, source, target, encoder, decoder = 12, 20, 30, 30, 3, 2
    config = TransformerConfig(
        dim=d,
        heads=3,
        feed_forward=f,
        encoder_layers=encoder,
        decoder_layers=decoder,
        tie=tie,
        norm=norm,
        activation=activation,
        **({"positions": LearnedConfig(longest=learned)} if learned else {}),
    )
    attention = 4 * (d * d + d)
    feed_forward = (2 if activation == "swiglu" else 1) * (d * f + f) + f * d + d
    layer_norm = 2 * d
    expected = (
        encoder * (attention + feed_forward + 2 * layer_norm)
        + decoder * (2 * attention + feed_forward + 3 * layer_norm)
        + (2 * layer_norm if norm == "pre" else 0)
        + {"three_way": source, "two_way": source + target, "none": source + 2 * target}[tie] * d
        + 2 * learned * d
    )
    assert count_parameters(config.build(source, target)) == expected


def test_the_base_model_of_the_paper_has_the_size_of_the_paper():
    with torch.device("meta"):
        model = TransformerConfig(norm="post").build(37_000, 37_000)
    # Table 3 of Vaswani et al. (2017) says 65 million, with about 37 000 tokens.
    assert count_parameters(model) == pytest.approx(65e6, rel=0.05)


def test_heads_must_divide_the_width():
    with pytest.raises(ConfigError, match=r"heads: expected a divisor of dim 10, but found 4"):
        TransformerConfig.parse({"dim": 10, "heads": 4}, where="recipe.yaml")


@pytest.mark.parametrize(
    "values",
    [
        {"dim": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"encoder_layers": 0},
        {"decoder_layers": 0},
        {"activation": "tanh"},
        {"norm": "none"},
        {"tie": "both"},
        {"positions": {"kind": "turning"}},
        {"positions": {"kind": "learned", "longest": 0}},
        {"self_attention": {"score": {"kind": "none"}}},
        {"cross_attention": {"window": 3}},
        {"layers": 6},
    ],
    ids=str,
)
def test_nonsense_is_refused_by_name(values):
    [name] = values
    with pytest.raises(ConfigError, match=rf"^recipe\.yaml: `{name}[.`]"):
        TransformerConfig.parse(values, where="recipe.yaml")


def test_one_table_for_all_needs_one_vocabulary():
    config = TransformerConfig(dim=8, heads=2, feed_forward=8)
    with pytest.raises(ValueError, match=r"^tie: .* found 10 source and 11 target tokens"):
        config.build(10, 11)
    apart = config.model_copy(update={"tie": "two_way"}).build(10, 11)
    assert apart(torch.tensor([[9, 3]]), torch.tensor([[2, 10]])).shape == (1, 2, 8)
    assert apart.output.out_features == apart.output.weight.size(0) == 11


def test_fresh_embeddings_have_unit_variance_when_scaled():
    torch.manual_seed(1)
    model = TransformerConfig(dim=64, heads=2, feed_forward=8).build(2000, 2000)
    scaled = model.source_embedding.table.detach() * 8
    # 128 000 draws: the variance of a normal variance is 2 / n, five deviations are 0.02.
    assert abs(scaled.var().item() - 1) < 0.02


def test_swiglu_is_its_equation():
    torch.manual_seed(1)
    layer = FeedForward(4, 6, "swiglu").double()
    torch.nn.init.normal_(layer.linear1.bias)
    x = torch.randn(3, 4, dtype=torch.float64)
    w1, w3 = layer.linear1.weight[:6], layer.linear1.weight[6:]
    b1, b3 = layer.linear1.bias[:6], layer.linear1.bias[6:]
    gate = x @ w1.T + b1
    expected = (gate * torch.sigmoid(gate) * (x @ w3.T + b3)) @ layer.linear2.weight.T
    torch.testing.assert_close(layer(x), expected + layer.linear2.bias)


def test_residuals_are_their_equations():
    x = torch.randn(3, 4)
    pre, post = (Residual(4, 0.0, placement) for placement in ("pre", "post"))
    torch.testing.assert_close(pre(x, torch.sin), x + torch.sin(F.layer_norm(x, (4,))))
    torch.testing.assert_close(post(x, torch.sin), F.layer_norm(x + torch.sin(x), (4,)))


SCORES = [{}, {"self_attention": {"score": {"kind": "additive"}}}]


@pytest.mark.parametrize("kind", ["dropout", "attention_dropout", "activation_dropout"])
@pytest.mark.parametrize("score", SCORES, ids=["dot", "additive"])
def test_dropout_acts_in_training_alone(kind, score):
    torch.manual_seed(1)
    shape = {"dim": 16, "heads": 2, "feed_forward": 16, "encoder_layers": 1, "dropout": 0.0}
    model = TransformerConfig(**(shape | {kind: 0.5} | score)).build(20, 20)
    given = torch.tensor([[5, 6, 3]]), torch.tensor([[2, 7, 8]])
    assert not torch.equal(model(*given), model(*given))
    model.eval()
    assert torch.equal(model(*given), model(*given))


def test_activations_are_dropped_inside_the_feed_forward_layers():
    layer = FeedForward(4, 6, "relu", dropout=0.5)
    torch.manual_seed(1)
    x = torch.randn(3, 4)
    torch.manual_seed(2)
    found = layer(x)
    torch.manual_seed(2)
    expected = layer.linear2(dropout(layer.linear1(x).relu(), 0.5))
    assert torch.equal(found, expected)


def test_whole_layers_are_left_out_as_often_as_asked_and_in_training_alone():
    torch.manual_seed(1)
    config = TransformerConfig(
        dim=8, heads=2, feed_forward=8, encoder_layers=4, decoder_layers=3, layer_dropout=0.3
    )
    model, used = config.build(20, 20), []
    for layer in (*model.encoder, *model.decoder):
        layer.register_forward_hook(lambda layer, *_: used.append(layer))
    given = torch.tensor([[5, 6, 3]]), torch.tensor([[2, 7, 8]])
    for _ in range(200):
        model(*given)
    # 1400 draws: five standard deviations are 86.
    assert abs(len(used) - 0.7 * 1400) < 86
    used.clear()
    model.eval()(*given)
    assert used == [*model.encoder, *model.decoder]
