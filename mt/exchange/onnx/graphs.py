"""The two graphs of a Transformer: a source is encoded once, and the decoder takes single steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mt.model.attention.contract import Attention
from mt.model.attention.multi_head import KeysValues, MultiHeadAttention
from mt.model.contract import EncoderDecoder
from mt.model.transformer import DecoderLayer, Transformer
from mt.text.tokenizer import PAD, START


@dataclass(frozen=True)
class Graph:
    """A module to trace, and what its inputs and outputs are."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    """Examples, in the order of the module's arguments."""
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, Any]]
    """Of each input: the axes whose sizes vary, and what they are called."""


def graphs(model: EncoderDecoder, longest: int) -> dict[str, Graph]:
    """Prepare the graphs of a Transformer, which is changed and can only be traced afterwards.

    Args:
        model: A :class:`~mt.model.transformer.Transformer` on the CPU.
        longest: The longest sequence that will be read or written, in tokens, marks included;
            positions are tabulated up to here.

    Returns:
        By name: ``encoder`` and ``decoder``.
    """
    assert isinstance(model, Transformer)
    model.eval().requires_grad_(requires_grad=False)
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            module.attend = Explained(module.attend)
    for embedding in (model.source_embedding, model.target_embedding):
        if embedding.positions is not None:
            embedding.positions(0, longest)
    batch = torch.export.Dim("batch")
    source_length = torch.export.Dim("source_length", max=longest)
    past_length = torch.export.Dim("past_length", max=longest - 1)
    encoder, decoder = EncoderGraph(model).eval(), DecoderGraph(model).eval()
    source = torch.full((2, 3), START)  # sizes that broadcast nowhere and are all different
    memory_keys, memory_values, visible = encoder(source)
    past = memory_keys.new_zeros(*memory_keys.shape[:3], 4, memory_keys.size(4))
    memory = {1: batch, 3: source_length}
    written = {1: batch, 3: past_length}
    return {
        "encoder": Graph(
            encoder,
            {"source": source},
            ("memory_keys", "memory_values", "visible"),
            {"source": {0: batch, 1: source_length}},
        ),
        "decoder": Graph(
            decoder,
            {
                "token": source[:, 0],
                "memory_keys": memory_keys,
                "memory_values": memory_values,
                "visible": visible,
                "past_keys": past,
                "past_values": past.clone(),
            },
            ("logits", "keys", "values"),
            {
                "token": {0: batch},
                "memory_keys": memory,
                "memory_values": memory,
                "visible": {0: batch, 1: source_length},
                "past_keys": written,
                "past_values": written,
            },
        ),
    }


class EncoderGraph(nn.Module):
    """Encode sources, and project them once for all layers of the decoder."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, source: Int[Tensor, "batch source_length"]
    ) -> tuple[
        Float[Tensor, "layers batch heads source_length depth"],
        Float[Tensor, "layers batch heads source_length depth"],
        Bool[Tensor, "batch source_length"],
    ]:
        """Return keys and values of the source for each layer, and where its real tokens are."""
        visible = source != PAD
        states = self.model.source_embedding(source)
        positions = torch.arange(source.size(1))
        for layer in self.model.encoder:
            states = layer(states, visible[:, None, None], positions)
        states = self.model.encoder_norm(states)
        memory = [layer.cross_attention.project_memory(states) for layer in self.model.decoder]
        return (
            torch.stack([layer.key for layer in memory]),
            torch.stack([layer.value for layer in memory]),
            visible,
        )


class DecoderGraph(nn.Module):
    """Read one token more; what was read before is given, and given back with it."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(  # noqa: PLR0917 - all that a step depends on
        self,
        token: Int[Tensor, " batch"],
        memory_keys: Float[Tensor, "layers batch heads source_length depth"],
        memory_values: Float[Tensor, "layers batch heads source_length depth"],
        visible: Bool[Tensor, "batch source_length"],
        past_keys: Float[Tensor, "layers batch heads past_length depth"],
        past_values: Float[Tensor, "layers batch heads past_length depth"],
    ) -> tuple[
        Float[Tensor, "batch vocabulary"],
        Float[Tensor, "layers batch heads length depth"],
        Float[Tensor, "layers batch heads length depth"],
    ]:
        """Return the logits of the next token, and keys and values of all tokens read."""
        length = past_keys.size(3)
        position = torch.full((1,), length)
        states = self.model.target_embedding(token[:, None], start=length)
        read: list[KeysValues] = []
        for index, layer in enumerate(self.model.decoder):
            memory = KeysValues(memory_keys[index], memory_values[index])
            past = KeysValues(past_keys[index], past_values[index])
            states, keys_values = _step(
                layer, states, memory, visible[:, None, None], past, position
            )
            read.append(keys_values)
        return (
            self.model.output(self.model.decoder_norm(states)[:, 0]),
            torch.stack([layer.key for layer in read]),
            torch.stack([layer.value for layer in read]),
        )


class Explained(nn.Module):
    """The readable form of an attention in the place of its fast one, which has branches."""

    def __init__(self, attend: Attention) -> None:
        super().__init__()
        self.attend = attend
        self.prepare_keys, self.explain = attend.prepare_keys, attend.explain

    def forward(
        self,
        query: Float[Tensor, "batch heads query_len depth"],
        key: Float[Tensor, "batch heads key_len prepared_depth"],
        value: Float[Tensor, "batch heads key_len value_depth"],
        visible: Bool[Tensor, "#batch #heads #query_len key_len"] | None = None,
        positions: Int[Tensor, " #query_len"] | None = None,
    ) -> Float[Tensor, "batch heads query_len value_depth"]:
        """Compute the context; see :class:`Attention`."""
        return self.explain(query, key, value, visible, positions).context


def _step(  # noqa: PLR0917 - all that a step depends on
    layer: DecoderLayer,
    states: Float[Tensor, "batch 1 dim"],
    memory: KeysValues,
    visible: Bool[Tensor, "batch 1 1 source_length"],
    past: KeysValues,
    position: Int[Tensor, " 1"],
) -> tuple[Float[Tensor, "batch 1 dim"], KeysValues]:
    """Do what :meth:`DecoderLayer.step` does, without changing the past in place."""

    def attend_to_target(states: Tensor) -> Tensor:
        nonlocal past
        query, new = layer.self_attention.project_self(states, position)
        past = KeysValues(*(torch.cat(both, dim=2) for both in zip(past, new, strict=True)))
        attended: Tensor = layer.self_attention(query, past, None, position)
        return attended

    def attend_to_source(states: Tensor) -> Tensor:
        query = layer.cross_attention.project_query(states)
        attended: Tensor = layer.cross_attention(query, memory, visible, position)
        return attended

    states = layer.self_attention_residual(states, attend_to_target)
    states = layer.cross_attention_residual(states, attend_to_source)
    return layer.feed_forward_residual(states, layer.feed_forward), past
