"""Write the logits of a Hugging Face Marian model for some test pairs.

Part of ``benchmarks/hf_weights.py``. Runs in the peers' environment, and imports nothing of ours.

    python hf_logits.py MODEL DATA OUTPUT
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PAIRS = 64
"""Test pairs that are compared."""
OUR_PAD, END, UNKNOWN = 0, 3, 1


def main() -> None:
    """Read, compute, write."""
    directory, data, output = (Path(argument) for argument in sys.argv[1:4])
    # By name, as these libraries need not be where our types are checked.
    transformers: Any = importlib.import_module("transformers")
    files: Any = importlib.import_module("safetensors.torch")
    model = transformers.MarianMTModel.from_pretrained(directory).eval()
    pad = int(model.config.pad_token_id)
    source, target = (_read(data, language) for language in ("en", "de"))
    pieces, written = _rectangle(source, pad), _rectangle(target, pad)
    read = torch.cat((torch.full((len(target), 1), pad), written[:, :-1]), dim=1)
    with torch.inference_mode():
        logits = model(
            input_ids=pieces, attention_mask=(pieces != pad).long(), decoder_input_ids=read
        ).logits
    tensors = {
        "source": pieces.masked_fill(pieces == pad, OUR_PAD),
        "target": read,
        "real": (written != pad).to(torch.uint8),
        "logits": logits.contiguous(),
    }
    files.save_file(tensors, output)
    print(json.dumps({"pairs": len(source)}))


def _read(data: Path, language: str) -> list[list[int]]:
    names = (data / "vocab.pieces").read_text(encoding="utf-8").split("\n")[:-1]
    numbers = {name: number for number, name in enumerate(names)}
    lines = (data / f"test_2016_flickr.sp.{language}").read_text(encoding="utf-8").split("\n")
    return [
        [numbers.get(piece, UNKNOWN) for piece in line.split(" ")] + [END] for line in lines[:PAIRS]
    ]


def _rectangle(rows: list[list[int]], pad: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])


if __name__ == "__main__":
    main()
