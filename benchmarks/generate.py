"""Translate by the torch engine beside Hugging Face's ``generate`` as it comes, in turn.

    python -m benchmarks.generate --model MODEL --text FILE [--lines 1000] \
        [--rounds 3] [--threads 1]

Both have the same weights, which ``mt export`` writes for transformers. Its side is the script of
docs/howto/export.md: batches of 32 lines in the order of the file, bounded by what we allow the
longest source of a batch, lest one translation that does not end decide. Ours is ``mt translate``
with ``engine=torch``. Text goes in and comes out; loading is not counted. Every measurement is a
cold process, with one thread unless told otherwise: on a busy machine its processor time says more
than the clock.

How many translations are equal is told twice: of `mt translate`, which searches again where a
translation repeats itself, and of what our search finds the first time, as `generate` does.
"""

import argparse
import itertools
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness import (
    ROOT,
    Contender,
    Contest,
    environment,
    facts,
    middle,
    our_environment,
    say,
    table,
    write_record,
)
from mt.translation.config import longest_translation

THEIRS, OURS = "transformers, `generate`", "mt, torch engine"
BEAMS = (5, 1)
THEIR_BATCH = 32
TIMEOUT = 1200.0
"""Seconds a process may take."""

Translate = Callable[[Sequence[str]], list[str]]


