"""The choices of a model in a recipe; reading them loads no torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from mt.config import StrictConfig
from mt.model.attention.config import AdditiveConfig, AttentionConfig
from mt.model.positions.config import LearnedConfig, PositionsConfig, ShawConfig, SinusoidalConfig

if TYPE_CHECKING:
    from mt.model.recurrent import Recurrent
    from mt.model.transformer import Transformer

Activation = Literal["relu", "gelu", "silu", "swiglu"]
NormPlacement = Literal["pre", "post"]
Tie = Literal["three_way", "two_way", "none"]
Cell = Literal["lstm", "gru"]
Rate = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(gt=0, le=65_536)]
Depth = Annotated[int, Field(gt=0, le=1000)]


class TransformerConfig(StrictConfig):
    """An encoder and a decoder of self-attention, cross-attention and feed-forward layers."""

    kind: Literal["transformer"] = "transformer"
    dim: Width = 512
    """Width of the model: the size of every embedding and state."""
    encoder_layers: Depth = 6
    """Depth of the encoder."""
    decoder_layers: Depth = 6
    """Depth of the decoder, independent of the encoder's."""
    heads: PositiveInt = 8
    """Attention heads in each layer; must divide `dim`."""
    feed_forward: Annotated[int, Field(gt=0, le=1_048_576)] = 2048
    """Width inside the feed-forward layers."""
    activation: Activation = "relu"
    """Non-linearity of the feed-forward layers: relu, gelu, silu (also called swish) or swiglu."""
    norm: NormPlacement = "pre"
    """Layer norm before each sublayer (pre) or after its residual sum, as in the paper (post)."""
    dropout: Rate = 0.1
    """Share of each sublayer's output, and of the embeddings, that is zeroed in training."""
    attention_dropout: Rate = 0.0
    """Share of the attention weights that is zeroed in training, likewise."""
    activation_dropout: Rate = 0.0
    """Share of what is inside the feed-forward layers that is zeroed in training, likewise."""
    layer_dropout: Rate = 0.0
    """How likely a whole layer is left out of an update (LayerDrop, Fan et al. 2020)."""
    tie: Tie = "three_way"
    """Which of source embedding, target embedding and output share one table: all three (needs a
    joint vocabulary), the last two, or none."""
    output_bias: bool = False
    """Add to the logit of each target token a trained number, as Marian does."""
    positions: Annotated[PositionsConfig, Field(discriminator="kind")] = SinusoidalConfig()
    """How a model knows the positions of tokens."""
    self_attention: AttentionConfig = AttentionConfig()
    """How the tokens of one side attend to each other."""
    cross_attention: AttentionConfig = AttentionConfig()
    """How the target attends to the source."""

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"heads: expected a divisor of dim {self.dim}, but found {self.heads}")
        return self

    @model_validator(mode="after")
    def _positions_suit_the_score(self) -> Self:
        score = self.self_attention.score.kind
        admitted = {"rotary": ["scaled_dot", "dot"], "shaw": ["scaled_dot"]}
        if score not in admitted.get(self.positions.kind, [score]):
            raise ValueError(
                f"self_attention.score: expected {' or '.join(admitted[self.positions.kind])} with "
                f"{self.positions.kind} positions, which are defined by it, but found {score}; "
                "choose t5 or alibi, which suit every score"
            )
        depth = self.dim // self.heads
        if self.positions.kind == "rotary" and depth % 2:
            raise ValueError(
                f"positions: expected an even size of a head with rotary positions, which turn "
                f"pairs of dimensions, but found dim {self.dim} over {self.heads} heads"
            )
        return self

    @property
    def has_dropout(self) -> bool:
        """Whether two passes over a batch differ in training; both leave out the same layers."""
        return any((self.dropout, self.attention_dropout, self.activation_dropout))

    def build(self, source_size: int, target_size: int) -> "Transformer":
        """Make the model with fresh weights.

        Args:
            source_size: Tokens in the source vocabulary.
            target_size: Tokens in the target vocabulary.
        """
        from mt.model.transformer import Transformer

        return Transformer(self, source_size, target_size)

    def least_parameters(self, source_size: int, target_size: int) -> int:
        """Count the parameters of embeddings and matrices, of which there are hardly any others.

        Unlike counting those of a model, this needs no memory.
        """
        square, depth = self.dim**2, self.dim // self.heads
        feed_forward = (3 if self.activation == "swiglu" else 2) * self.dim * self.feed_forward
        layers = self.encoder_layers * (4 * square + feed_forward)
        layers += self.decoder_layers * (8 * square + feed_forward)
        positions = 0
        if isinstance(self.positions, LearnedConfig):
            positions = 2 * self.positions.longest * self.dim
        elif isinstance(self.positions, ShawConfig):
            blocks = self.encoder_layers + self.decoder_layers
            positions = blocks * 4 * self.positions.longest * depth
        return layers + positions + _embeddings(self.tie, source_size, target_size) * self.dim


