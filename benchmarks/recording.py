"""Measure what recording attention costs while nobody looks: nothing, it is promised.

    python -m benchmarks.recording [--rounds 5] [--output FILE.md]

Three models with the same random weights do the same work on random pieces: one that was never
recorded, one that was recorded once and left alone since, and one that somebody looks at all the
time. Each measurement is a fresh process; ratios are formed within a round, to the first model.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from benchmarks.harness import (
    Contender,
    Contest,
    Measurement,
    facts,
    middle,
    our_environment,
    say,
    table,
    write_record,
)
from benchmarks.ours import CPU, SIZES, RandomPairs, training
from mt import hardware
from mt.allocator import restart_with_tcmalloc
from mt.data.store import PairStore
from mt.inspection import record_attention
from mt.model import EncoderDecoder
from mt.text.tokenizer import END
from mt.translation.engines.torch import TorchEngine

FRESH, ONCE, ALWAYS = "never recorded", "recorded once", "recorded all the time"
VOCABULARY = 8000
SENTENCES = 40
"""Translated by each call; the first call does not count."""
WARMUP = 3
"""Updates that do not count."""
TIMEOUT = 300.0
"""Seconds a process may take."""

Watching = Callable[[], AbstractContextManager[Any]]
"""Makes the block in which a model works."""


def model_with(history: str) -> tuple[EncoderDecoder, Watching]:
    """Build a model, record it once if its history says so, and tell how to watch it from now."""
    torch.manual_seed(1)
    model = SIZES["tiny"].build(VOCABULARY, VOCABULARY)
    if history == ONCE:
        pieces = torch.full((8, 16), END)
        with record_attention(model) as tape:
            model(pieces, pieces)
        assert tape.cross
    return model, partial(record_attention, model) if history == ALWAYS else contextlib.nullcontext


def train(history: str, steps: int) -> Measurement:
    """Time updates of ``mt train``'s own loop, after some that do not count."""
    model, watching = model_with(history)
    stream = training(
        model, cast(PairStore, RandomPairs(vocabulary=VOCABULARY)), WARMUP + steps, "auto"
    )
    tokens, began = 0, 0.0
    for step in range(WARMUP + steps):
        if step == WARMUP:
            tokens, began = 0, time.perf_counter()
        with watching():
            update = next(stream)
        tokens += update.source_tokens + update.target_tokens
    return {"pieces/s": tokens / (time.perf_counter() - began)}


def translate(history: str, calls: int) -> Measurement:
    """Time the torch engine with a beam of 5."""
    hardware.prepare_translation(CPU)
    model, watching = model_with(history)
    engine = TorchEngine(model, CPU)
    batch = RandomPairs(SENTENCES, VOCABULARY).batch(np.arange(SENTENCES))
    sources = [[piece for piece in row if piece > END] for row in batch.source.tolist()]
    began = 0.0
    for call in range(calls + 1):
        if call == 1:
            began = time.perf_counter()
        with watching():
            engine.generate(sources, beam=5, length_penalty=1.0)
    return {"sentences/s": SENTENCES * calls / (time.perf_counter() - began)}


WORK: dict[str, tuple[Callable[[str, int], Measurement], str]] = {
    "training": (train, "pieces/s"),
    "translation": (translate, "sentences/s"),
}
"""What a model does, and the rate that is compared."""


def contest(options: argparse.Namespace, work: str) -> Contest:
    """Set up the three models at the same work."""
    count = str(options.steps if work == "training" else options.calls)
    contenders = [
        Contender(
            history,
            [sys.executable, "-m", "benchmarks.recording", "--measure", work, history, count],
            our_environment(options.threads),
        )
        for history in (FRESH, ONCE, ALWAYS)
    ]
    return Contest(work, FRESH, WORK[work][1], contenders)


def describe(contest: Contest) -> str:
    """Write the table of one kind of work."""
    rows = [
        [
            each.name,
            middle(contest.values(each.name, contest.rate)),
            middle(contest.ratios(each.name), 3),
            middle(contest.values(each.name, "peak_rss_mb")),
        ]
        for each in contest.contenders
    ]
    head = ["model", f"{contest.rate}, median (range)", f"× {FRESH}", "peak memory, MB"]
    return f"## {contest.title.capitalize()}\n\n{table(head, rows)}\n"


def measure(work: str, history: str, count: str) -> None:
    """Measure once and print a line of JSON."""
    if work == "training":
        restart_with_tcmalloc()  # as `mt train` does
    measured = WORK[work][0](history, int(count))
    memory = {"peak_rss_mb": hardware.peak_memory() / 2**20, "threads": torch.get_num_threads()}
    print(json.dumps(measured | memory))


def main() -> None:
    """Measure, round by round, and write or print the tables."""
    options = _parser().parse_args()
    if options.measure:
        measure(*options.measure)
        return
    about = facts(options.threads)
    about["model"] = f"a Transformer of 4+4 layers of width 128 and {VOCABULARY:,} random pieces"
    about["training"] = f"{options.steps} updates, after {WARMUP} that do not count"
    about["translation"] = f"{options.calls} times {SENTENCES} sentences, beam 5, after once"
    contests = [contest(options, work) for work in WORK]
    for _ in range(options.rounds):
        for one in contests:
            one.run_round(TIMEOUT)
    text = "\n".join(map(describe, contests))
    if options.output:
        write_record(options.output, "What recording attention costs", about, contests, text)
        say(f"written: {options.output}")
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What recording attention costs.")
    parser.add_argument("--steps", type=int, default=10, help="timed updates of each run")
    parser.add_argument("--calls", type=int, default=2, help="timed translations of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument(
        "--measure", nargs=3, metavar=("WORK", "MODEL", "COUNT"), help="one measurement, as JSON"
    )
    return parser


if __name__ == "__main__":
    main()
