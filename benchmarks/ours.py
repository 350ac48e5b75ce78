"""One measurement of our side, in a process of its own; speed.py and levers.py start it.

    python -m benchmarks.ours train --size tiny --steps 30 [--data DATA --store STORE]
    python -m benchmarks.ours translate --model MODEL --data DATA --beam 5 INPUT OUTPUT

The last line of stdout is JSON.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.hf_weights import load_marian
from mt import allocator, hardware
from mt.allocator import restart_with_tcmalloc
from mt.data.batches import Batch
from mt.data.corpora import PlainTextConfig
from mt.data.epochs import Epochs
from mt.data.filters import Selection
from mt.data.mixture import Mixture, prepare
from mt.data.store import Lengths
from mt.devices import Precision
from mt.kernels import attention, native, residual
from mt.model import layers
from mt.model.config import TransformerConfig
from mt.model.contract import EncoderDecoder, count_parameters
from mt.text.tokenizer import END, PAD, UNKNOWN, Tokenizer, Tokenizers
from mt.training import objective
from mt.training.config import AdamWConfig, InverseSquareRootConfig, TrainingConfig
from mt.training.loop import Update, updates
from mt.training.objective import Objective
from mt.training.order import Position, TrainingOrder
from mt.training.processes import own_place, start_others
from mt.training.randomness import give_own_state
from mt.training.world import SingleProcess, World, join
from mt.translation.config import BeamConfig
from mt.translation.engines.torch import TorchEngine

SIZES = {
    "tiny": TransformerConfig(
        dim=128, feed_forward=256, heads=4, encoder_layers=4, decoder_layers=4, dropout=0.3,
        norm="post",
    ),
    "small": TransformerConfig(
        dim=256, feed_forward=1024, heads=4, encoder_layers=3, decoder_layers=3, dropout=0.1,
        norm="post",
    ),
    "base": TransformerConfig(
        dim=512, feed_forward=2048, heads=8, encoder_layers=6, decoder_layers=6, dropout=0.1,
        norm="post",
    ),
}  # fmt: skip
BATCH_TOKENS = 4096
MEAN_LENGTHS = 16, 16
"""Source and target tokens of a pair of Multi30k, end marks included, rounded."""
CPU = torch.device("cpu")


class RandomPairs:
    """Stands in for a store where there is no corpus: random tokens in lengths like Multi30k's.

    29,000 pairs of 15.7 source and 16.2 target tokens on average, end marks included.
    """

    def __init__(self, pairs: int = 29_000, vocabulary: int = 8000) -> None:
        self._generator = np.random.default_rng(1)
        self._vocabulary = vocabulary
        source = self._generator.gamma(shape=9.0, scale=15.7 / 9.0, size=pairs)
        target = source * self._generator.normal(16.2 / 15.7, 0.15, size=pairs)
        self._lengths = Lengths(
            *(side.round().clip(3, 60).astype(np.int32) for side in (source, target))
        )

    def epochs(self, seed: int) -> Epochs:
        """Order the pairs."""
        pairs = len(self._lengths.source)
        return Epochs((pairs,), (Fraction(pairs),), seed)

    def lengths(self, indices: np.ndarray[Any, Any]) -> Lengths:
        """Tell how long pairs are."""
        return Lengths(*(side[indices] for side in self._lengths))

    def batch(self, indices: np.ndarray[Any, Any]) -> Batch:
        """Make up the tokens of some pairs."""
        return Batch.of(*map(self._rows, self.lengths(indices)))

    def _rows(self, lengths: np.ndarray[Any, Any]) -> Tensor:
        shape = (len(lengths), int(lengths.max()))
        tokens = self._generator.integers(END + 1, self._vocabulary, size=shape)
        columns = np.arange(shape[1])
        tokens[columns == lengths[:, None] - 1] = END
        tokens[columns >= lengths[:, None]] = PAD
        return torch.from_numpy(tokens)


def open_pairs(data: Path, store: Path) -> tuple[Mixture, int]:
    """Encode the training pairs, as ``mt train`` does, with the tokens the others train on.

    Returns:
        The pairs, and the size of the vocabulary.

    Raises:
        ValueError: If these are not the tokens that the others read.
    """
    tokenizer = Tokenizer.load(data / "spm.model")
    corpus = PlainTextConfig(source=data / "train.en", target=data / "train.de")
    pairs = prepare(
        [corpus], Tokenizers(tokenizer, tokenizer), store, [Selection(max_tokens=BATCH_TOKENS)]
    )
    sides = pairs.lengths(np.arange(len(pairs)))
    for language, lengths in zip(("en", "de"), sides, strict=True):
        with (data / f"train.sp.{language}").open(encoding="utf-8", newline="\n") as lines:
            theirs = sum(line.count(" ") + 2 for line in lines)
        if theirs != int(lengths.sum()):
            found = f"{lengths.sum():,}"
            raise ValueError(f"train.{language}: expected {theirs:,} tokens, but found {found}")
    return pairs, tokenizer.size


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Time updates of ``mt train``'s own loop, after some that do not count."""
    with start_others(own_place(options.processes)) as place, join(place, CPU) as world:
        if options.pin:
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[world.rank % len(cores)]})
        return _train(options, world)


