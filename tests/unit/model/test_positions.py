import math

import numpy as np
import pytest
import torch

from mt.errors import ConfigError
from mt.model.attention.config import AttentionConfig
from mt.model.config import TransformerConfig
from mt.model.positions.absolute import LearnedPositions
from mt.model.positions.config import (
    AlibiConfig,
    LearnedConfig,
    RotaryConfig,
    ShawConfig,
    SinusoidalConfig,
    T5Config,
)
from mt.model.positions.rotary import RotaryPositions
from tests.models import transformer


def of_the_paper(length, dim):
    """Equation of section 3.5 in float64: sines at even dimensions, cosines at odd ones."""
    table = np.zeros((length, dim))
    for position in range(length):
        for i in range(0, dim, 2):
            angle = position / 10_000 ** (i / dim)
            table[position, i] = np.sin(angle)
            if i + 1 < dim:
                table[position, i + 1] = np.cos(angle)
    return table


@pytest.mark.parametrize("dim", [1, 6, 7])
def test_sinusoids_are_those_of_the_paper_in_another_order(dim):
    expected = of_the_paper(703, dim)
    halves = np.concatenate((expected[:, 0::2], expected[:, 1::2]), axis=1)
    for start, length in ((0, 1), (0, 300), (255, 1), (250, 90), (700, 3)):
        table = SinusoidalConfig().absolute(dim)(start, length)
        # An angle near 700 has a float32 spacing of 6e-5, and its wavelength is rounded as well.
        np.testing.assert_allclose(table.numpy(), halves[start : start + length], atol=2e-4)


def test_sinusoids_stay_the_same_while_their_table_grows():
    positions = SinusoidalConfig().absolute(8)
    before = positions(0, 200).clone()
    positions(0, 1000)
    assert torch.equal(positions(0, 200), before)
    assert positions(0, 1000).shape == (1000, 8)


def test_sinusoids_are_not_saved_and_follow_their_module():
    positions = SinusoidalConfig().absolute(8).double()
    assert not positions.state_dict()
    assert positions(900, 5).dtype == torch.float64


def test_learned_positions_past_the_last_share_its_vector():
    positions = LearnedConfig(longest=5).absolute(4)
    assert isinstance(positions, LearnedPositions)
    assert torch.equal(positions(0, 5), positions.table)
    assert torch.equal(positions(3, 4), positions.table[[3, 4, 4, 4]])
    assert torch.equal(positions(90, 1), positions.table[[4]])


def draw(*shape):
    return torch.randn(*shape, generator=torch.manual_seed(3), dtype=torch.float64)


def test_a_turned_product_knows_the_distance_alone():
    turn = RotaryConfig().rotation(8).double()
    query, key = draw(1, 2, 1, 8).chunk(2, dim=1)

    def product(position, other):
        positions = torch.tensor([position]), torch.tensor([other])
        return float((turn(query, positions[0]) * turn(key, positions[1])).sum())

    assert product(3, 1) == pytest.approx(product(13, 11), abs=1e-6)
    assert abs(product(3, 1) - product(1, 3)) > 1e-3
    assert product(5, 5) == pytest.approx(float((query * key).sum()), abs=1e-6)


def test_rotation_is_that_of_complex_numbers():
    turn, states = RotaryConfig().rotation(6).double(), draw(2, 3, 4, 6)
    turned = turn(states, torch.arange(10, 14))
    for position, pair in ((0, 0), (2, 1), (3, 2)):
        angle = (10 + position) / 10_000 ** (2 * pair / 6)
        number = torch.complex(states[..., position, pair], states[..., position, pair + 3])
        expected = number * complex(math.cos(angle), math.sin(angle))
        # The rates are rounded to float32.
        torch.testing.assert_close(turned[..., position, pair], expected.real, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            turned[..., position, pair + 3], expected.imag, atol=1e-5, rtol=0
        )


def test_shaw_is_its_equations_in_a_loop():
    relative = ShawConfig(longest=2).relative(3, 4, causal=False).double()
    attend = AttentionConfig().build(3, 4, "encoder_self", relative).double()
    query, key, value = draw(2, 3, 5, 4), draw(2, 3, 5, 4) + 1, draw(2, 3, 5, 4) - 1
    context = attend(query, key, value)
    for sentence, head, row in ((0, 0, 0), (1, 2, 3), (1, 1, 4)):
        vectors = [min(max(column - row, -2), 2) + 2 for column in range(5)]
        scores = torch.stack(
            [
                query[sentence, head, row] @ (key[sentence, head, column] + relative.keys[vector])
                for column, vector in enumerate(vectors)
            ]
        )
        weights = (scores / 2).softmax(dim=0)
        expected = sum(
            weights[column] * (value[sentence, head, column] + relative.values[vector])
            for column, vector in enumerate(vectors)
        )
        torch.testing.assert_close(context[sentence, head, row], expected, atol=1e-12, rtol=0)


def test_fresh_vectors_of_distances_are_drawn_as_those_of_a_matrix():
    torch.manual_seed(1)
    relative = ShawConfig(longest=50).relative(3, 64, causal=False)
    for table in (relative.keys, relative.values):
        bound = (6 / (101 + 64)) ** 0.5  # Glorot and Bengio (2010), equation 16
        assert 0.95 * bound < table.abs().max() <= bound