def main() -> None:
    """Measure, round by round, and write or print the tables."""
    options = _parser().parse_args()
    if options.measure:
        _measure(options)
        return
    about = facts(options.threads) | {"model": options.model.name, "text": options.text.name}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        exported = scratch / "exported"
        export = ["-m", "mt", "export", options.model, "--to", "huggingface", "--output", exported]
        subprocess.run(
            [sys.executable, *map(str, export)], check=True, cwd=ROOT,
            env=our_environment(1), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        sides = {THEIRS: ("transformers", exported), OURS: ("mt", options.model.absolute())}
        contests = {beam: _contest(sides, beam, options, scratch) for beam in BEAMS}
        once = {beam: _searched_once(options.model, _lines(options), beam) for beam in BEAMS}
        for number in range(1, options.rounds + 1):
            for contest in contests.values():
                contest.run_round(TIMEOUT)
            tables = "\n\n".join(
                f"{contest.title}:\n\n{_table(contest)}\n\n{_agreement(scratch, beam, once[beam])}"
                for beam, contest in contests.items()
            )
            about["rounds"] = f"{number} of {options.rounds}"
            if options.output:
                title = "The torch engine beside Hugging Face's generate"
                write_record(options.output, title, about, list(contests.values()), tables)
                say(f"round {number}: written to {options.output}")
    print(tables)


def _contest(
    sides: dict[str, tuple[str, Path]], beam: int, options: argparse.Namespace, scratch: Path
) -> Contest:
    """Prepare both sides for a beam."""
    contenders = []
    for name, (side, model) in sides.items():
        command = [
            sys.executable, "-m", "benchmarks.generate", "--measure", side, "--model", model,
            "--text", options.text.absolute(), "--lines", str(options.lines), "--beam", str(beam),
            "--output", _written(scratch, side, beam),
        ]  # fmt: skip
        given = our_environment(options.threads)
        if side == "transformers":
            given = environment(options.threads, HF_HUB_OFFLINE="1", PYTHONPATH=str(ROOT))
        contenders.append(Contender(name, command, given))
    kind = f"beam {beam}" if beam > 1 else "greedy"
    return Contest(f"{options.lines:,} lines, {kind}", THEIRS, "lines a CPU second", contenders)


def _written(scratch: Path, side: str, beam: int) -> Path:
    return scratch / f"{side}.{beam}.txt"


def _table(contest: Contest) -> str:
    rows = []
    for contender in contest.contenders:
        name = contender.name
        rates = contest.values(name, "lines a second")
        bases = contest.values(contest.baseline, "lines a second")
        by_clock = [ours / theirs for ours, theirs in zip(rates, bases, strict=False)]
        rows.append(
            [
                name,
                middle(contest.values(name, "cpu_seconds"), 2),
                f"**{middle(contest.ratios(name), 2)}**",
                middle(contest.values(name, "seconds"), 2),
                middle(by_clock, 2),
                middle(contest.values(name, "peak_rss_mb")),
            ]
        )
    head = [
        "program", "processor time, s, median (range)", "times as fast by it, within a round",
        "by the clock, s", "times as fast by the clock", "peak memory, MB",
    ]  # fmt: skip
    return table(head, rows)


def _agreement(scratch: Path, beam: int, once: Sequence[str]) -> str:
    """Say how many translations are the same, letter by letter; `once` are of one search."""
    written = [_written(scratch, side, beam) for side in ("transformers", "mt")]
    if not all(path.exists() for path in written):
        return "One side is missing."
    theirs, ours = (json.loads(path.read_text(encoding="utf-8")) for path in written)
    return (
        f"{_same(theirs, ours):,} of {len(ours):,} translations are the same in every letter; of "
        f"what search finds the first time {_same(theirs, once):,}."
    )


def _same(theirs: Sequence[str], ours: Sequence[str]) -> int:
    return sum(one == other for one, other in zip(theirs, ours, strict=True))


def _searched_once(model: Path, lines: Sequence[str], beam: int) -> list[str]:
    """Translate each line whole, by our search alone, on one thread as in the measurements."""
    import torch  # noqa: PLC0415

    from mt.translation import load_translator  # noqa: PLC0415

    torch.set_num_threads(1)
    translator = load_translator(model, "cpu", engine="torch")
    sources, target = translator.tokenizers.source.encode(lines), translator.tokenizers.target
    found = translator.engine.submit(sources, translator.config.with_beam(beam).search)()
    return target.decode([best.tokens for best, *_ in found])


def _lines(options: argparse.Namespace) -> list[str]:
    with options.text.open(encoding="utf-8") as file:
        return [line.rstrip("\n") for line in itertools.islice(file, options.lines)]


def _measure(options: argparse.Namespace) -> None:
    """Measure one side once, and print a line of JSON."""
    from mt.hardware import peak_memory  # noqa: PLC0415

    lines = _lines(options)
    load = _load_ours if options.measure == "mt" else _load_theirs
    translate = load(options.model, options.beam)
    began, clock = time.process_time(), time.perf_counter()
    found = translate(lines)
    cpu_seconds, seconds = time.process_time() - began, time.perf_counter() - clock
    options.output.write_text(json.dumps(found), encoding="utf-8")
    measured = {
        "lines a CPU second": len(lines) / cpu_seconds,
        "lines a second": len(lines) / seconds,
        "cpu_seconds": cpu_seconds,
        "seconds": seconds,
        "peak_rss_mb": peak_memory() / 2**20,
    }
    print(json.dumps(measured))


def _load_ours(model: Path, beam: int) -> Translate:
    from mt.allocator import keep_freed_memory  # noqa: PLC0415
    from mt.translation import load_translator  # noqa: PLC0415

    keep_freed_memory()  # as `mt translate` does
    translator = load_translator(model, "cpu", engine="torch")
    config = translator.config.with_beam(beam)
    return lambda lines: [each.text for each in translator.translate_all(lines, config)]


def _load_theirs(model: Path, beam: int) -> Translate:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer  # noqa: PLC0415

    logging.disable(logging.WARNING)
    tokenizer = AutoTokenizer.from_pretrained(model)
    peer = AutoModelForSeq2SeqLM.from_pretrained(model).eval()

    @torch.inference_mode()
    def translate(lines: Sequence[str]) -> list[str]:
        found: list[str] = []
        for start in range(0, len(lines), THEIR_BATCH):
            batch = tokenizer(
                list(lines[start : start + THEIR_BATCH]), return_tensors="pt", padding=True
            )
            longest = longest_translation(batch["input_ids"].size(1) - 1)
            written = peer.generate(
                **batch, num_beams=beam, early_stopping=beam > 1, max_length=longest + 1
            )
            found += tokenizer.batch_decode(written, skip_special_tokens=True)
        return found

    return translate


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The torch engine beside Hugging Face's generate.")
    parser.add_argument("--model", type=Path, required=True, help="a bundle or a run")
    parser.add_argument("--text", type=Path, required=True, help="source sentences")
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of every process")
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument("--measure", choices=("mt", "transformers"), help="one side, as JSON")
    parser.add_argument("--beam", type=int, default=5, help="of that")
    return parser


if __name__ == "__main__":
    main()