def _train(options: argparse.Namespace, world: World) -> dict[str, Any]:
    """Time them in one of the processes."""
    torch.manual_seed(1)
    if options.data is None:
        pairs, vocabulary = cast(Mixture, RandomPairs()), 8000
    else:
        pairs, vocabulary = open_pairs(options.data, options.store)
    model = SIZES[options.size].build(vocabulary, vocabulary)
    give_own_state(world)
    count = options.warmup + options.steps
    stream = training(
        model, pairs, count, options.precision, world=world, batch_tokens=options.batch_tokens
    )
    done, seconds = _timed(stream, options.warmup)
    tokens = sum(update.source_tokens + update.target_tokens for update in done)
    return {
        "tokens_per_s": tokens / seconds,
        "s_per_step": seconds / len(done),
        "steps": len(done),
        "loss": float(done[-1].smoothed) / done[-1].target_tokens,
        "params": count_parameters(model),
        "processes": world.size,
        "rank": world.rank,
        "precision": options.precision,
        "computes_bf16": options.precision != "fp32" and hardware.computes_bfloat16(CPU),
    }


def training(
    model: EncoderDecoder,
    pairs: Mixture,
    count: int,
    precision: Precision,
    *,
    world: World | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Iterator[Update]:
    """Set up some updates of ``mt train``'s own loop."""
    allocator.keep_freed_memory(one_heap=True)
    hardware.prepare_training(CPU, precision)
    schedule = InverseSquareRootConfig(warmup=400)
    config = TrainingConfig(
        updates=max(count, schedule.warmup),
        batch_tokens=batch_tokens,
        precision=precision,
        schedule=schedule,
    )
    order = TrainingOrder(pairs, config.batch_tokens, seed=1)
    return updates(
        model,
        Objective(config.label_smoothing),
        islice(order.groups(Position(), config.accumulate), count),
        config.optimizer.build(model),
        config.rate,
        world or SingleProcess(),
        clip_norm=config.clip_norm,
        precision=config.precision,
        device=CPU,
    )


def _timed(stream: Iterator[Update], warmup: int) -> tuple[list[Update], float]:
    """Let the first updates pass, then collect the rest and the seconds they took."""
    for _ in range(warmup):
        next(stream)
    began = time.perf_counter()
    done = list(stream)
    return done, time.perf_counter() - began


def ceiling(options: argparse.Namespace) -> dict[str, Any]:
    """Say how many tokens a second could be trained on if training were nothing but products.

    Those of a pair of mean length, forward and twice as many backward, at the rate that a single
    large product reaches, in bf16 where training would use it.
    """
    model = SIZES[options.size].build(8000, 8000).eval()
    source, target = (torch.full((1, length), END + 1) for length in MEAN_LENGTHS)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.output(model(source, target))
    hardware.prepare_training(CPU, "auto")
    bf16 = hardware.uses_bfloat16(CPU, "auto")
    factor = torch.randn(2048, 2048).to(torch.bfloat16 if bf16 else torch.float32)
    least = math.inf
    for _ in range(20):
        began = time.perf_counter()
        factor @ factor
        least = min(least, time.perf_counter() - began)
    rate = 2 * len(factor) ** 3 / least
    tokens = sum(MEAN_LENGTHS)
    return {
        "tokens_per_s": rate * tokens / (3 * counter.get_total_flops()),
        "gflops": rate / 1e9,
    }


def translate(options: argparse.Namespace) -> dict[str, Any]:
    """Time the torch engine on the test set with a Marian model's weights; loading is apart."""
    allocator.keep_freed_memory()
    began = time.perf_counter()
    engine = TorchEngine(load_marian(options.model), CPU)
    tokenizer = Tokenizer.load(options.data / "spm.model")
    sources = read_tokens(options.input, options.data)
    loaded = time.perf_counter()
    found = [best for best, *_ in engine.submit(sources, BeamConfig(size=options.beam))()]
    known = [[token for token in one.tokens if token < tokenizer.size] for one in found]
    lines = tokenizer.decode(known)
    seconds = time.perf_counter() - loaded
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "sent_per_s": len(lines) / seconds,
        "out_tokens_per_s": sum(len(one.tokens) + 1 for one in found) / seconds,
        "seconds": seconds,
        "load_s": loaded - began,
        "sentences": len(lines),
        "beam": options.beam,
    }


