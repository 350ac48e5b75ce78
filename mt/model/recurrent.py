"""Recurrent encoder-decoders, with a fixed context vector or with attention."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from mt.model.attention.attend import Attend
from mt.model.attention.config import AttentionConfig
from mt.model.attention.multi_head import KeysValues
from mt.model.config import Cell, RecurrentConfig
from mt.model.contract import DecoderState, EncoderDecoder
from mt.model.layers import Dropout, Embedding, Linear, make_tables
from mt.text.tokenizer import PAD

CELL_VECTORS: dict[Cell, int] = {"lstm": 2, "gru": 1}
"""Vectors that a cell passes to its next step: an LSTM's state and memory, a GRU's state."""


@dataclass(frozen=True)
class RecurrentState:
    """The encoded source, and the decoder's vectors after some steps."""

    memory: KeysValues | None
    """Keys and values, [sentences, heads, source_len, depth]; ``None`` without attention."""
    visible: Bool[Tensor, "sentences 1 1 source_len"]
    """``True`` at the real tokens of each source."""
    summary: Float[Tensor, "sentences dim"]
    """The fixed context vector: the last state of the encoder's last layer."""
    hidden: Float[Tensor, "layers parts rows dim"]
    """The vectors that each cell passes to its next step."""
    fed: Float[Tensor, "rows dim"]
    """The output before this step; zeros before the first."""
    length: int
    """Target tokens read so far."""

    def select(
        self, rows: Int[Tensor, " rows"], sentences: Int[Tensor, " sentences"] | None = None
    ) -> "RecurrentState":
        """Reorder hypotheses, and keep only some sentences' memories; see :class:`DecoderState`."""
        chosen = replace(
            self, hidden=self.hidden.index_select(2, rows), fed=self.fed.index_select(0, rows)
        )
        if sentences is None:
            return chosen
        memory = self.memory
        if memory is not None:
            memory = KeysValues(*(part.index_select(0, sentences) for part in memory))
        return replace(
            chosen,
            memory=memory,
            visible=self.visible.index_select(0, sentences),
            summary=self.summary.index_select(0, sentences),
        )


