"""Measure what recording attention costs while nobody looks: nothing, it is promised.

    python -m benchmarks.recording [--rounds 5] [--output FILE.md]

A process holds two models with the same random weights, which do the same work on random tokens in
turn, an update or a batch of translations at a time: one that was never recorded, and one that
(a) was not either, which shows how exact the measurement is, (b) was recorded once and left alone
since, or (c) is looked at all the time.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch

from benchmarks.harness import (
    Contender,
    Contest,
    facts,
    middle,
    our_environment,
    say,
    table,
    write_record,
)
from benchmarks.ours import CPU, SIZES, RandomPairs, training
from mt import allocator, hardware
from mt.allocator import restart_with_tcmalloc
from mt.data.mixture import Mixture
from mt.inspection.recorder import record_attention
from mt.model.contract import EncoderDecoder
from mt.text.tokenizer import END
from mt.translation.config import BeamConfig
from mt.translation.engines.torch import TorchEngine

FRESH, ONCE, ALWAYS = "never recorded", "recorded once", "recorded all the time"
VOCABULARY = 8000
SENTENCES = 8
"""Translated at a time."""
WARMUP = 3
"""Turns that do not count."""
MOST_TURNS = 10_000
"""Updates that a training would go on for."""
TIMEOUT = 600.0
"""Seconds a process may take."""

Turn = Callable[[], object]
"""Does one update or translates one batch."""


def model_with(history: str) -> EncoderDecoder:
    """Build a model, and record it once if its history says so."""
    torch.manual_seed(1)
    model = SIZES["tiny"].build(VOCABULARY, VOCABULARY)
    if history == ONCE:
        tokens = torch.full((8, 16), END)
        with record_attention(model) as record:
            model(tokens, tokens)
        assert record.cross
    return model


def watched(turn: Turn, model: EncoderDecoder, history: str) -> Turn:
    """Look at the model during each turn if its history says so."""
    if history != ALWAYS:
        return turn

    def looking() -> None:
        with record_attention(model):
            turn()

    return looking


def training_turn(history: str) -> Turn:
    """Set up updates of ``mt train``'s own loop."""
    model = model_with(history)
    pairs = cast(Mixture, RandomPairs(vocabulary=VOCABULARY))
    stream = training(model, pairs, MOST_TURNS, "auto")
    return watched(partial(next, stream), model, history)


def translation_turn(history: str) -> Turn:
    """Set up searches of the torch engine with a beam of 5."""
    allocator.keep_freed_memory()
    model = model_with(history).eval()
    engine = TorchEngine(model, CPU)
    batch = RandomPairs(SENTENCES, VOCABULARY).batch(np.arange(SENTENCES))
    sources = [[token for token in row if token > END] for row in batch.source.tolist()]
    return watched(engine.submit(sources, BeamConfig(size=5)), model, history)


WORK: dict[str, Callable[[str], Turn]] = {
    "training": training_turn,
    "translation": translation_turn,
}


def contest(options: argparse.Namespace, work: str) -> Contest:
    """Set up the three histories at the same work."""
    contenders = [
        Contender(
            history,
            [sys.executable, "-m", "benchmarks.recording", "--turns", str(options.turns),
             "--measure", work, history],
            our_environment(options.threads),
        )
        for history in (FRESH, ONCE, ALWAYS)
    ]  # fmt: skip
    return Contest(work, FRESH, "relative speed", contenders)


def describe(contest: Contest) -> str:
    """Write the table of one kind of work."""
    rows = [
        [
            each.name,
            middle(contest.values(each.name, contest.rate), 3),
            middle(contest.values(each.name, "peak_rss_mb")),
        ]
        for each in contest.contenders
    ]
    head = ["model", f"speed, × {FRESH}, median (range) of rounds", "peak memory of both, MB"]
    return f"## {contest.title.capitalize()}\n\n{table(head, rows)}\n"


def measure(work: str, history: str, turns: int) -> None:
    """Let a fresh model and the other take turns, and print a line of JSON."""
    if work == "training":
        restart_with_tcmalloc()  # as `mt train` does
    contestants = [WORK[work](each) for each in (FRESH, history)]
    ratios = []
    for turn in range(WARMUP + turns):
        order = [0, 1] if turn % 2 else [1, 0]  # the second may profit from the first
        seconds = [0.0, 0.0]
        for place in order:
            began = time.perf_counter()
            contestants[place]()
            seconds[place] = time.perf_counter() - began
        if turn >= WARMUP:
            ratios.append(seconds[0] / seconds[1])
    print(
        json.dumps(
            {
                "relative speed": statistics.median(ratios),
                "turns": ratios,
                "peak_rss_mb": hardware.peak_memory() / 2**20,
                "threads": torch.get_num_threads(),
            }
        )
    )


def main() -> None:
    """Measure, round by round, and write or print the tables."""
    options = _parser().parse_args()
    if options.measure:
        work, history = options.measure
        measure(work, history, options.turns)
        return
    about = facts(options.threads)
    about["model"] = f"a Transformer of 4+4 layers of width 128 and {VOCABULARY:,} random tokens"
    about["turns of a round"] = (
        f"{options.turns}, after {WARMUP} that do not count; an update of training, or "
        f"{SENTENCES} sentences translated with a beam of 5"
    )
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
    parser.add_argument("--turns", type=int, default=20, help="of each model in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument(
        "--measure", nargs=2, metavar=("WORK", "MODEL"), help="one measurement, as JSON"
    )
    return parser


if __name__ == "__main__":
    main()
