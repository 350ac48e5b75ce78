"""Measure how corpora become batches: encoding, planning and training, in time and memory.

    python -m benchmarks.store [--pairs 1000000] [--folder DIR] [--rounds 1] [--output FILE.md]

Text is made up: sentences of about 14 words from 20,000, the frequent ones as frequent as in a
language. SentencePiece alone encodes both sides in parallel, in blocks that are in memory, and
keeps nothing; ours reads the files, filters pairs, writes the store and its checksums; the library
``datasets`` reads the same files and maps an encoder over them in two processes. Then ``mt train``
makes some updates of a tiny model, from the recipe to the bundle, and the batches of an epoch are
planned. Every measurement is a process of its own.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from benchmarks.harness import (
    Contender,
    Contest,
    Measurement,
    facts,
    middle,
    our_environment,
    run,
    say,
    table,
    write_record,
)
from mt.data.corpora import PlainTextConfig
from mt.data.filters import Selection
from mt.data.planning import plan_batches
from mt.data.store import prepare_store
from mt.text.tokenizer import TokenizerConfig, Tokenizers
from mt.text.tokenizer_training import train_tokenizers

WORDS, MEAN_WORDS, VOCABULARY = 20_000, 14, 8000
BLOCK = 100_000
"""Lines written, or encoded by SentencePiece alone, at a time."""
BUDGET = 4096
"""Tokens of a batch."""
THREADS = 2
UPDATES = 20
TIMEOUT = 7200.0
"""Seconds a process may take."""
RATE = "pairs a second"
ALONE, OURS, DATASETS = "SentencePiece alone", "mt", "datasets, map in 2 processes"


def write_text(folder: Path, pairs: int) -> dict[str, Any]:
    """Write two files of made-up sentences and a few pairs to validate on; learn a tokenizer."""
    generator = np.random.default_rng(1)
    lexicons = [_words(generator, letters) for letters in ("aeioubdfgklmnrst", "aeouychjklmnprvz")]
    frequencies = 1 / np.arange(1, WORDS + 1)
    bounds = np.cumsum(frequencies / frequencies.sum())
    for name, count in (("dev", 200), ("train", pairs)):
        with (
            (folder / f"{name}.xx").open("w") as source,
            (folder / f"{name}.yy").open("w") as target,
        ):
            for start in range(0, count, BLOCK):
                lengths = generator.poisson(MEAN_WORDS, min(BLOCK, count - start)) + 1
                ids = np.searchsorted(bounds, generator.random(lengths.sum()) * bounds[-1])
                for file, lexicon in zip((source, target), lexicons, strict=True):
                    words = lexicon[ids].tolist()
                    begin = 0
                    for end in np.cumsum(lengths).tolist():
                        file.write(" ".join(words[begin:end]) + "\n")
                        begin = end
    learnt_from = islice(corpus_in(folder).pairs(), BLOCK)
    train_tokenizers(TokenizerConfig(size=VOCABULARY), learnt_from, 1, folder)
    return {}


def _words(generator: np.random.Generator, letters: str) -> np.ndarray[Any, Any]:
    """Make up different words, the first the shortest."""
    words: dict[str, None] = {}
    while len(words) < WORDS:
        length = 2 + int(np.log2(len(words) + 1) / 2)
        words["".join(generator.choice(list(letters), length))] = None
    return np.array(list(words), object)


def measured(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do some work, and say what it took: of this process and of those it started."""
    began = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": seconds,
        "cpu_seconds": sum(each.ru_utime + each.ru_stime for each in used),
        "peak_rss_mb": max(each.ru_maxrss for each in used) / 1024,
    } | found


def corpus_in(folder: Path) -> PlainTextConfig:
    """Name the files that are encoded."""
    return PlainTextConfig(source=folder / "train.xx", target=folder / "train.yy")


