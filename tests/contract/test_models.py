"""What training, search and inspection may ask of every architecture and each of its variants."""

from typing import get_args

import pytest
import torch

from mt.data.batches import pad_sequences
from mt.inspection.recorder import record_attention
from mt.model.attention.config import (
    AdditiveConfig,
    AttentionConfig,
    BilinearConfig,
    DotConfig,
    PredictedConfig,
    ScaledDotConfig,
    ScopeConfig,
    ScoreConfig,
    WindowConfig,
)
from mt.model.config import RecurrentConfig, TransformerConfig
from mt.model.contract import count_parameters
from mt.model.positions.config import (
    AlibiConfig,
    LearnedConfig,
    NoPositionsConfig,
    PositionsConfig,
    RotaryConfig,
    ShawConfig,
    T5Config,
)
from mt.text.tokenizer import END, START
from tests.models import SIZE, SOURCES, build, close, recurrent, targets, transformer


def kind(score, scope=None):
    return AttentionConfig(score=score, **({"scope": scope} if scope else {}))


NEAR, GUESSED = WindowConfig(width=2), PredictedConfig(width=2)
# Every kind in every place that admits it; what they do together is the matter of test_attention.
VARIANTS = [
    transformer(),
    transformer(
        norm="post",
        activation="gelu",
        tie="two_way",
        positions=LearnedConfig(longest=7),  # shorter than what is written
        self_attention=kind(DotConfig(), GUESSED),
        cross_attention=kind(AdditiveConfig()),
    ),
    transformer(
        tie="none",
        activation="swiglu",
        encoder_layers=3,
        decoder_layers=1,
        self_attention=kind(BilinearConfig(), NEAR),
        cross_attention=kind(DotConfig(), NEAR),
    ),
    transformer(
        norm="post",
        encoder_layers=1,
        decoder_layers=3,
        heads=16,
        positions=NoPositionsConfig(),
        cross_attention=kind(BilinearConfig()),
    ),
    transformer(positions=RotaryConfig(), heads=1, cross_attention=kind(AdditiveConfig(), GUESSED)),
    transformer(positions=RotaryConfig(), self_attention=kind(DotConfig(), NEAR)),
    transformer(positions=ShawConfig(longest=2), activation="silu", output_bias=True),
    transformer(positions=ShawConfig(longest=3), self_attention=kind(ScaledDotConfig(), GUESSED)),
    transformer(positions=T5Config(buckets=8, longest=16), norm="post", activation="swiglu"),
    transformer(
        positions=T5Config(buckets=4, longest=6), self_attention=kind(AdditiveConfig(), NEAR)
    ),
    transformer(positions=AlibiConfig(), self_attention=kind(BilinearConfig(), NEAR), heads=4),
    recurrent(attention=None),
    recurrent(attention=None, cell="gru", bidirectional=False, input_feeding=True),
    recurrent(),
    recurrent(cell="gru", attention_query="previous_state", tie="none"),
    recurrent(attention_query="previous_state", encoder_layers=2, decoder_layers=2, tie="two_way"),
    recurrent(attention=kind(BilinearConfig()), input_feeding=True, cell="gru", encoder_layers=2),
    recurrent(attention=kind(DotConfig(), NEAR), decoder_layers=3, bidirectional=False),
    recurrent(attention=kind(AdditiveConfig(), GUESSED), attention_query="previous_state", heads=4),
    recurrent(attention=kind(ScaledDotConfig(), NEAR), heads=2, cell="gru", input_feeding=True),
]


def logits(model, source, target):
    return model.output(model(source, target))


def stepwise(model, state, target):
    steps = []
    for column in target.T:
        scores, state = model.step(column, state)
        steps.append(scores)
    return torch.stack(steps, dim=1), state


def name_of(config):
    return str(config.model_dump(exclude_defaults=True, exclude={"dropout", "dim", "feed_forward"}))


@pytest.fixture(params=VARIANTS, ids=name_of)
def config(request):
    return request.param


@pytest.fixture
def model(config):
    return build(config)


def chosen(config):
    """List what a config chooses, with its place."""
    for path, value in _leaves(config.model_dump()):
        yield ".".join((config.kind, *path)), value


def _leaves(part, *path):
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from _leaves(inner, *path, name)
    else:
        yield path, part


def test_the_variants_leave_no_choice_out():
    scores, scopes, positions = (
        {each.model_fields["kind"].default for each in get_args(union)}
        for union in (ScoreConfig, ScopeConfig, PositionsConfig)
    )
    expected = {"transformer.positions.kind": positions}
    for attention in ("self_attention", "cross_attention"):
        expected[f"transformer.{attention}.score.kind"] = scores
        expected[f"transformer.{attention}.scope.kind"] = scopes
    expected |= {"recurrent.attention.score.kind": scores, "recurrent.attention.scope.kind": scopes}
    for config in (TransformerConfig, RecurrentConfig):
        for name, field in config.model_fields.items():
            choices = {True, False} if field.annotation is bool else set(get_args(field.annotation))
            if all(isinstance(choice, str | bool) for choice in choices) and choices:
                expected[f"{config().kind}.{name}"] = choices
    assert len(expected) == 18
    found = [pair for config in VARIANTS for pair in chosen(config)]
    for place, choices in expected.items():
        assert {value for path, value in found if path == place} >= choices, place


def gradients(model, source, target):
    model.zero_grad()
    logits(model, source, target).float().log_softmax(dim=-1)[..., 5].sum().backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def test_in_half_precision_it_is_nearly_the_same(config):
    model = build(config).float()
    source, target = pad_sequences(SOURCES), targets(3, 6)
    exact, slopes = model(source, target), gradients(model, source, target)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, rounded_slopes = model(source, target), gradients(model, source, target)
    # bf16 has 8 bits: a rounding is 0.4 % at most, and there is a dozen of them on a path.
    assert (rounded.float() - exact).norm() / exact.norm() < 0.05
    assert (rounded_slopes - slopes).norm() / slopes.norm() < 0.05


