"""Measure what each of our ways to make a CPU train fast is worth: switch them off one at a time.

    python -m benchmarks.levers [--data DATA] [--size tiny] [--output FILE.md]

Each measurement is a fresh process that trains by ``mt train``'s own loop. Ratios are formed within
a round, to the run with every lever at the same precision.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.harness import (
    Contender,
    Contest,
    facts,
    middle,
    our_command,
    our_environment,
    say,
    table,
    write_record,
)

EVERYTHING = "every lever"
MEANINGS = {
    "native": "torch's operations, not compiled kernels",
    "onednn": "float32 products through MKL, not oneDNN",
    "allocator": "glibc's allocator and its own thresholds for freed memory",
    "attention": "torch's fused attention, not plain products",
    "dropout": "torch's dropout, not a byte an element, where no compiled kernel drops",
    "loss": "torch's cross-entropy over all logits at once",
    "adam": "AdamW parameter by parameter, not fused",
}


def contest(options: argparse.Namespace, precision: str, store: Path) -> Contest:
    """Set up the run with every lever, each run without one, and the run without any."""
    common: list[str | Path] = [
        "train", "--size", options.size, "--steps", str(options.steps),
        "--warmup", str(options.warmup), "--precision", precision,
    ]  # fmt: skip
    if options.data:
        common += ["--data", options.data.absolute(), "--store", store]
    variants: dict[str, list[str]] = {EVERYTHING: []}
    variants |= {meaning: [lever] for lever, meaning in MEANINGS.items()}
    variants["none of these levers"] = list(MEANINGS)
    environment = our_environment(options.threads)
    contenders = [
        Contender(
            name, our_command(*[f"--without={lever}" for lever in left], *common), environment
        )
        for name, left in variants.items()
    ]
    return Contest(f"training, {options.size}, {precision}", EVERYTHING, "tokens_per_s", contenders)


def describe(contest: Contest) -> str:
    """Write the table of one precision."""
    rows = []
    for contender in contest.contenders:
        name = contender.name
        ratios = contest.ratios(name)
        rows.append(
            [
                name,
                middle(contest.values(name, "tokens_per_s")),
                middle(ratios, 2),
                middle(contest.values(name, "peak_rss_mb")),
                middle(contest.values(name, "loss"), 2),
            ]
        )
    head = ["instead", "tokens/s, median (range)", "× every lever", "peak memory, MB", "loss"]
    return f"## {contest.title}\n\n{table(head, rows)}\n\n"


def bf16_gain(automatic: Contest, plain: Contest) -> str:
    """Say what bf16 brings with every lever pulled."""
    pairs = zip(
        automatic.values(EVERYTHING, "tokens_per_s"),
        plain.values(EVERYTHING, "tokens_per_s"),
        strict=False,
    )
    ratios = [below / above for above, below in pairs]
    return f"Every lever, fp32 against auto: × {middle(ratios, 2)}.\n"


def main() -> None:
    """Measure, round by round, and write or print the tables."""
    options = _parser().parse_args()
    about = facts(options.threads)
    about["pairs"] = "Multi30k" if options.data else "random tokens in lengths like Multi30k's"
    about["updates"] = f"{options.steps} of each run, after {options.warmup} that do not count"
    with tempfile.TemporaryDirectory() as store:
        contests = [contest(options, precision, Path(store)) for precision in options.precisions]
        for _ in range(options.rounds):
            for one in contests:
                one.run_round(options.timeout)
    text = "".join(describe(one) for one in contests)
    text += "Loss: of the last update, in nats per target token; the same batches everywhere.\n"
    if len(contests) == 2:
        text += bf16_gain(*contests)
    if options.output:
        write_record(options.output, "What each lever is worth", about, contests, text)
        say(f"written: {options.output}")
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What each lever of training on a CPU is worth.")
    parser.add_argument("--data", type=Path, help="output of prepare_data.py; else random pairs")
    parser.add_argument("--size", choices=("tiny", "small"), default="tiny")
    parser.add_argument("--steps", type=int, default=15, help="timed updates of each run")
    parser.add_argument("--warmup", type=int, default=5, help="updates before, not timed")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    both = ("auto", "fp32")
    parser.add_argument("--precisions", nargs="+", choices=both, default=both)
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds a process may take")
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    return parser


if __name__ == "__main__":
    main()
