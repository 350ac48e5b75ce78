"""Our Transformer is torch's with the same weights, and step by step it is what it is at once.

Everything runs in float64, where two ways to compute the same differ in the order of a few sums:
1e-10 is a million roundings of values near 1, and far below what any mistake would make.
"""

import pytest
import torch
from torch import nn

from mt.model import TransformerConfig
from mt.model.positions import Learned, Sinusoidal
from mt.model.transformer import CACHE_BLOCK
from mt.text.tokenizer import END, PAD, START

SIZE = 17
SOURCES = ((5, 9, 4, 16, END), (7, END), (11, 6, 13, END))


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


def build(seed=1, **values):
    torch.manual_seed(seed)
    defaults = {
        "dim": 16,
        "heads": 2,
        "feed_forward": 24,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "dropout": 0.3,  # evaluation mode must not show it
    }
    model = TransformerConfig(**(defaults | values)).build(SIZE, SIZE).double().eval()
    for name, parameter in model.named_parameters():
        if "norm" in name or "bias" in name:  # fresh ones are 0 and 1, and would hide a mix-up
            nn.init.normal_(parameter, mean=float(name.endswith("norm.weight")), std=0.3)
    return model


def pad(rows):
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def targets(rows, length, seed=2):
    pieces = torch.randint(4, SIZE, (rows, length), generator=torch.manual_seed(seed))
    pieces[:, 0] = START
    return pieces


def logits(model, source, target):
    return model.output(model(source, target))


def stepwise(model, state, target):
    steps = []
    for column in target.T:
        scores, state = model.step(column, state)
        steps.append(scores)
    return torch.stack(steps, dim=1), state


def copy_attention(ours, theirs):
    theirs.in_proj_weight.copy_(ours.project_in.weight)
    theirs.in_proj_bias.copy_(ours.project_in.bias)
    theirs.out_proj.load_state_dict(ours.project_out.state_dict())


def of_torch(model, config):
    """Copy the layers of ours into torch's."""
    shape = {
        "d_model": config.dim,
        "nhead": config.heads,
        "dim_feedforward": config.feed_forward,
        "dropout": 0.0,
        "activation": config.activation,
        "batch_first": True,
        "norm_first": config.norm == "pre",
        "dtype": torch.float64,
    }
    encoder = [nn.TransformerEncoderLayer(**shape) for _ in model.encoder]
    decoder = [nn.TransformerDecoderLayer(**shape) for _ in model.decoder]
    with torch.no_grad():
        for ours, theirs in zip(model.encoder, encoder, strict=True):
            copy_attention(ours.attention, theirs.self_attn)
            norms = [ours.around_attention, ours.around_feed_forward]
            for around, norm in zip(norms, (theirs.norm1, theirs.norm2), strict=True):
                norm.load_state_dict(around.norm.state_dict())
        for ours, theirs in zip(model.decoder, decoder, strict=True):
            copy_attention(ours.self_attention, theirs.self_attn)
            copy_attention(ours.cross_attention, theirs.multihead_attn)
            norms = [
                ours.around_self_attention,
                ours.around_cross_attention,
                ours.around_feed_forward,
            ]
            for around, norm in zip(norms, (theirs.norm1, theirs.norm2, theirs.norm3), strict=True):
                norm.load_state_dict(around.norm.state_dict())
        for ours, theirs in zip([*model.encoder, *model.decoder], encoder + decoder, strict=True):
            theirs.linear1.load_state_dict(ours.feed_forward.widen.state_dict())
            theirs.linear2.load_state_dict(ours.feed_forward.narrow.state_dict())
    return encoder, decoder


@pytest.mark.parametrize(("norm", "activation"), [("post", "relu"), ("pre", "gelu")])
def test_equals_the_layers_of_torch(norm, activation):
    values = {"norm": norm, "activation": activation, "dropout": 0.0, "decoder_layers": 3}
    model = build(**values).train()  # torch takes other, fused kernels in evaluation mode
    config = TransformerConfig(dim=16, heads=2, feed_forward=24, **values)
    encoder, decoder = of_torch(model, config)
    source, target = pad(SOURCES), targets(3, 6)
    hidden = source == PAD
    memory = model.source_embedding(source)
    for layer in encoder:
        memory = layer(memory, src_key_padding_mask=hidden)
    memory = model.encoder_norm(memory)
    expected = model.target_embedding(target)
    future = torch.ones(6, 6, dtype=torch.bool).triu(1)
    for layer in decoder:
        expected = layer(expected, memory, tgt_mask=future, memory_key_padding_mask=hidden)
    close(model(source, target), model.decoder_norm(expected))
    weights = [model.encoder[0].attention.project_in.weight, model.target_embedding.table]
    ours = torch.autograd.grad(model(source, target).square().sum(), weights)
    assert all(gradient.any() and gradient.isfinite().all() for gradient in ours)