@pytest.mark.parametrize("causal", [True, False])
def test_buckets_are_those_of_the_paper(causal):
    relative = T5Config(buckets=32, longest=128).relative(2, 4, causal)
    for distance in range(-300, 301):
        length = max(-distance, 0) if causal else abs(distance)
        buckets = 32 if causal else 16
        exact = buckets // 2
        expected = length
        if length >= exact:
            growth = math.log(length / exact) / math.log(128 / exact)
            expected = min(exact + int(growth * (buckets - exact) + 1e-6), buckets - 1)
        if not causal and distance > 0:
            expected += 16
        assert int(relative.bucket(torch.tensor(distance))) == expected, distance


def test_a_bucket_is_a_number_of_its_head():
    relative = T5Config(buckets=8, longest=20).relative(2, 4, causal=True)
    with torch.no_grad():
        relative.table.copy_(torch.arange(16.0).view(2, 8))
    bias = relative.bias(torch.zeros(1, 2, 1, 4), 4, torch.tensor([3]))
    assert bias.tolist() == [[[[3, 2, 1, 0]], [[11, 10, 9, 8]]]]


def test_the_penalty_is_that_of_the_paper():
    bias = (
        AlibiConfig()
        .relative(8, 4, causal=True)
        .bias(torch.zeros(1, 8, 2, 4), 4, torch.tensor([2, 3]))
    )
    # Section 3: with 8 heads the rates are 1/2, 1/4, ... 1/256.
    assert bias[0, 0].tolist() == [[-1, -0.5, 0, -0.5], [-1.5, -1, -0.5, 0]]
    assert bias[0, 7, 1].tolist() == [-3 / 256, -2 / 256, -1 / 256, 0]


@pytest.mark.parametrize(
    ("positions", "score", "expected"),
    [
        ("rotary", "additive", "scaled_dot or dot"),
        ("rotary", "bilinear", "scaled_dot or dot"),
        ("shaw", "additive", "scaled_dot"),
        ("shaw", "dot", "scaled_dot"),
    ],
)
def test_what_a_score_does_not_admit_is_refused_with_the_reason(positions, score, expected):
    values = {"positions": {"kind": positions}, "self_attention": {"score": {"kind": score}}}
    with pytest.raises(ConfigError, match=rf"expected {expected} with {positions} .*{score}"):
        TransformerConfig.parse(values, where="recipe.yaml")


def test_pairs_of_dimensions_need_an_even_number():
    values = {"dim": 12, "heads": 4, "positions": {"kind": "rotary"}}
    with pytest.raises(ConfigError, match=r"expected an even size .* dim 12 over 4 heads"):
        TransformerConfig.parse(values, where="recipe.yaml")


def test_a_rotation_of_an_odd_size_is_refused():
    with pytest.raises(ValueError, match=r"^depth: expected an even size of a head, but found 3$"):
        RotaryPositions(3)


def test_both_directions_of_an_encoder_have_as_many_buckets():
    values = {"positions": {"kind": "t5", "buckets": 9}}
    with pytest.raises(ConfigError, match=r"`positions.buckets`: expected a multiple of 2"):
        TransformerConfig.parse(values, where="recipe.yaml")


def test_the_longest_distance_lies_beyond_the_exact_ones():
    with pytest.raises(ConfigError, match=r"longest: expected more than half of the 8 buckets"):
        TransformerConfig.parse(
            {"positions": {"kind": "t5", "buckets": 8, "longest": 4}}, where="recipe.yaml"
        )


@pytest.mark.parametrize(
    ("positions", "owners"), [(T5Config(), 1), (AlibiConfig(), 1), (ShawConfig(), 3)]
)
def test_layers_share_what_the_paper_shares_and_know_their_direction(positions, owners):
    model = transformer(positions=positions, encoder_layers=3, decoder_layers=3).build(17, 17)
    encoder = [layer.self_attention.attend.relative for layer in model.encoder]
    decoder = [layer.self_attention.attend.relative for layer in model.decoder]
    assert len(set(map(id, encoder))) == len(set(map(id, decoder))) == owners
    assert not set(map(id, encoder)) & set(map(id, decoder))
    if isinstance(positions, T5Config):
        assert (encoder[0].causal, decoder[0].causal) == (False, True)


def test_queries_and_keys_are_turned_alike():
    torch.manual_seed(4)
    layer = transformer(positions=RotaryConfig()).build(17, 17).decoder[0].self_attention.double()
    states, positions = draw(1, 5, 16), torch.arange(5)

    def products(shift):
        query, memory = layer.project_self(states, positions + shift)
        return query @ memory.key.mT

    torch.testing.assert_close(products(7), products(0), atol=1e-5, rtol=0)
    layer.rotation = None
    assert (products(0) - products(7)).abs().max() == 0
    unturned = products(0)
    layer.rotation = RotaryConfig().rotation(8)
    assert (products(0) - unturned).abs().amax(dim=-1).amin() > 1e-2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_does_not_blur_places(dtype):
    positions = torch.arange(295, 305)
    rotation = RotaryConfig().rotation(8)
    states = draw(1, 1, 10, 8).to(dtype)
    exact = rotation(states.double(), positions)
    rounded = rotation.to(dtype)(states, positions)
    assert rounded.dtype == dtype
    # Values below 4 with the 8 bits of bf16: cosine, two products and their sum are rounded.
    torch.testing.assert_close(rounded.double(), exact, atol=4 * 4 * 2**-9, rtol=0)
    penalty = AlibiConfig().relative(4, 8, causal=False).to(dtype)
    bias = penalty.bias(states.expand(1, 4, 10, 8), 600, positions)
    assert len(set(bias[0, 0, 5].tolist())) == 301  # of place 300: 0 to 300, no two alike
