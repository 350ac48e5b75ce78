"""Measure what changing pairs on the fly costs, as a share of the work of training.

    python -m benchmarks.augmentation --data DIR [--rounds 3] [--output FILE.md]

DIR holds train.en and train.de, as `mt data fetch multi30k` leaves them. The model is that of
`configs/multi30k-en-de.yaml`. Processor time on one thread a token: of gathering
batches, and of updates, all in turn, round after round.
"""

import argparse
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.harness import facts, middle, say, table, write_record
from benchmarks.ours import training
from mt.data.augmentation.config import AugmentationConfig
from mt.data.corpora import PlainTextConfig
from mt.data.filters import Selection
from mt.data.mixture import Mixture, prepare
from mt.model.config import TransformerConfig
from mt.text.tokenizer import TokenizerConfig, Tokenizers
from mt.text.tokenizer_training import train_tokenizers
from mt.training.order import Position, TrainingOrder

LEARNT, WARMUP = 12, 4
"""Updates that are timed, after some that are not."""
SCHEDULED = 1000
"""Updates of the run of which these are the first."""
BUDGET = 2048
MODEL = TransformerConfig(
    dim=128, encoder_layers=4, decoder_layers=4, heads=4, feed_forward=256, norm="pre", dropout=0.2
)
LANGUAGES = "en", "de"
NOISE = {"upper_case": 0.07, "title_case": 0.05, "end_marks": 0.2, "typos": 0.05}
CONTENDERS: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "noise": NOISE,
    "word dropout 0.1": {"word_dropout": 0.1},
    "unigram sampling, alpha 0.2": {"subword_regularization": {"kind": "unigram_sampling"}},
    "BPE-dropout 0.1": {"subword_regularization": {"kind": "bpe_dropout"}},
}


def main() -> None:
    """Measure, and write or print the table."""
    options = _parser().parse_args()
    torch.set_num_threads(1)
    corpus = PlainTextConfig(source=options.data / "train.en", target=options.data / "train.de")
    with TemporaryDirectory() as scratch:
        directory = Path(scratch)
        unigram, bpe = (_encode(corpus, name, directory / name) for name in ("unigram", "bpe"))
        times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        shares: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        longer: dict[str, float] = {}
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            learning = _learning(unigram[1])
            plain = 0.0
            for name, values in CONTENDERS.items():
                tokenizers, pairs = bpe if name.startswith("BPE") else unigram
                seconds, longer[name] = _gathering(tokenizers, pairs, values)
                plain = plain or seconds
                times[name].append(1e6 * seconds)
                shares[name].append(100 * (seconds - plain) / learning)
    rows = [
        [name, middle(times[name], 2), middle(shares[name], 1), f"{longer[name]:.2f}"]
        for name in CONTENDERS
    ]
    text = table(
        ["what changes", "µs a token", "% of training a token", "tokens beside the plain ones"],
        rows,
    )
    if options.output:
        write_record(options.output, "What changing pairs costs", facts(1), [], text)
        say(f"written: {options.output}")
    print(text)


def _encode(corpus: PlainTextConfig, algorithm: str, directory: Path) -> tuple[Tokenizers, Mixture]:
    config = TokenizerConfig.parse({"algorithm": algorithm}, "benchmark")
    directory.mkdir()
    tokenizers = train_tokenizers(config, corpus.pairs(), 1, directory)
    selection = Selection(max_tokens=256)
    return tokenizers, prepare([corpus], tokenizers, directory / "store", [selection])


def _gathering(
    tokenizers: Tokenizers, pairs: Mixture, values: Mapping[str, Any]
) -> tuple[float, float]:
    """Gather the first window; return processor seconds a token, and tokens beside plain ones."""
    counts = []
    for section in ({}, values):
        augmenter = AugmentationConfig.parse(section, "benchmark").build(
            tokenizers, LANGUAGES, 256, 1
        )
        order = TrainingOrder(pairs, BUDGET, 1, augmenter)
        began, tokens = time.process_time(), 0
        for group in order.groups(Position(), 1):
            if group.following.window:
                break
            tokens += sum(batch.source_tokens + batch.target_tokens for batch in group.batches)
        seconds = time.process_time() - began
        counts.append(tokens)
    return seconds / counts[1], counts[1] / counts[0]


def _learning(pairs: Mixture) -> float:
    """Train a little; return processor seconds a token."""
    torch.manual_seed(1)
    stream = training(MODEL.build(8000, 8000), pairs, SCHEDULED, "auto")
    for _ in islice(stream, WARMUP):
        pass
    began = time.process_time()
    done = islice(stream, LEARNT)
    tokens = sum(update.source_tokens + update.target_tokens for update in done)
    return (time.process_time() - began) / tokens


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What changing pairs on the fly costs.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="a Markdown file")
    return parser


if __name__ == "__main__":
    main()