class StateAttention(nn.Module):
    """Attention without projections other than those of its score.

    Attributes:
        attend: The kind of attention.
    """

    def __init__(self, config: AttentionConfig, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attend: Attend = config.build(heads, dim // heads, "cross")

    def prepare_memory(self, states: Float[Tensor, "batch source_len dim"]) -> KeysValues:
        """Turn encoder states into keys and values; a decoder does this once a sentence."""
        value = self._split(states)
        return KeysValues(self.attend.prepare_keys(value), value)

    def forward(
        self,
        states: Float[Tensor, "batch target_len dim"],
        memory: KeysValues,
        visible: Bool[Tensor, "batch 1 1 source_len"],
        positions: Int[Tensor, " #target_len"],
    ) -> Float[Tensor, "batch target_len dim"]:
        """Return the context of each state."""
        context = self.attend(self._split(states), memory.key, memory.value, visible, positions)
        return context.transpose(1, 2).flatten(2)

    def _split(self, states: Tensor) -> Tensor:
        return torch.unflatten(states, -1, (self.heads, -1)).transpose(1, 2)


class Recurrent(EncoderDecoder):
    """An encoder-decoder of recurrent cells, with or without attention.

    The encoder reads the source, in one direction or in both. Its last state is the *fixed context
    vector*, and through a learnt map the decoder's first state. With attention each step has a
    context ``c_t`` of its own, a weighted sum of all of the encoder's states. Either way the output
    is ``tanh(W [c_t; s_t])``, with ``c_t`` the fixed vector where there is no attention, so that
    the two have the same size and differ in nothing but the bottleneck.

    ``attention_query: current_state`` is Luong's decoder: ``s_t = cell(y_{t-1}, s_{t-1})``, then
    ``c_t`` from ``s_t``; with input feeding the cell also reads the output before.
    ``attention_query: previous_state`` is Bahdanau's: ``c_t`` from ``s_{t-1}``, then
    ``s_t = cell([y_{t-1}; c_t], s_{t-1})``; the output is Luong's here too, in place of a maxout
    layer.

    Source: Sutskever, Vinyals and Le (2014), section 2; Cho et al. (2014), section 2.2; Bahdanau,
    Cho and Bengio (2015), section 3 and appendix A; Luong, Pham and Manning (2015), section 3,
    equation 5, and section 3.3.
    """

    def __init__(self, config: RecurrentConfig, source_size: int, target_size: int) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        tables = make_tables(config.tie, source_size, target_size, dim)
        self.source_embedding = Embedding(tables.source, None, config.dropout)
        self.target_embedding = Embedding(tables.target, None, config.dropout)
        directions = 2 if config.bidirectional else 1
        self.encoder = _stack(config, config.encoder_layers, dim, directions)
        reads_more = config.input_feeding or config.attention_query == "previous_state"
        self.decoder = _stack(config, config.decoder_layers, 2 * dim if reads_more else dim)
        self.dropout = Dropout(config.dropout)
        vectors = config.decoder_layers * CELL_VECTORS[config.cell]
        self.bridge = Linear(dim, vectors * dim, blocks=vectors)
        self.cross_attention = (
            None
            if config.attention is None
            else StateAttention(config.attention, dim, config.heads)
        )
        self.combine = Linear(2 * dim, dim)
        self.output = Linear(dim, target_size, bias=False)
        self.output.weight = tables.output

    def encode(
        self, source: Int[Tensor, "batch source_len"]
    ) -> tuple[Float[Tensor, "batch source_len dim"], Float[Tensor, "batch dim"]]:
        """Return the states of the last layer, zero at padding, and its last state.

        The last state has, for either direction, the state after the last token it read.
        """
        lengths = (source != PAD).sum(dim=1).cpu()
        states, last = self.source_embedding(source), None
        for index, layer in enumerate(self.encoder):
            packed = pack_padded_sequence(
                states if index == 0 else self.dropout(states),
                lengths,
                batch_first=True,
                enforce_sorted=False,
            )
            outputs, hidden = _run(layer, packed)
            states, _ = pad_packed_sequence(outputs, batch_first=True, total_length=source.size(1))
            last = hidden[0] if isinstance(hidden, tuple) else hidden
        assert last is not None
        return states, last.transpose(0, 1).flatten(1)

    def forward(
        self,
        source: Int[Tensor, "batch source_len"],
        target: Int[Tensor, "batch target_len"],
    ) -> Float[Tensor, "batch target_len dim"]:
        """Read whole sentence pairs; see :meth:`EncoderDecoder.forward`."""
        state = self.start(source, beam=1)
        embedded = self.target_embedding(target)
        if self.config.input_feeding or self.config.attention_query == "previous_state":
            outputs = []
            for token in embedded.unbind(dim=1):
                output, state = self._advance(token[:, None], state)
                outputs.append(output)
            return torch.cat(outputs, dim=1)
        return self._advance(embedded, state)[0]

    def start(self, source: Int[Tensor, "sentences source_len"], beam: int) -> RecurrentState:
        """Encode sources, and map the encoder's last state to the decoder's first ones."""
        states, summary = self.encode(source)
        attention = self.cross_attention
        shape = (-1, self.config.decoder_layers, CELL_VECTORS[self.config.cell], self.config.dim)
        hidden = self.bridge(summary).tanh().view(shape).permute(1, 2, 0, 3)
        return RecurrentState(
            memory=attention.prepare_memory(states) if attention else None,
            visible=(source != PAD)[:, None, None, :],
            summary=summary,
            hidden=hidden.repeat_interleave(beam, dim=2).contiguous(),
            fed=summary.new_zeros(source.size(0) * beam, self.config.dim),
            length=0,
        )

    def step(
        self, tokens: Int[Tensor, " rows"], state: DecoderState
    ) -> tuple[Float[Tensor, "rows vocabulary"], RecurrentState]:
        """Read one token more in every row; see :meth:`EncoderDecoder.step`."""
        assert isinstance(state, RecurrentState)
        output, state = self._advance(self.target_embedding(tokens[:, None]), state)
        return self.output(output[:, 0]), state

    def _advance(
        self, embedded: Float[Tensor, "rows target_len dim"], state: RecurrentState
    ) -> tuple[Float[Tensor, "rows target_len dim"], RecurrentState]:
        """Decode targets, or one token if steps depend on earlier outputs; return the outputs."""
        length = embedded.size(1)
        positions = torch.arange(state.length, state.length + length, device=embedded.device)
        if self.config.attention_query == "previous_state":
            before = state.hidden[-1, 0][:, None]
            context = self._attend(before, state, positions)
            states, hidden = self._run_cells(torch.cat((embedded, context), dim=-1), state.hidden)
        else:
            if self.config.input_feeding:
                embedded = torch.cat((embedded, state.fed[:, None]), dim=-1)
            states, hidden = self._run_cells(embedded, state.hidden)
            context = self._attend(states, state, positions)
        output = self.dropout(self.combine(torch.cat((context, states), dim=-1)).tanh())
        state = replace(state, hidden=hidden, fed=output[:, -1], length=state.length + length)
        return output, state

    def _run_cells(
        self,
        states: Float[Tensor, "rows target_len width"],
        hidden: Float[Tensor, "layers parts rows dim"],
    ) -> tuple[Float[Tensor, "rows target_len dim"], Float[Tensor, "layers parts rows dim"]]:
        after = []
        for index, layer in enumerate(self.decoder):
            before = tuple(part[None] for part in hidden[index])
            states, new = _run(
                layer,
                states if index == 0 else self.dropout(states),
                before if self.config.cell == "lstm" else before[0],
            )
            parts = new if isinstance(new, tuple) else (new,)
            after.append(torch.cat(parts))
        return states, torch.stack(after)

    def _attend(
        self,
        states: Float[Tensor, "rows target_len dim"],
        state: RecurrentState,
        positions: Int[Tensor, " target_len"],
    ) -> Float[Tensor, "rows target_len dim"]:
        """Return the context of each state."""
        sentences = state.summary.size(0)
        if self.cross_attention is None or state.memory is None:
            beam = states.size(0) // sentences
            fixed = state.summary.repeat_interleave(beam, dim=0)
            return fixed[:, None].expand_as(states)
        # The hypotheses of one sentence are queries of one attention: its memory is not copied.
        together = states.reshape(sentences, -1, states.size(-1))
        return self.cross_attention(together, state.memory, state.visible, positions).view_as(
            states
        )


def _run(
    layer: nn.LSTM | nn.GRU,
    states: Tensor | PackedSequence,
    before: Tensor | tuple[Tensor, ...] | None = None,
) -> tuple[Any, Any]:
    """Run a layer over its steps.

    Under autocast cuDNN's cells compute in float16, whatever its dtype is, in which the small
    gradients of a mean over a batch vanish: on CUDA they stay in the precision of their weights.
    """
    if layer.weight_ih_l0.device.type != "cuda":
        return layer(states, before)
    dtype = layer.weight_ih_l0.dtype
    with torch.autocast("cuda", enabled=False):
        if isinstance(before, tuple):
            return layer(states.to(dtype), tuple(part.to(dtype) for part in before))
        return layer(states.to(dtype), before if before is None else before.to(dtype))


def _stack(
    config: RecurrentConfig, layers: int, width: int, directions: int = 1
) -> Sequence[nn.LSTM | nn.GRU]:
    """Make the layers, one module each; the input of the first has size ``width``."""
    kind: type[nn.LSTM | nn.GRU] = nn.LSTM if config.cell == "lstm" else nn.GRU
    stack = nn.ModuleList(
        kind(
            width if index == 0 else config.dim,
            config.dim // directions,
            batch_first=True,
            bidirectional=directions == 2,
        )
        for index in range(layers)
    )
    return cast(Sequence[nn.LSTM | nn.GRU], stack)  # ModuleList has no element type
