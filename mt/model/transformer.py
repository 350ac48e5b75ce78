"""The Transformer of Vaswani et al. (2017), readable beside the paper."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mt.model.attention.contract import Role
from mt.model.attention.multi_head import KeysValues, MultiHeadAttention
from mt.model.config import TransformerConfig
from mt.model.contract import DecoderState, EncoderDecoder
from mt.model.layers import Embedding, FeedForward, Linear, Residual, make_tables
from mt.model.positions.contract import RelativePositions
from mt.text.tokenizer import PAD

CACHE_BLOCK = 4
"""Steps by which the decoder's cache grows at least; a long one grows by a quarter: seldom, while
few of the slots that are reordered are empty."""


@dataclass(frozen=True)
class TransformerState:
    """The encoded source, and the keys and values of the target tokens read so far."""

    memory: tuple[KeysValues, ...]
    """Of each layer: the source's keys and values, [sentences, heads, source_len, depth]."""
    visible: Bool[Tensor, "sentences 1 1 source_len"] | None
    """``True`` at the real tokens of each source; ``None`` where no source is padded."""
    cache: Float[Tensor, "layers 2 rows heads capacity depth"]
    """Keys and values of the target tokens read so far; slots from ``length`` on are unused."""
    length: int
    """Target tokens read so far."""

    def select(
        self, rows: Int[Tensor, " rows"], sentences: Int[Tensor, " sentences"] | None = None
    ) -> "TransformerState":
        """Reorder hypotheses, and keep only some sentences' memories; see :class:`DecoderState`."""
        cache = self.cache.index_select(2, rows)
        if sentences is None:
            return replace(self, cache=cache)
        memory = tuple(
            KeysValues(*(part.index_select(0, sentences) for part in layer))
            for layer in self.memory
        )
        visible = None if self.visible is None else self.visible.index_select(0, sentences)
        return TransformerState(memory, visible, cache, self.length)

    def with_room(self) -> "TransformerState":
        """Return a state whose cache has room for one more target token."""
        if self.length < self.cache.size(4):
            return self
        layers, two, rows, heads, capacity, depth = self.cache.shape
        room = capacity + max(CACHE_BLOCK, capacity // 4)
        grown = self.cache.new_empty(layers, two, rows, heads, room, depth)
        grown[:, :, :, :, :capacity] = self.cache
        return replace(self, cache=grown)


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each around a residual connection (section 3.1)."""

    def __init__(self, config: TransformerConfig, relative: RelativePositions | None) -> None:
        super().__init__()
        self.self_attention = _self_attention(config, "encoder_self", relative)
        self.feed_forward = _feed_forward(config)
        self.self_attention_residual = Residual(config.dim, config.dropout, config.norm)
        self.feed_forward_residual = Residual(config.dim, config.dropout, config.norm)

    def forward(
        self,
        states: Float[Tensor, "batch source_len dim"],
        visible: Bool[Tensor, "batch 1 1 source_len"] | None,
        positions: Int[Tensor, " source_len"],
    ) -> Float[Tensor, "batch source_len dim"]:
        """Encode whole sources."""

        def attend(states: Tensor) -> Tensor:
            query, keys_values = self.self_attention.project_self(states, positions)
            return self.self_attention(query, keys_values, visible, positions)

        return self.feed_forward_residual(
            self.self_attention_residual(states, attend), self.feed_forward
        )


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention, then feed-forward (section 3.1)."""

    def __init__(self, config: TransformerConfig, relative: RelativePositions | None) -> None:
        super().__init__()
        self.self_attention = _self_attention(config, "decoder_self", relative)
        self.cross_attention = MultiHeadAttention(
            config.dim,
            config.heads,
            config.cross_attention.build(
                config.heads,
                config.dim // config.heads,
                "cross",
                dropout=config.attention_dropout,
            ),
        )
        self.feed_forward = _feed_forward(config)
        self.self_attention_residual = Residual(config.dim, config.dropout, config.norm)
        self.cross_attention_residual = Residual(config.dim, config.dropout, config.norm)
        self.feed_forward_residual = Residual(config.dim, config.dropout, config.norm)

    def forward(
        self,
        states: Float[Tensor, "batch target_len dim"],
        memory: KeysValues,
        source_visible: Bool[Tensor, "batch 1 1 source_len"] | None,
        causal: Bool[Tensor, "1 1 target_len target_len"],
        positions: Int[Tensor, " target_len"],
    ) -> Float[Tensor, "batch target_len dim"]:
        """Decode whole targets."""

        def attend_to_target(states: Tensor) -> Tensor:
            query, keys_values = self.self_attention.project_self(states, positions)
            return self.self_attention(query, keys_values, causal, positions)

        def attend_to_source(states: Tensor) -> Tensor:
            query = self.cross_attention.project_query(states)
            return self.cross_attention(query, memory, source_visible, positions)

        states = self.self_attention_residual(states, attend_to_target)
        states = self.cross_attention_residual(states, attend_to_source)
        return self.feed_forward_residual(states, self.feed_forward)

    def step(  # noqa: PLR0917 - all that a step depends on
        self,
        states: Float[Tensor, "rows 1 dim"],
        memory: KeysValues,
        source_visible: Bool[Tensor, "sentences 1 1 source_len"] | None,
        cache: Float[Tensor, "2 rows heads capacity depth"],
        length: int,
        position: Int[Tensor, " 1"],
    ) -> Float[Tensor, "rows 1 dim"]:
        """Read one token more, writing its key and value into slot ``length`` of ``cache``."""

        def attend_to_target(states: Tensor) -> Tensor:
            query, new = self.self_attention.project_self(states, position)
            cache[0, :, :, length], cache[1, :, :, length] = new.key[:, :, 0], new.value[:, :, 0]
            past = KeysValues(cache[0, :, :, : length + 1], cache[1, :, :, : length + 1])
            return self.self_attention(query, past, None, position)

        def attend_to_source(states: Tensor) -> Tensor:
            # The hypotheses of one sentence are queries of one attention: its memory is not copied.
            together = states.view(memory.key.size(0), -1, states.size(-1))
            query = self.cross_attention.project_query(together)
            return self.cross_attention(query, memory, source_visible, position).view_as(states)

        states = self.self_attention_residual(states, attend_to_target)
        states = self.cross_attention_residual(states, attend_to_source)
        return self.feed_forward_residual(states, self.feed_forward)


class Transformer(EncoderDecoder):
    """An encoder-decoder of attention alone.

    Source: Vaswani et al. (2017), section 3 and figure 1.
    """

    def __init__(self, config: TransformerConfig, source_size: int, target_size: int) -> None:
        super().__init__()
        dim = config.dim
        tables = make_tables(config.tie, source_size, target_size, dim)
        positions = config.positions
        self.source_embedding = Embedding(tables.source, positions.absolute(dim), config.dropout)
        self.target_embedding = Embedding(tables.target, positions.absolute(dim), config.dropout)
        self.encoder = nn.ModuleList(
            EncoderLayer(config, relative)
            for relative in _relative_positions(config, config.encoder_layers, causal=False)
        )
        decoder = nn.ModuleList(
            DecoderLayer(config, relative)
            for relative in _relative_positions(config, config.decoder_layers, causal=True)
        )
        self.decoder = cast(Sequence[DecoderLayer], decoder)  # ModuleList has no element type
        at_top: type[nn.Module] = nn.LayerNorm if config.norm == "pre" else nn.Identity
        self.encoder_norm = at_top(dim)
        self.decoder_norm = at_top(dim)
        self.layer_dropout = config.layer_dropout
        self.output = Linear(dim, target_size, bias=config.output_bias)
        self.output.weight = tables.output
        if config.output_bias:
            nn.init.zeros_(self.output.bias)

    def encode(
        self, source: Int[Tensor, "batch source_len"]
    ) -> tuple[Float[Tensor, "batch source_len dim"], Bool[Tensor, "batch 1 1 source_len"] | None]:
        """Return the encoder's states, and where the real tokens are if some sources are padded."""
        real = source != PAD
        visible = None if real.all() else real[:, None, None, :]
        states = self.source_embedding(source)
        positions = torch.arange(source.size(1), device=source.device)
        for layer in self.encoder:
            if not self._left_out():
                states = layer(states, visible, positions)
        return self.encoder_norm(states), visible

    def forward(
        self,
        source: Int[Tensor, "batch source_len"],
        target: Int[Tensor, "batch target_len"],
    ) -> Float[Tensor, "batch target_len dim"]:
        """Read whole sentence pairs; see :meth:`EncoderDecoder.forward`."""
        memory, source_visible = self.encode(source)
        length = target.size(1)
        causal = torch.ones(1, 1, length, length, dtype=torch.bool, device=target.device).tril()
        positions = torch.arange(length, device=target.device)
        states = self.target_embedding(target)
        for layer in self.decoder:
            if not self._left_out():
                keys_values = layer.cross_attention.project_memory(memory)
                states = layer(states, keys_values, source_visible, causal, positions)
        return self.decoder_norm(states)

    def _left_out(self) -> bool:
        """Draw whether a layer is left out of a pass, in training.

        Source: Fan et al. (2020), section 3.2. Layers are not scaled up for it.
        """
        return (
            self.training and self.layer_dropout > 0 and float(torch.rand(())) < self.layer_dropout
        )

    def start(self, source: Int[Tensor, "sentences source_len"], beam: int) -> TransformerState:
        """Encode sources and project them once for all steps to come."""
        states, visible = self.encode(source)
        memory = tuple(layer.cross_attention.project_memory(states) for layer in self.decoder)
        _, heads, _, depth = memory[0].key.shape
        rows = source.size(0) * beam
        cache = memory[0].key.new_empty(len(self.decoder), 2, rows, heads, CACHE_BLOCK, depth)
        return TransformerState(memory, visible, cache, length=0)

    def step(
        self, tokens: Int[Tensor, " rows"], state: DecoderState
    ) -> tuple[Float[Tensor, "rows vocabulary"], TransformerState]:
        """Read one token more in every row; see :meth:`EncoderDecoder.step`."""
        assert isinstance(state, TransformerState)
        state = state.with_room()
        states = self.target_embedding(tokens[:, None], start=state.length)
        position = torch.full((1,), state.length, device=tokens.device)
        for index, layer in enumerate(self.decoder):
            memory, cache = state.memory[index], state.cache[index]
            states = layer.step(states, memory, state.visible, cache, state.length, position)
        logits = self.output(self.decoder_norm(states)[:, 0])
        return logits, replace(state, length=state.length + 1)


def _self_attention(
    config: TransformerConfig, role: Role, relative: RelativePositions | None
) -> MultiHeadAttention:
    depth = config.dim // config.heads
    attend = config.self_attention.build(
        config.heads, depth, role, relative, config.attention_dropout
    )
    return MultiHeadAttention(config.dim, config.heads, attend, config.positions.rotation(depth))


def _feed_forward(config: TransformerConfig) -> FeedForward:
    return FeedForward(
        config.dim, config.feed_forward, config.activation, config.activation_dropout
    )


def _relative_positions(
    config: TransformerConfig, layers: int, causal: bool
) -> list[RelativePositions | None]:
    """Make the relative positions of each layer of a stack; one object may serve them all."""
    positions, depth = config.positions, config.dim // config.heads
    if positions.of_each_layer():
        return [positions.relative(config.heads, depth, causal) for _ in range(layers)]
    return [positions.relative(config.heads, depth, causal)] * layers