def test_embeddings_are_scaled_and_know_their_place():
    model = build()
    [embedded] = model.source_embedding(torch.tensor([[5, 9]]), start=3)
    positions = model.source_embedding.positions(3, 2)
    close(embedded, model.source_embedding.table[[5, 9]] * 4 + positions)  # 4 is sqrt(16)


VARIANTS = [
    {},
    {"norm": "post"},
    {"activation": "gelu", "norm": "post"},
    {"activation": "swiglu"},
    {"positions": Learned(longest=7)},  # shorter than what is written
    {"positions": Learned(longest=64), "tie": "two_way"},
    {"tie": "none", "activation": "gelu"},
    {"encoder_layers": 3, "decoder_layers": 1},
    {"encoder_layers": 1, "decoder_layers": 3, "activation": "swiglu", "norm": "post"},
    {"heads": 16},
    {"heads": 1, "positions": Sinusoidal()},
]


@pytest.fixture(params=VARIANTS, ids=str)
def model(request):
    return build(**request.param)


@pytest.mark.parametrize("beam", [1, 3])
@torch.no_grad()
def test_step_by_step_is_all_at_once(model, beam):
    source = pad(SOURCES)
    target = targets(3 * beam, CACHE_BLOCK + 4)  # the cache has to grow
    steps, state = stepwise(model, model.start(source, beam), target)
    close(steps, logits(model, source.repeat_interleave(beam, dim=0), target))
    assert state.length == target.size(1)


@torch.no_grad()
def test_a_padded_batch_is_one_sentence_after_another(model):
    source = pad(SOURCES)
    lengths = (4, 8, 1)
    rows = [targets(1, length, seed=length)[0].tolist() for length in lengths]
    together = logits(model, source, pad(rows))
    for index, (pieces, row) in enumerate(zip(SOURCES, rows, strict=True)):
        alone = logits(model, torch.tensor([pieces]), torch.tensor([row]))
        close(together[index, : len(row)], alone[0])


@torch.no_grad()
def test_no_output_depends_on_a_later_piece(model):
    source, target = pad(SOURCES), targets(3, 8)
    changed = target.clone()
    changed[:, 5:] = target[:, 5:].flip(0, 1) % 12 + 4
    changed[:, 5] = (target[:, 5] - 3) % 13 + 4
    before, after = model(source, target), model(source, changed)
    close(after[:, :5], before[:, :5])
    assert (after[:, 5] - before[:, 5]).abs().amax() > 1e-3


@torch.no_grad()
def test_every_output_depends_on_the_source_and_on_its_order(model):
    target = targets(1, 4)
    outputs = [
        model(torch.tensor([source]), target) for source in ([5, 9, END], [9, 5, END], [5, 8, END])
    ]
    for one, other in ((0, 1), (0, 2)):
        assert (outputs[one] - outputs[other]).abs().amax(dim=-1).min() > 1e-4


@torch.no_grad()
def test_select_reorders_hypotheses_and_drops_sentences(model):
    beam, begun, rest = 2, targets(6, 4), targets(4, 5, seed=9)
    source = pad(SOURCES)
    _, state = stepwise(model, model.start(source, beam), begun)
    # The first sentence is done; of the second both rows continue its second hypothesis.
    rows, sentences = torch.tensor([3, 3, 5, 4]), torch.tensor([1, 2])
    steps, _ = stepwise(model, state.select(rows, sentences), rest)
    for row, (origin, sentence) in enumerate(zip(rows, (1, 1, 2, 2), strict=True)):
        alone = model.start(torch.tensor([SOURCES[sentence]]), 1)
        whole = torch.cat((begun[origin], rest[row]))[None]
        close(steps[row], stepwise(model, alone, whole)[0][0, 4:])


@torch.no_grad()
def test_select_gives_a_copy():
    model = build()
    begun, source = targets(6, 3), pad(SOURCES)
    _, state = stepwise(model, model.start(source, 2), begun)
    same = torch.arange(6)
    copies = [state.select(same), state.select(same)]
    pieces = [torch.full((6,), 4), torch.full((6,), 9)]
    first = [model.step(piece, copy)[0] for piece, copy in zip(pieces, copies, strict=True)]
    again = [model.step(piece, state.select(same))[0] for piece in pieces]
    close(first[0], again[0])
    close(first[1], again[1])
    assert not torch.equal(first[0], first[1])


def test_tied_tables_are_one():
    three, two, none = (build(tie=tie) for tie in ("three_way", "two_way", "none"))
    assert three.source_embedding.table is three.target_embedding.table is three.output.weight
    assert two.source_embedding.table is not two.target_embedding.table
    assert two.target_embedding.table is two.output.weight
    assert len({id(none.source_embedding.table), id(none.target_embedding.table)}) == 2
    assert none.output.weight is not none.target_embedding.table


def test_training_goes_on_after_a_long_translation():
    model = build(positions=Sinusoidal())
    long = torch.full((1, 400), 5)  # longer than the table of positions made in advance
    with torch.inference_mode():
        before = model(long, long)
    model.train()
    model(long, long).square().sum().backward()
    model.eval()
    close(model(long, long).detach(), before.clone())
