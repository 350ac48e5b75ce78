"""Load a Marian model of Hugging Face transformers into our Transformer, and check the two agree.

    python -m benchmarks.hf_weights --peers PEERS --data DATA --model MODEL

Marian's post-norm Transformer computes what ours does: sinusoids in halves, embeddings times
``sqrt(dim)``, one table for source, target and output. One thing differs: Marian's decoder first
reads its padding piece, whose vector is zero, where ours reads ``START``. So two rows of the one
table change places: ``START`` gets the zero vector, as input and as output, and Marian's own start
piece, which no sentence holds, gets the number of the padding piece. That renames two pieces and
changes no number: every logit, their softmax and the search over them stay those of the original.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.harness import Contender, environment, run
from mt.model.config import TransformerConfig
from mt.model.transformer import Transformer
from mt.text.tokenizer import START

_EXPECTED = {
    "model_type": "marian", "activation_function": "relu", "scale_embedding": True,
    "share_encoder_decoder_embeddings": True, "tie_word_embeddings": True,
}  # fmt: skip
_TABLES = ("model.shared.weight", "lm_head.weight", "model.encoder.embed_tokens.weight")


def load_marian(directory: Path) -> Transformer:
    """Build our Transformer with the weights of a Marian model directory.

    Its vocabulary is Marian's, with :data:`START` and the decoder's start piece exchanged.

    Raises:
        ValueError: If the model computes something that our Transformer does not.
    """
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    weights = load_file(directory / "model.safetensors")
    _check(config, weights)
    size = config["vocab_size"]
    model = _shape(config).build(size, size)
    ours = _translate(config, weights)
    parameters = dict(model.named_parameters())
    if ours.keys() != parameters.keys():
        raise ValueError(f"weights: expected a match, but found {ours.keys() ^ parameters.keys()}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(ours[name])
    return model.eval()


def exchange(pieces: Tensor, marians_start: int) -> Tensor:
    """Rename the two pieces that change places; the same function leads back."""
    renamed = pieces.masked_fill(pieces == START, marians_start)
    return renamed.masked_fill(pieces == marians_start, START)


def _check(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    for name, expected in _EXPECTED.items():
        if config.get(name) != expected:
            raise ValueError(f"{name}: expected {expected!r}, but found {config.get(name)!r}")
    if config["encoder_attention_heads"] != config["decoder_attention_heads"]:
        raise ValueError("heads: expected as many in the encoder as in the decoder")
    if config["encoder_ffn_dim"] != config["decoder_ffn_dim"]:
        raise ValueError("feed_forward: expected one width for encoder and decoder")
    bias = weights.get("final_logits_bias")
    if bias is not None and bias.any():
        raise ValueError("final_logits_bias: expected none, but found one that is not zero")


def _shape(config: Mapping[str, Any]) -> TransformerConfig:
    return TransformerConfig(
        dim=config["d_model"],
        encoder_layers=config["encoder_layers"],
        decoder_layers=config["decoder_layers"],
        heads=config["encoder_attention_heads"],
        feed_forward=config["encoder_ffn_dim"],
        norm="post",
        dropout=config["dropout"],
    )


def _translate(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give Marian's weights our names; queries, keys and values become one matrix."""
    table = next(weights[name] for name in _TABLES if name in weights)
    order = exchange(torch.arange(len(table)), config["decoder_start_token_id"])
    ours = {"source_embedding.table": table[order]}
    for index in range(config["encoder_layers"]):
        theirs, mine = f"model.encoder.layers.{index}.", f"encoder.{index}."
        ours |= _attention(weights, theirs + "self_attn", mine, "self_attention")
        ours |= _feed_forward(weights, theirs, mine)
    for index in range(config["decoder_layers"]):
        theirs, mine = f"model.decoder.layers.{index}.", f"decoder.{index}."
        ours |= _attention(weights, theirs + "self_attn", mine, "self_attention")
        ours |= _attention(weights, theirs + "encoder_attn", mine, "cross_attention")
        ours |= _feed_forward(weights, theirs, mine)
    return ours


def _attention(
    weights: Mapping[str, Tensor], theirs: str, layer: str, name: str
) -> dict[str, Tensor]:
    ours: dict[str, Tensor] = {}
    for part in ("weight", "bias"):
        projections = [weights[f"{theirs}.{side}_proj.{part}"] for side in "qkv"]
        ours[f"{layer}{name}.in_proj.{part}"] = torch.cat(projections)
        ours[f"{layer}{name}.out_proj.{part}"] = weights[f"{theirs}.out_proj.{part}"]
        ours[f"{layer}{name}_residual.norm.{part}"] = weights[f"{theirs}_layer_norm.{part}"]
    return ours


def _feed_forward(weights: Mapping[str, Tensor], theirs: str, layer: str) -> dict[str, Tensor]:
    names = {
        "fc1": "feed_forward.linear1",
        "fc2": "feed_forward.linear2",
        "final_layer_norm": "feed_forward_residual.norm",
    }
    return {
        f"{layer}{mine}.{part}": weights[f"{theirs}{name}.{part}"]
        for name, mine in names.items()
        for part in ("weight", "bias")
    }


@torch.inference_mode()
def largest_difference(model: Transformer, reference: Mapping[str, Tensor], start: int) -> float:
    """Compare our logits with those that the other program computed for the same pieces.

    Args:
        model: From :func:`load_marian`.
        reference: From ``benchmarks/hf_logits.py``: ``source`` with our padding, ``target`` as the
            decoder reads it, ``real`` where it is no padding, and ``logits``.
        start: Marian's start piece.
    """
    states = model(reference["source"], exchange(reference["target"], start))
    logits = model.output(states)[:, :, exchange(torch.arange(reference["logits"].size(-1)), start)]
    real = reference["real"].bool()
    return float((logits[real] - reference["logits"][real]).abs().max())


def main() -> None:
    """Compare the logits of some test sentences."""
    parser = argparse.ArgumentParser(description="Check that converted weights compute the same.")
    parser.add_argument("--peers", type=Path, required=True, help="folder with v-hf/")
    parser.add_argument("--data", type=Path, required=True, help="output of prepare_data.py")
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face model directory")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    model_directory = options.model.absolute()
    config = json.loads((model_directory / "config.json").read_text(encoding="utf-8"))
    python = options.peers.absolute() / "v-hf/bin/python"
    program = Path(__file__).with_name("hf_logits.py")
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "logits.safetensors"
        command = [python, program, model_directory, options.data.absolute(), output]
        if run(Contender("hf_logits", command, environment(options.threads)), timeout=600) is None:
            raise SystemExit(1)
        reference = load_file(output)
    torch.set_num_threads(options.threads)
    start = config["decoder_start_token_id"]
    difference = largest_difference(load_marian(model_directory), reference, start)
    scale = float(reference["logits"].abs().max())
    print(
        f"{len(reference['source'])} sentence pairs, {int(reference['real'].sum())} target pieces: "
        f"logits differ by at most {difference:.2e} (largest logit {scale:.1f})"
    )


if __name__ == "__main__":
    main()