class RecurrentConfig(StrictConfig):
    """An encoder and a decoder of recurrent cells."""

    kind: Literal["recurrent"] = "recurrent"
    cell: Cell = "lstm"
    """What computes a step: lstm (Hochreiter and Schmidhuber 1997) or gru (Cho et al. 2014)."""
    dim: Width = 512
    """Width of the model: the size of every embedding and state."""
    encoder_layers: Depth = 1
    """Depth of the encoder."""
    decoder_layers: Depth = 1
    """Depth of the decoder."""
    bidirectional: bool = True
    """Read the source from both ends; either direction then has half of `dim`."""
    attention: AttentionConfig | None = AttentionConfig(score=AdditiveConfig())
    """How the target attends to the source; null: not at all, the decoder is given one fixed
    context vector, and `heads` and `attention_query` have no meaning."""
    heads: PositiveInt = 1
    """Attention heads, each on its share of the states; must divide `dim`."""
    attention_query: Literal["current_state", "previous_state"] = "current_state"
    """The query of cross-attention: the decoder's state after the step (Luong), or the one before
    it, in which case the context is an input of the step (Bahdanau)."""
    input_feeding: bool = False
    """Make the output of a step an input of the next, so that it depends on earlier attention
    (Luong)."""
    dropout: Rate = 0.1
    """Share of embeddings, of what passes between layers and of outputs, zeroed in training."""
    tie: Tie = "three_way"
    """Which of source embedding, target embedding and output share one table: all three (needs a
    joint vocabulary), the last two, or none."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.bidirectional and self.dim % 2:
            raise ValueError(
                f"dim: expected an even width with a bidirectional encoder, but found {self.dim}"
            )
        if self.dim % self.heads:
            raise ValueError(f"heads: expected a divisor of dim {self.dim}, but found {self.heads}")
        if self.attention is None and self.heads > 1:
            raise ValueError(
                f"heads: expected 1 without attention, but found {self.heads}; leave it out, or "
                "choose an attention"
            )
        if self.attention is None and self.attention_query == "previous_state":
            raise ValueError(
                "attention_query: expected current_state without attention, but found "
                "previous_state; leave it out, or choose an attention"
            )
        if self.input_feeding and self.attention_query == "previous_state":
            raise ValueError(
                "input_feeding: expected false with `attention_query: previous_state`, where the "
                "context enters the step already, but found true; choose one of the two"
            )
        return self

    @property
    def has_dropout(self) -> bool:
        """Whether two passes over a batch differ in training."""
        return self.dropout > 0

    def build(self, source_size: int, target_size: int) -> "Recurrent":
        """Make the model with fresh weights.

        Args:
            source_size: Tokens in the source vocabulary.
            target_size: Tokens in the target vocabulary.
        """
        from mt.model.recurrent import Recurrent

        return Recurrent(self, source_size, target_size)

    def least_parameters(self, source_size: int, target_size: int) -> int:
        """Count the parameters of embeddings and cells, of which there are not many others.

        Unlike counting those of a model, this needs no memory.
        """
        gates = 4 if self.cell == "lstm" else 3
        layers = self.encoder_layers + 2 * self.decoder_layers
        embeddings = _embeddings(self.tie, source_size, target_size)
        return (layers * gates * self.dim + embeddings) * self.dim


def _embeddings(tie: Tie, source_size: int, target_size: int) -> int:
    """Count the rows of all tables: one row for each token of each."""
    rows = {
        "three_way": source_size,
        "two_way": source_size + target_size,
        "none": source_size + 2 * target_size,
    }
    return rows[tie]


ModelConfig = Annotated[TransformerConfig | RecurrentConfig, Field(discriminator="kind")]
"""The architectures a recipe may choose."""


class _ModelSectionConfig(StrictConfig):
    model: ModelConfig


def parse_model(values: Mapping[str, Any], where: str) -> TransformerConfig | RecurrentConfig:
    """Validate a recipe's section ``model`` by itself; see :meth:`StrictConfig.parse`."""
    return _ModelSectionConfig.parse({"model": values}, where).model