@torch.no_grad()
def test_a_padded_batch_is_one_sentence_after_another(model):
    source = pad_sequences(SOURCES)
    lengths = (4, 8, 1)
    rows = [targets(1, length, seed=length)[0].tolist() for length in lengths]
    together = logits(model, source, pad_sequences(rows))
    for index, (tokens, row) in enumerate(zip(SOURCES, rows, strict=True)):
        alone = logits(model, torch.tensor([tokens]), torch.tensor([row]))
        close(together[index, : len(row)], alone[0])


@torch.no_grad()
def test_no_output_depends_on_a_later_token(model):
    source, target = pad_sequences(SOURCES), targets(3, 8)
    changed = target.clone()
    changed[:, 5:] = target[:, 5:].flip(0, 1) % 12 + 4
    changed[:, 5] = (target[:, 5] - 3) % 13 + 4
    before, after = model(source, target), model(source, changed)
    close(after[:, :5], before[:, :5])
    assert (after[:, 5] - before[:, 5]).abs().amax() > 1e-3


@torch.no_grad()
def test_every_output_depends_on_the_source_and_on_its_order(config, model):
    target = targets(1, 4)
    given, turned, changed = (
        model(torch.tensor([source]), target) for source in ([5, 9, END], [9, 5, END], [5, 8, END])
    )
    assert (given - changed).abs().amax(dim=-1).min() > 1e-4
    if getattr(config, "positions", None) == NoPositionsConfig():
        close(given, turned)  # a bag of tokens
    else:
        assert (given - turned).abs().amax(dim=-1).min() > 1e-4


@torch.no_grad()
def test_select_reorders_hypotheses_and_drops_sentences(model):
    beam, begun, rest = 2, targets(6, 4), targets(4, 3, seed=9)
    source = pad_sequences(SOURCES)
    _, state = stepwise(model, model.start(source, beam), begun)
    # The first sentence is done; of the second both rows continue its second hypothesis.
    rows, sentences = torch.tensor([3, 3, 5, 4]), torch.tensor([1, 2])
    steps, _ = stepwise(model, state.select(rows, sentences), rest)
    whole = torch.cat((begun[rows], rest), dim=1)
    expected = logits(model, source[sentences].repeat_interleave(beam, dim=0), whole)
    close(steps, expected[:, 4:])


@torch.no_grad()
def test_select_gives_a_copy(model):
    begun, source = targets(6, 3), pad_sequences(SOURCES)
    _, state = stepwise(model, model.start(source, 2), begun)
    same = torch.arange(6)
    copies = [state.select(same), state.select(same)]
    tokens = [torch.full((6,), 4), torch.full((6,), 9)]
    first = [model.step(token, copy)[0] for token, copy in zip(tokens, copies, strict=True)]
    again = [model.step(token, state.select(same))[0] for token in tokens]
    close(first[0], again[0])
    close(first[1], again[1])
    assert not torch.equal(first[0], first[1])


@torch.no_grad()
def test_step_by_step_and_reordered_is_reading_each_hypothesis_at_once(model, monkeypatch):
    monkeypatch.setattr("mt.model.transformer.CACHE_BLOCK", 3)
    beam, sentences, length = 3, 3, 8  # the cache has to grow twice
    source = pad_sequences(SOURCES)
    generator = torch.manual_seed(8)
    state = model.start(source, beam)
    read = torch.full((sentences * beam, 1), START)
    steps = []
    while True:
        scores, state = model.step(read[:, -1], state)
        steps.append(scores)
        if len(steps) == length:
            break
        origins = torch.randint(beam, (sentences, beam), generator=generator)
        rows = (origins + beam * torch.arange(sentences)[:, None]).flatten()
        tokens = torch.randint(4, SIZE, (len(rows), 1), generator=generator)
        read, steps = torch.cat((read[rows], tokens), dim=1), [each[rows] for each in steps]
        state = state.select(rows)
    assert state.length == length
    expected = logits(model, source.repeat_interleave(beam, dim=0), read)
    close(torch.stack(steps, dim=1), expected)


def test_every_parameter_learns(model):
    model.train()
    source, target = pad_sequences(SOURCES), targets(3, 7)
    logits(model, source, target).log_softmax(dim=-1).square().sum().backward()
    idle = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert not idle


@torch.no_grad()
def test_recording_changes_nothing_and_sees_whole_pairs(model):
    source, target = pad_sequences(SOURCES), targets(3, 6)
    expected = model(source, target)
    with record_attention(model) as record:
        assert torch.equal(model(source, target), expected)
    assert bool(record.cross) == (getattr(model, "cross_attention", model) is not None)
    for weights, scores, _ in record.cross:
        assert weights.shape == scores.shape
        assert weights.shape[2:] == (6, 5)
        assert not weights[1, :, :, 2:].any()


@pytest.mark.parametrize("config", VARIANTS, ids=repr)
def test_least_parameters_are_most_of_them(config):
    """A bound that is too high would refuse models that fit; one too low would refuse none."""
    found = count_parameters(build(config))
    least = config.least_parameters(SIZE, SIZE)
    assert least <= found
    wide = config.model_copy(update={"dim": 96, "feed_forward": 384})
    with torch.device("meta"):
        found = count_parameters(wide.build(1000, 1000))
    assert 0.6 * found <= wide.least_parameters(1000, 1000) <= found
