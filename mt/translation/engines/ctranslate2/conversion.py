"""A bundle's Transformer as a CTranslate2 model.

The layout of the variables is that of CTranslate2's ``TransformerSpec``, revision 7, in its binary
format 6, which later versions read too. Neither torch nor NumPy nor CTranslate2 is loaded for the
usual kinds of models: most of the work is putting bytes in another order, and it takes less time
than an import.
"""

import json
import math
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence

from mt.bundle import Bundle
from mt.errors import BundleError
from mt.model.attention.config import AdditiveConfig, BilinearConfig, DotConfig, GlobalConfig
from mt.model.config import RecurrentConfig, TransformerConfig
from mt.model.positions.config import (
    AlibiConfig,
    LearnedConfig,
    NoPositionsConfig,
    RotaryConfig,
    ShawConfig,
    SinusoidalConfig,
    T5Config,
)
from mt.text.tokenizer import END, START, UNKNOWN, Tokenizers
from mt.translation.engines.weights import Variable, read_transformer

_BINARY, _REVISION = 6, 7
_TYPES = ("f", "b", "h", "i")
"""Codes of :mod:`struct`, each at the place that is its number in the format."""
ACTIVATIONS = {"relu": 0, "gelu": 3, "silu": 2, "swiglu": 2}
_LAYER_NORM_EPSILON = 1e-5  # torch's
Named = Iterator[tuple[str, Variable]]


def inexpressible(config: TransformerConfig | RecurrentConfig) -> str | None:
    """Name what CTranslate2 cannot compute of a model; ``None`` if it can compute all of it."""
    if isinstance(config, RecurrentConfig):
        return "recurrent layers"
    for name, attention in (
        ("self-attention", config.self_attention),
        ("cross-attention", config.cross_attention),
    ):
        if isinstance(attention.score, AdditiveConfig):
            return f"the additive score of {name}"
        if not isinstance(attention.scope, GlobalConfig):
            return f"the {attention.scope.kind} scope of {name}"
    return None


def convert(
    config: TransformerConfig,
    weights: Mapping[str, Variable],
    vocabularies: tuple[Sequence[str], Sequence[str]],
    longest: int,
    where: str,
) -> dict[str, bytes]:
    """Write a model in CTranslate2's format.

    Args:
        config: A model of which :func:`inexpressible` is ``None``.
        weights: As a bundle names them.
        vocabularies: The tokens of source and target, by id.
        longest: The longest sequence that will be translated or written, in tokens, marks
            included; positions are tabulated up to here.
        where: How a message calls the weights, such as the path of a bundle.

    Returns:
        The content of each file of the model's directory, by name.

    Raises:
        BundleError: If weights and config do not belong together.
    """
    source, target = ([*tokens] for tokens in vocabularies)
    sizes = len(source), len(target)
    variables = name_variables(config, weights, sizes, longest, where)
    files = {"model.bin": _serialize(variables), "config.json": _json(_marks(source))}
    if source == target:
        return files | {"shared_vocabulary.json": _json(source)}
    return files | {
        "source_vocabulary.json": _json(source),
        "target_vocabulary.json": _json(target),
    }


def convert_bundle(bundle: Bundle, tokenizers: Tokenizers) -> dict[str, bytes]:
    """Write the model in a bundle in CTranslate2's format; see :func:`convert`.

    Raises:
        BundleError: If weights and config do not belong together.
    """
    return convert(*read_transformer(bundle, tokenizers))


def name_variables(
    config: TransformerConfig,
    weights: Mapping[str, Variable],
    sizes: tuple[int, int],
    longest: int,
    where: str,
) -> dict[str, Variable]:
    """Give each variable of a model its name in the format; see :func:`convert`.

    Of the vocabularies only the sizes matter.
    """
    return dict(_Conversion(config, weights, sizes, longest, where).variables())


