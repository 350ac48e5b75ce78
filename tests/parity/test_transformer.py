"""Our Transformer is torch's with the same weights."""

import pytest
import torch
from torch import nn

from mt.data.batches import pad_sequences
from mt.model.positions.config import SinusoidalConfig
from mt.text.tokenizer import PAD
from tests.models import SOURCES, build, close, targets, transformer


def copy_attention(ours, theirs):
    theirs.in_proj_weight.copy_(ours.in_proj.weight)
    theirs.in_proj_bias.copy_(ours.in_proj.bias)
    theirs.out_proj.load_state_dict(ours.out_proj.state_dict())


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
            copy_attention(ours.self_attention, theirs.self_attn)
            norms = [ours.self_attention_residual, ours.feed_forward_residual]
            for around, norm in zip(norms, (theirs.norm1, theirs.norm2), strict=True):
                norm.load_state_dict(around.norm.state_dict())
        for ours, theirs in zip(model.decoder, decoder, strict=True):
            copy_attention(ours.self_attention, theirs.self_attn)
            copy_attention(ours.cross_attention, theirs.multihead_attn)
            norms = [
                ours.self_attention_residual,
                ours.cross_attention_residual,
                ours.feed_forward_residual,
            ]
            for around, norm in zip(norms, (theirs.norm1, theirs.norm2, theirs.norm3), strict=True):
                norm.load_state_dict(around.norm.state_dict())
        for ours, theirs in zip([*model.encoder, *model.decoder], encoder + decoder, strict=True):
            theirs.linear1.load_state_dict(ours.feed_forward.linear1.state_dict())
            theirs.linear2.load_state_dict(ours.feed_forward.linear2.state_dict())
    return encoder, decoder


@pytest.mark.parametrize(("norm", "activation"), [("post", "relu"), ("pre", "gelu")])
def test_equals_the_layers_of_torch(norm, activation):
    config = transformer(norm=norm, activation=activation, dropout=0.0, decoder_layers=3)
    model = build(config).train()  # torch takes other, fused kernels in evaluation mode
    encoder, decoder = of_torch(model, config)
    source, target = pad_sequences(SOURCES), targets(3, 6)
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
    weights = [model.encoder[0].self_attention.in_proj.weight, model.target_embedding.table]
    ours = torch.autograd.grad(model(source, target).square().sum(), weights)
    assert all(gradient.any() and gradient.isfinite().all() for gradient in ours)


def test_embeddings_are_scaled_and_know_their_place():
    model = build(transformer())
    [embedded] = model.source_embedding(torch.tensor([[5, 9]]), start=3)
    positions = model.source_embedding.positions(3, 2)
    close(embedded, model.source_embedding.table[[5, 9]] * 4 + positions)  # 4 is sqrt(16)


def test_tied_tables_are_one():
    three, two, none = (build(transformer(tie=tie)) for tie in ("three_way", "two_way", "none"))
    assert three.source_embedding.table is three.target_embedding.table is three.output.weight
    assert two.source_embedding.table is not two.target_embedding.table
    assert two.target_embedding.table is two.output.weight
    assert len({id(none.source_embedding.table), id(none.target_embedding.table)}) == 2
    assert none.output.weight is not none.target_embedding.table


def test_training_goes_on_after_a_long_translation():
    model = build(transformer(positions=SinusoidalConfig()))
    long = torch.full((1, 400), 5)  # longer than the table of positions made in advance
    with torch.inference_mode():
        before = model(long, long)
    model.train()
    model(long, long).square().sum().backward()
    model.eval()
    close(model(long, long).detach(), before.clone())
