"""The weights of a Transformer by our names, and by those of Marian and Pegasus.

One table for both directions: what has one name here is, row by row, what has several there.
"""

from collections.abc import Iterator
from typing import NamedTuple

from mt.model.config import TransformerConfig

OUTPUT_BIAS = "output.bias"
"""A vector here, and one row there."""


class Names(NamedTuple):
    """A tensor, and the tensors that its rows are divided among evenly."""

    ours: str
    theirs: tuple[str, ...]


_ENCODER_LAYER = {
    "self_attention.in_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention.out_proj": ("self_attn.out_proj",),
    "self_attention_residual.norm": ("self_attn_layer_norm",),
    "feed_forward.linear1": ("fc1",),
    "feed_forward.linear2": ("fc2",),
    "feed_forward_residual.norm": ("final_layer_norm",),
}
_DECODER_LAYER = _ENCODER_LAYER | {
    "cross_attention.in_proj": (
        "encoder_attn.q_proj",
        "encoder_attn.k_proj",
        "encoder_attn.v_proj",
    ),
    "cross_attention.out_proj": ("encoder_attn.out_proj",),
    "cross_attention_residual.norm": ("encoder_attn_layer_norm",),
}
_TABLES = {
    "three_way": {"source_embedding.table": "model.shared.weight"},
    "two_way": {
        "source_embedding.table": "model.encoder.embed_tokens.weight",
        "target_embedding.table": "model.decoder.embed_tokens.weight",
    },
}
_TABLES["none"] = _TABLES["two_way"] | {"output.weight": "lm_head.weight"}


def names(config: TransformerConfig) -> Iterator[Names]:
    """Name every trained tensor, but those of positions and scores, which the others lack."""
    for table, name in _TABLES[config.tie].items():
        yield Names(table, (name,))
    if config.output_bias:
        yield Names(OUTPUT_BIAS, ("final_logits_bias",))
    stacks = (
        ("encoder", config.encoder_layers, _ENCODER_LAYER),
        ("decoder", config.decoder_layers, _DECODER_LAYER),
    )
    for side, layers, modules in stacks:
        if config.norm == "pre":
            yield from _module(f"{side}_norm", (f"model.{side}.layer_norm",))
        for index in range(layers):
            for ours, theirs in modules.items():
                yield from _module(
                    f"{side}.{index}.{ours}",
                    tuple(f"model.{side}.layers.{index}.{module}" for module in theirs),
                )


def _module(ours: str, theirs: tuple[str, ...]) -> Iterator[Names]:
    for part in ("weight", "bias"):
        yield Names(f"{ours}.{part}", tuple(f"{name}.{part}" for name in theirs))