def read_tokens(path: Path, data: Path) -> list[list[int]]:
    """Read a file of named tokens as numbers, as the others do."""
    names = (data / "vocab.pieces").read_text(encoding="utf-8").split("\n")[:-1]
    numbers = {name: number for number, name in enumerate(names)}
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [[numbers.get(token, UNKNOWN) for token in line.split(" ")] for line in lines]


def _without_onednn() -> None:
    hardware.route_float32_matmul_through_onednn = lambda: False


def _without_allocator() -> None:
    allocator.keep_freed_memory = lambda **_: False  # type: ignore[assignment]


def _without_cpu_attention() -> None:
    attention.FUSED_FROM = 0


def _without_compiled_kernels() -> None:
    native.enable = lambda: False


def _without_byte_dropout() -> None:
    for module in (layers, residual):
        module.dropout = F.dropout  # type: ignore[attr-defined]


def _without_chunked_loss() -> None:
    def whole(
        states: Tensor, output: nn.Linear, targets: Tensor, smoothing: float, _soft: object
    ) -> tuple[Tensor, Tensor]:
        loss = F.cross_entropy(
            output(states).float(), targets, reduction="sum", label_smoothing=smoothing
        )
        return loss, loss.detach()  # the plain loss, a by-product of ours, is not computed

    objective.chunked_cross_entropy = whole  # type: ignore[attr-defined, assignment]


def _without_fused_adam() -> None:
    def build(self: AdamWConfig, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            model.parameters(), lr=self.learning_rate, betas=self.betas, eps=self.epsilon,
            weight_decay=self.weight_decay,
        )  # fmt: skip

    AdamWConfig.build = build  # type: ignore[method-assign]


LEVERS: dict[str, Callable[[], None]] = {
    "native": _without_compiled_kernels,
    "onednn": _without_onednn,
    "allocator": _without_allocator,
    "attention": _without_cpu_attention,
    "dropout": _without_byte_dropout,
    "loss": _without_chunked_loss,
    "adam": _without_fused_adam,
}
"""What each lever's absence means: torch's own way instead of ours."""


def main() -> None:
    """Measure once and print a line of JSON."""
    options = _parser().parse_args()
    if options.measure is train and "allocator" not in options.without:
        restart_with_tcmalloc()  # as `mt train` does
    if options.threads:
        torch.set_num_threads(options.threads)
    for lever in options.without:
        LEVERS[lever]()
    measured = options.measure(options) | {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "preloaded": os.environ.get("LD_PRELOAD", ""),
        "peak_rss_mb": hardware.peak_memory() / 2**20,
    }
    if not measured.get("rank"):
        print(json.dumps(measured))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="One measurement of our side.")
    parser.add_argument("--threads", type=int, default=0, help="0: as OMP_NUM_THREADS says")
    parser.add_argument(
        "--without", action="append", choices=LEVERS, default=[], help="leave a lever alone"
    )
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train")
    training.set_defaults(measure=train)
    training.add_argument("--size", choices=SIZES, default="tiny")
    training.add_argument("--steps", type=int, default=30)
    training.add_argument("--warmup", type=int, default=10)
    training.add_argument("--batch-tokens", type=int, default=BATCH_TOKENS)
    training.add_argument("--processes", type=int, help="that train together; else one")
    training.add_argument("--pin", action="store_true", help="each process to a core of its own")
    training.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    training.add_argument("--data", type=Path, help="output of prepare_data.py; else random pairs")
    training.add_argument("--store", type=Path, help="where encoded pairs are kept")
    products = commands.add_parser("ceiling")
    products.set_defaults(measure=ceiling)
    products.add_argument("--size", choices=SIZES, default="tiny")
    decoding = commands.add_parser("translate")
    decoding.set_defaults(measure=translate)
    decoding.add_argument("--model", type=Path, required=True, help="Hugging Face Marian model")
    decoding.add_argument("--data", type=Path, required=True, help="output of prepare_data.py")
    decoding.add_argument("--beam", type=int, default=5)
    decoding.add_argument("input", type=Path, help="tokens, by name")
    decoding.add_argument("output", type=Path)
    return parser


if __name__ == "__main__":
    main()