def alone(folder: Path) -> dict[str, Any]:
    """Encode both sides in parallel, a block at a time; reading is not counted."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    seconds = cpu_seconds = 0.0
    with (folder / "train.xx").open() as source, (folder / "train.yy").open() as target:
        while block := list(islice(source, BLOCK)):
            for lines in (block, list(islice(target, BLOCK))):
                clean = [line.rstrip("\n") for line in lines]
                began, cpu = time.perf_counter(), time.process_time()
                processor.encode(clean, num_threads=THREADS)
                seconds += time.perf_counter() - began
                cpu_seconds += time.process_time() - cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds}


def prepare_ours(folder: Path) -> dict[str, Any]:
    """Prepare a store."""
    shutil.rmtree(folder / "store", ignore_errors=True)
    tokenizers = Tokenizers.load(folder)
    store = prepare_store(
        corpus_in(folder), tokenizers, folder / "store", Selection(max_tokens=256)
    )
    files = sum(file.stat().st_size for file in store.path.iterdir())
    return {"pairs": len(store), "disk_mb": files / 1e6}


def prepare_datasets(folder: Path) -> dict[str, Any]:
    """Map an encoder over both sides, as the documentation of ``datasets`` does."""
    from datasets import concatenate_datasets, load_dataset  # noqa: PLC0415 - takes seconds

    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    sides = [
        load_dataset(
            "text", data_files=str(folder / f"train.{name}"), split="train", cache_dir=str(cache)
        ).rename_column("text", name)
        for name in ("xx", "yy")
    ]

    def encode(rows: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        return {name: processor.encode(rows[name], num_threads=1) for name in ("xx", "yy")}

    pairs = concatenate_datasets(sides, axis=1)
    encoded = pairs.map(encode, batched=True, num_proc=2, remove_columns=["xx", "yy"])
    files = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    found = {"pairs": len(encoded), "disk_mb": files / 1e6}
    shutil.rmtree(cache)
    return found


def plan(folder: Path) -> dict[str, Any]:
    """Plan the second epoch of what was trained on."""
    from mt.data.mixture import prepare  # noqa: PLC0415 - loads torch

    tokenizers = Tokenizers.load(folder / "run" / "tokenizer")
    selections = [Selection(max_tokens=256)]
    mixture = prepare([corpus_in(folder)], tokenizers, folder / "prepared", selections)
    began, cpu = time.perf_counter(), time.process_time()
    epochs = mixture.epochs(seed=1)
    real = cells = 0
    planning = 0.0
    for shard in range(epochs.shards(1)):
        began = time.perf_counter()
        pairs = epochs.shard(1, shard)
        lengths = mixture.lengths(pairs)
        batches = plan_batches(*lengths, BUDGET, [1, 1, shard])
        planning += time.perf_counter() - began
        for side in lengths:
            real += int(side.sum(dtype=np.int64))
            cells += sum(len(rows) * int(side[rows].max()) for rows in batches)
    cpu_seconds = time.process_time() - cpu
    return {
        "seconds": planning, "cpu_seconds": cpu_seconds, "real_tokens": real / cells,
        "shards": epochs.shards(1),
    }  # fmt: skip


def train(folder: Path) -> dict[str, Any]:
    """Let ``mt train`` prepare everything and make some updates."""
    side = {name: {"source": f"{folder}/{name}.xx", "target": f"{folder}/{name}.yy"}
            for name in ("train", "dev")}  # fmt: skip
    recipe = {
        "data": {"source": "xx", "target": "yy", "train": side["train"],
                 "validation": side["dev"], "store": f"{folder}/prepared"},
        "tokenizer": {"size": VOCABULARY, "sample_lines": 2 * BLOCK},
        "model": {"dim": 64, "encoder_layers": 1, "decoder_layers": 1, "heads": 2,
                  "feed_forward": 128},
        "training": {"updates": UPDATES, "batch_tokens": 512, "schedule": {"warmup": 5},
                     "precision": "fp32"},
        "validation": {"every": UPDATES, "metric": "loss"},
        "translation": {"shortlist": "never"},
    }  # fmt: skip
    for name in ("run", "prepared"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    command = [sys.executable, "-m", "mt", "train", str(folder / "recipe.yaml")]
    more = ["--device", "cpu", "--out", str(folder / "run")]
    subprocess.run([*command, *more], check=True, stdout=sys.stderr)
    return {}


PARTS = {
    ALONE: alone, OURS: prepare_ours, DATASETS: prepare_datasets, "plan": plan, "train": train,
}  # fmt: skip


def main() -> None:
    """Measure one thing after the other, and write or print the tables."""
    options = _parser().parse_args()
    if options.part:
        part = PARTS.get(options.part) or partial(write_text, pairs=options.pairs)
        found = measured(lambda: part(options.folder))
        print(json.dumps(found | {RATE: options.pairs / found["seconds"]}))
        return
    about = facts(THREADS)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="store-") as name:
        folder = Path(name)
        say(f"writing {options.pairs:,} pairs")
        run(_contender("write", folder, options.pairs), TIMEOUT)
        text_mb = sum((folder / f"train.{side}").stat().st_size for side in ("xx", "yy")) / 1e6
        names = [ALONE, OURS, *([] if options.without_datasets else [DATASETS])]
        contenders = [_contender(name, folder, options.pairs) for name in names]
        contest = Contest("preparing", ALONE, RATE, contenders)
        for _ in range(options.rounds):
            contest.run_round(TIMEOUT)
        trained = run(_contender("train", folder, options.pairs), TIMEOUT)
        planned = run(_contender("plan", folder, options.pairs), TIMEOUT)
    text = _text(options.pairs, text_mb, contest, [planned, trained])
    if options.output:
        contests = [contest]
        write_record(options.output, "How corpora become batches", about, contests, text)
        say(f"written: {options.output}")
    print(text)


def _contender(name: str, folder: Path, pairs: int) -> Contender:
    command = [sys.executable, "-m", "benchmarks.store", "--pairs", str(pairs)]
    part: list[str | Path] = ["--folder", folder, "--part", name]
    return Contender(name, [*command, *part], our_environment(THREADS))


def _text(
    pairs: int, text_mb: float, contest: Contest, others: Sequence[Measurement | None]
) -> str:
    names = [each.name for each in contest.contenders]
    rows = [[name, *_cells(contest, name, pairs)] for name in names if contest.rounds]
    head = [
        "preparing", "seconds", f"speed × {ALONE}, within a round", "CPU µs a pair",
        "largest process, MB", "on disk, MB",
    ]  # fmt: skip
    planned, trained = (other or {} for other in others)
    lines = [
        f"{pairs:,} pairs, {text_mb:,.0f} MB of text:",
        *([table(head, rows)] if rows else []),
        f"Batches of an epoch, planned in {planned.get('shards', 0)} shards: "
        f"{planned.get('seconds', 0):.1f} s (CPU {planned.get('cpu_seconds', 0):.1f} s), "
        f"{100 * planned.get('real_tokens', 0):.1f} % real tokens, "
        f"{planned.get('peak_rss_mb', 0):,.0f} MB with torch.",
        f"`mt train`, from the recipe to a bundle after {UPDATES} updates: "
        f"{trained.get('seconds', 0):,.0f} s (CPU {trained.get('cpu_seconds', 0):,.0f} s), "
        f"{trained.get('peak_rss_mb', 0):,.0f} MB.",
    ]
    return "\n\n".join(lines)


def _cells(contest: Contest, name: str, pairs: int) -> list[str]:
    cpu = [1e6 * value / pairs for value in contest.values(name, "cpu_seconds")]
    return [
        middle(contest.values(name, "seconds"), 1),
        middle(contest.ratios(name), 2),
        middle(cpu, 1),
        middle(contest.values(name, "peak_rss_mb")),
        middle(contest.values(name, "disk_mb")) if name != ALONE else "",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="How corpora become batches.")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where files are written for a while")
    parser.add_argument("--rounds", type=int, default=1, help="0: train and plan alone")
    parser.add_argument("--without-datasets", action="store_true")
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument("--part", choices=[*PARTS, "write"], help="one measurement, as JSON")
    return parser


if __name__ == "__main__":
    main()
