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
from mt.model.positions.config import (
    AlibiConfig,
    LearnedConfig,
    NoPositionsConfig,
    PositionsConfig,
    RotaryConfig,
    ShawConfig,
    SinusoidalConfig,
    T5Config,
)
from mt.model.transformer import CACHE_BLOCK
from mt.text.tokenizer import END, START
from tests.models import SIZE, SOURCES, build, close, recurrent, targets, transformer


def kind(score, scope=None):
    return AttentionConfig(score=score, **({"scope": scope} if scope else {}))


NEAR, GUESSED = WindowConfig(width=2), PredictedConfig(width=2)
# Every score, scope and positions in every place that admits them, not all their combinations.
VARIANTS = [
    transformer(),
    transformer(norm="post"),
    transformer(activation="gelu", norm="post"),
    transformer(activation="swiglu"),
    transformer(positions=LearnedConfig(longest=7)),  # shorter than what is written
    transformer(positions=LearnedConfig(longest=64), tie="two_way"),
    transformer(tie="none", activation="gelu"),
    transformer(encoder_layers=3, decoder_layers=1),
    transformer(encoder_layers=1, decoder_layers=3, activation="swiglu", norm="post"),
    transformer(heads=16),
    transformer(heads=1, positions=SinusoidalConfig()),
    transformer(self_attention=kind(DotConfig()), cross_attention=kind(AdditiveConfig())),
    transformer(self_attention=kind(BilinearConfig()), cross_attention=kind(DotConfig())),
    transformer(self_attention=kind(AdditiveConfig()), cross_attention=kind(BilinearConfig())),
    transformer(
        self_attention=kind(ScaledDotConfig(), NEAR), cross_attention=kind(ScaledDotConfig(), NEAR)
    ),
    transformer(
        self_attention=kind(DotConfig(), GUESSED), cross_attention=kind(DotConfig(), GUESSED)
    ),
    transformer(cross_attention=kind(AdditiveConfig(), GUESSED), positions=RotaryConfig()),
    transformer(
        self_attention=kind(AdditiveConfig(), NEAR), positions=T5Config(buckets=4, longest=6)
    ),
    transformer(positions=RotaryConfig(), self_attention=kind(DotConfig(), NEAR)),
    transformer(positions=ShawConfig(longest=2)),
    transformer(positions=ShawConfig(longest=3), self_attention=kind(ScaledDotConfig(), GUESSED)),
    transformer(positions=T5Config(buckets=8, longest=16)),
    transformer(positions=AlibiConfig()),
    transformer(positions=AlibiConfig(), self_attention=kind(BilinearConfig(), NEAR), heads=4),
    transformer(positions=NoPositionsConfig()),
    recurrent(attention=None),
    recurrent(attention=None, cell="gru", bidirectional=False),
    recurrent(attention=None, input_feeding=True),
    recurrent(),
    recurrent(cell="gru", attention_query="previous_state"),
    recurrent(attention_query="previous_state", encoder_layers=2, decoder_layers=2, tie="two_way"),
    recurrent(attention=kind(DotConfig()), encoder_layers=2, decoder_layers=3),
    recurrent(attention=kind(BilinearConfig()), input_feeding=True, cell="gru"),
    recurrent(attention=kind(DotConfig(), NEAR), input_feeding=True, bidirectional=False),
    recurrent(attention=kind(AdditiveConfig(), GUESSED), attention_query="previous_state", heads=4),
    recurrent(attention=kind(ScaledDotConfig(), NEAR), heads=2, tie="none", cell="gru"),
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


def kinds_in(part):
    """Collect the kinds named anywhere in a dumped config."""
    if not isinstance(part, dict):
        return set()
    return {part.get("kind")}.union(*map(kinds_in, part.values()))


def test_the_variants_leave_no_kind_out():
    members = [*get_args(ScoreConfig), *get_args(ScopeConfig), *get_args(PositionsConfig)]
    known = {each.model_fields["kind"].default for each in members}
    assert len(known) == len(members) == 14
    assert kinds_in({str(each): each.model_dump() for each in VARIANTS}) >= known


def gradients(model, source, target):
    model.zero_grad()
    logits(model, source, target).float().log_softmax(dim=-1)[..., 5].sum().backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.slow
def test_in_half_precision_it_is_nearly_the_same(config):
    model = build(config).float()
    source, target = pad_sequences(SOURCES), targets(3, 6)
    exact, slopes = model(source, target), gradients(model, source, target)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, rounded_slopes = model(source, target), gradients(model, source, target)
    # bf16 has 8 bits: a rounding is 0.4 % at most, and there is a dozen of them on a path.
    assert (rounded.float() - exact).norm() / exact.norm() < 0.05
    assert (rounded_slopes - slopes).norm() / slopes.norm() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("beam", [1, 3])
@torch.no_grad()
def test_step_by_step_is_all_at_once(model, beam):
    source = pad_sequences(SOURCES)
    target = targets(3 * beam, CACHE_BLOCK + 4)  # the cache has to grow
    steps, state = stepwise(model, model.start(source, beam), target)
    close(steps, logits(model, source.repeat_interleave(beam, dim=0), target))
    assert state.length == target.size(1)


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


@pytest.mark.slow
@torch.no_grad()
def test_select_reorders_hypotheses_and_drops_sentences(model):
    beam, begun, rest = 2, targets(6, 4), targets(4, 5, seed=9)
    source = pad_sequences(SOURCES)
    _, state = stepwise(model, model.start(source, beam), begun)
    # The first sentence is done; of the second both rows continue its second hypothesis.
    rows, sentences = torch.tensor([3, 3, 5, 4]), torch.tensor([1, 2])
    steps, _ = stepwise(model, state.select(rows, sentences), rest)
    for row, (origin, sentence) in enumerate(zip(rows, (1, 1, 2, 2), strict=True)):
        alone = model.start(torch.tensor([SOURCES[sentence]]), 1)
        whole = torch.cat((begun[origin], rest[row]))[None]
        close(steps[row], stepwise(model, alone, whole)[0][0, 4:])


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


@pytest.mark.slow
@torch.no_grad()
def test_reordering_again_and_again_is_reading_each_hypothesis_from_its_start(model):
    beam, sentences = 3, 3
    source = pad_sequences(SOURCES)
    generator = torch.manual_seed(8)
    state = model.start(source, beam)
    histories = [[START] for _ in range(sentences * beam)]
    for _ in range(2 * CACHE_BLOCK + 3):
        scores, state = model.step(torch.tensor([each[-1] for each in histories]), state)
        origins = torch.randint(beam, (sentences, beam), generator=generator)
        rows = (origins + beam * torch.arange(sentences)[:, None]).flatten()
        tokens = torch.randint(4, SIZE, (len(rows),), generator=generator).tolist()
        last = scores[rows]
        read = [histories[row] for row in rows]
        histories = [[*past, token] for past, token in zip(read, tokens, strict=True)]
        state = state.select(rows)
    expected = logits(model, source.repeat_interleave(beam, dim=0), torch.tensor(read))
    close(last, expected[:, -1])


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