class _Conversion:
    """Gives each variable of the model its name in the format."""

    def __init__(
        self,
        config: TransformerConfig,
        weights: Mapping[str, Variable],
        sizes: tuple[int, int],
        longest: int,
        where: str,
    ) -> None:
        self.config, self.weights, self.sizes = config, weights, sizes
        self.longest, self.where = longest, where
        self.dim, self.heads = config.dim, config.heads
        self.depth = config.dim // config.heads
        self.used: set[str] = set()

    def variables(self) -> Named:
        config = self.config
        source, target, output = self._tables()
        positions = self._tabulated()
        yield from self._stack("encoder", config.encoder_layers, positions)
        yield "encoder/embeddings_0/weight", source
        yield "encoder/embeddings_merge", _scalar("b", 0)
        yield from self._stack("decoder", config.decoder_layers, positions)
        yield "decoder/embeddings/weight", target
        yield "decoder/projection/weight", output
        if config.output_bias:
            yield "decoder/projection/bias", self._weight("output.bias", self.sizes[1])
        yield "decoder/alignment_layer", _scalar("h", -1)
        yield "decoder/alignment_heads", _scalar("h", 0)
        for name in ("alibi", "alibi_use_positive_positions", "scale_alibi"):
            yield f"decoder/{name}", _scalar("b", 0)
        yield "decoder/start_from_zero_embedding", _scalar("b", 0)
        if unused := sorted(self.weights.keys() - self.used):
            raise self._foreign(unused[0])

    def _tables(self) -> tuple[Variable, Variable, Variable]:
        """Return the embeddings of source and target, and the output layer."""
        (sources, targets), tie = self.sizes, self.config.tie
        source = self._weight("source_embedding.table", sources, self.dim)
        if tie == "three_way":
            return source, source, source
        target = self._weight("target_embedding.table", targets, self.dim)
        if tie == "two_way":
            return source, target, target
        return source, target, self._weight("output.weight", targets, self.dim)

    def _stack(self, side: str, layers: int, positions: Variable | None) -> Named:
        config = self.config
        yield f"{side}/num_heads", _scalar("h", self.heads)
        yield f"{side}/pre_norm", _scalar("b", config.norm == "pre")
        yield f"{side}/activation", _scalar("b", ACTIVATIONS[config.activation])
        yield f"{side}/scale_embeddings", _scalar("b", 1)
        if isinstance(config.positions, LearnedConfig):
            positions = self._learned(side, config.positions.longest)
        if positions is not None:
            yield f"{side}/position_encodings/encodings", positions
        if config.norm == "pre":
            yield from self._norm(f"{side}/layer_norm", f"{side}_norm")
        for index in range(layers):
            to, of = f"{side}/layer_{index}", f"{side}.{index}"
            yield from self._self_attention(to, of)
            yield from self._distances(side, to, of)
            if side == "decoder":
                yield from self._cross_attention(to, of)
            yield from self._feed_forward(to, of)

    def _self_attention(self, to: str, of: str) -> Named:
        to, of, score = (
            f"{to}/self_attention",
            f"{of}.self_attention",
            self.config.self_attention.score,
        )
        yield from self._norm(f"{to}/layer_norm", f"{of}_residual.norm")
        weight, bias = self._in_proj(of, score)
        yield f"{to}/linear_0/weight", weight
        yield f"{to}/linear_0/bias", bias
        yield from self._linear(f"{to}/linear_1", f"{of}.out_proj", self.dim, self.dim)
        yield from _scale(to, score)

    def _cross_attention(self, to: str, of: str) -> Named:
        to, of, score = (
            f"{to}/attention",
            f"{of}.cross_attention",
            self.config.cross_attention.score,
        )
        yield from self._norm(f"{to}/layer_norm", f"{of}_residual.norm")
        weight, bias = self._in_proj(of, score)
        for number, part in enumerate(((0, self.dim), (self.dim, 3 * self.dim))):
            yield f"{to}/linear_{number}/weight", weight.rows(*part)
            yield f"{to}/linear_{number}/bias", bias.rows(*part)
        yield from self._linear(f"{to}/linear_2", f"{of}.out_proj", self.dim, self.dim)
        yield from _scale(to, score)

    def _feed_forward(self, to: str, of: str) -> Named:
        to, of, width = f"{to}/ffn", f"{of}.feed_forward", self.config.feed_forward
        yield from self._norm(f"{to}/layer_norm", f"{of}_residual.norm")
        gated = self.config.activation == "swiglu"
        parts = ["linear_0", "linear_0_noact"] if gated else ["linear_0"]
        weight = self._weight(f"{of}.linear1.weight", width * len(parts), self.dim)
        bias = self._weight(f"{of}.linear1.bias", width * len(parts))
        for number, name in enumerate(parts):
            yield f"{to}/{name}/weight", weight.rows(number * width, (number + 1) * width)
            yield f"{to}/{name}/bias", bias.rows(number * width, (number + 1) * width)
        yield from self._linear(f"{to}/linear_1", f"{of}.linear2", self.dim, width)

    def _norm(self, to: str, of: str) -> Named:
        yield f"{to}/gamma", self._weight(f"{of}.weight", self.dim)
        yield f"{to}/beta", self._weight(f"{of}.bias", self.dim)

    def _linear(self, to: str, of: str, outputs: int, inputs: int) -> Named:
        yield f"{to}/weight", self._weight(f"{of}.weight", outputs, inputs)
        yield f"{to}/bias", self._weight(f"{of}.bias", outputs)

    def _in_proj(self, of: str, score: object) -> tuple[Variable, Variable]:
        """Return the projection of queries, keys and values; a bilinear form becomes part of it."""
        weight = self._weight(f"{of}.in_proj.weight", 3 * self.dim, self.dim)
        bias = self._weight(f"{of}.in_proj.bias", 3 * self.dim)
        if isinstance(score, BilinearConfig):
            shape = self.heads, self.depth, self.depth
            matrix = self._weight(f"{of}.attend.score.matrix", *shape)
            return self._compose(weight, matrix), self._compose(bias, matrix)
        return weight, bias

    def _compose(self, projection: Variable, matrix: Variable) -> Variable:
        """Multiply the queries' part of a projection by the bilinear form: ``W^T`` in each head."""
        import numpy as np  # noqa: PLC0415 - the usual kinds start sooner without it

        forms = np.frombuffer(matrix.data, "<f4").reshape(matrix.shape)
        numbers = np.frombuffer(projection.data, "<f4").reshape(3, self.heads, self.depth, -1)
        composed = np.stack((forms.transpose(0, 2, 1) @ numbers[0], *numbers[1:]))
        return projection._replace(data=composed.astype("<f4").tobytes())

    def _tabulated(self) -> Variable | None:
        """Tabulate what fixed positions add to the embeddings of both sides."""
        match self.config.positions:
            case SinusoidalConfig():
                return _floats(_sinusoids(self.longest, self.dim), self.longest, self.dim)
            case NoPositionsConfig():
                return _floats(
                    array("f", bytes(4 * self.longest * self.dim)), self.longest, self.dim
                )
            case _:
                return None

    def _learned(self, side: str, trained: int) -> Variable:
        """Extend the table of trained positions: those past its end share the last vector."""
        name = "source" if side == "encoder" else "target"
        table = self._weight(f"{name}_embedding.positions.table", trained, self.dim)
        missing = max(0, self.longest - trained)
        data = bytes(table.data) + bytes(table.rows(trained - 1, trained).data) * missing
        return Variable("f", (trained + missing, self.dim), data)

    def _distances(self, side: str, to: str, of: str) -> Named:
        """Give what self-attention knows of distances."""
        to = f"{to}/self_attention"
        match self.config.positions:
            case RotaryConfig():
                yield f"{to}/rotary_dim", _scalar("i", self.depth)
                yield f"{to}/rotary_interleave", _scalar("b", 0)
                yield f"{to}/rotary_base", _scalar("f", 10_000)
            case ShawConfig() as shaw:
                for part in ("keys", "values"):
                    yield (
                        f"{to}/relative_position_{part}",
                        self._weight(
                            f"{of}.self_attention.attend.relative.{part}",
                            2 * shaw.longest + 1,
                            self.depth,
                        ),
                    )
            case T5Config() as t5:
                shared = f"{side}.0.self_attention.attend.relative.table"
                table = array("f")
                table.frombytes(self._weight(shared, self.heads, t5.buckets).data)
                numbers = (table[bucket :: t5.buckets] for bucket in range(t5.buckets))
                bias = array("f", (number for row in numbers for number in row))
                yield f"{to}/relative_attention_bias", _floats(bias, t5.buckets, self.heads)
                yield f"{to}/relative_attention_max_distance", _scalar("i", t5.longest)
            case AlibiConfig():
                bias = _linear_penalties(self.heads, self.longest, causal=side == "decoder")
                yield (
                    f"{to}/relative_attention_bias",
                    _floats(bias, len(bias) // self.heads, self.heads),
                )
                yield f"{to}/relative_attention_max_distance", _scalar("i", 2 * self.longest)
            case _:
                pass

    def _weight(self, name: str, *shape: int) -> Variable:
        weight = self.weights.get(name)
        if weight is None or weight.kind != "f" or weight.shape != shape:
            raise self._foreign(name)
        self.used.add(name)
        return weight

    def _foreign(self, name: str) -> BundleError:
        return BundleError(
            f"{self.where}: expected the weights of its config, but they differ in {name}; "
            "copy the model again"
        )


def _scale(to: str, score: object) -> Named:
    """Leave scores unscaled where they are; the default is the scaled dot product."""
    if isinstance(score, DotConfig | BilinearConfig):
        yield f"{to}/queries_scale", _scalar("f", 1.0)


def _sinusoids(longest: int, dim: int) -> "array[float]":
    """Compute the table of :class:`~mt.model.positions.absolute.SinusoidalPositions`."""
    rates = [math.exp(-math.log(10_000.0) * even / dim) for even in range(0, dim, 2)]
    table = array("f")
    for position in range(longest):
        angles = [position * rate for rate in rates]
        table.extend(map(math.sin, angles))
        table.extend(map(math.cos, angles[: dim // 2]))
    return table


def _linear_penalties(heads: int, longest: int, causal: bool) -> "array[float]":
    """Give ALiBi's penalties as a table like that of T5's positions, with a bucket a distance.

    Half of a direction's buckets are for exact distances, which are all that occur.
    """
    rates = [2.0 ** (-8.0 * head / heads) for head in range(1, heads + 1)]
    one_way = [-distance * rate for distance in range(2 * longest) for rate in rates]
    return array("f", one_way if causal else one_way + one_way)


def _floats(numbers: "array[float]", *shape: int) -> Variable:
    return Variable("f", shape, numbers.tobytes())


def _scalar(kind: str, number: float) -> Variable:
    return Variable(kind, (), struct.pack(f"<{kind}", number))


def _serialize(variables: Mapping[str, Variable]) -> bytes:
    """Write variables in the binary format, each array once, with aliases for its other names."""
    firsts: dict[int, str] = {}
    names = {name: firsts.setdefault(id(variables[name].data), name) for name in sorted(variables)}
    aliases = [(name, first) for name, first in names.items() if first != name]
    own = [name for name, first in names.items() if first == name]
    parts: list[bytes | bytearray | memoryview] = [
        struct.pack("<I", _BINARY),
        _string("TransformerSpec"),
        struct.pack("<II", _REVISION, len(own)),
    ]
    for name in own:
        kind, shape, data = variables[name]
        parts += [
            _string(name),
            struct.pack(f"<B{len(shape)}I", len(shape), *shape),
            struct.pack("<BI", _TYPES.index(kind), len(data)),
            data,
        ]
    parts.append(struct.pack("<I", len(aliases)))
    parts += [_string(text) for alias in aliases for text in alias]
    return b"".join(parts)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<H", len(data) + 1) + data + b"\0"


def _marks(source: Sequence[str]) -> dict[str, object]:
    """Say which tokens mark a sentence, and what else the weights do not tell."""
    return {
        "add_source_bos": False,
        "add_source_eos": True,
        "bos_token": source[START],
        "decoder_start_token": source[START],
        "eos_token": source[END],
        "layer_norm_epsilon": _LAYER_NORM_EPSILON,
        "multi_query_attention": False,
        "unk_token": source[UNKNOWN],
    }


def _json(values: object) -> bytes:
    return json.dumps(values, separators=(",\n", ": ")).encode()
