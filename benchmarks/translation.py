"""Measure whole translations, from file to file, beside a plain script for CTranslate2.

    python -m benchmarks.translation --model MODEL --text FILE [--lines 1000 10000] [--rounds 5]

The script is what a user of CTranslate2 and SentencePiece writes: the same weights in int8, a
replica on each core, batches sorted by length; the model is exported by ``mt export``. Its batches
hold 1,024 tokens, or, which is faster, as few as our engine of CTranslate2 takes. Both run with the
model's shortlist, if it has one, which the script reads as a vocabulary map, and without. One line
alone is timed, too.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.harness import (
    Contender,
    Contest,
    facts,
    measure_command,
    middle,
    our_environment,
    say,
    table,
    write_record,
)
from mt.bundle import SHORTLIST, open_bundle
from mt.translation.engines.ctranslate2.engine import BATCH_TOKENS

OURS, NO_SHORTLIST = "mt translate", "mt translate, no shortlist"
PLAIN, LARGE = "plain script", "plain script, large batches"
PLAIN_SHORTLIST = "plain script, the same shortlist"
LARGE_BATCH = 1024
TIMEOUT = 900.0
"""Seconds a process may take."""
SCRIPT = """
import sys, ctranslate2, sentencepiece
model, source, target, beam, replicas, tokens, use_vmap = sys.argv[1:]
pieces = sentencepiece.SentencePieceProcessor(model_file=model + "/tokenizer.model")
lines = open(source, encoding="utf-8").read().split("\\n")[:-1]
translator = ctranslate2.Translator(model, compute_type="int8", inter_threads=int(replicas),
                                    intra_threads=1)
found = translator.translate_batch(pieces.encode(lines, out_type=str), beam_size=int(beam),
                                   batch_type="tokens", max_batch_size=int(tokens),
                                   length_penalty=1.0, use_vmap=bool(int(use_vmap)))
texts = pieces.decode([each.hypotheses[0] for each in found])
open(target, "w", encoding="utf-8").write("".join(text + "\\n" for text in texts))
"""


def main() -> None:
    """Measure, round by round, and write or print the tables."""
    options = _parser().parse_args()
    if options.measure:
        measure_command(options.measure, options.lines[0])
        return
    cores = os.cpu_count() or 1
    about = facts(cores) | {"model": options.model.name, "text": options.text.name}
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "exported"
        mt = [sys.executable, "-m", "mt"]
        subprocess.run(
            [*mt, "export", str(options.model), "--to", "ctranslate2", "--output", str(exported)],
            check=True, env=our_environment(cores), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        bundle = open_bundle(options.model)
        with_map = shutil.copytree(exported, Path(folder) / "with map")
        if has_shortlist := bundle.shortlist() is not None:
            shutil.copy(bundle.path / SHORTLIST, with_map / "vmap.txt")
        contests = [
            _contest((options.model, exported, with_map), text, beam, cores, has_shortlist)
            for text in _texts(options.text, (1, *options.lines), Path(folder))
            for beam in (5, 1)
        ]
        for _ in range(options.rounds):
            for contest in contests:
                contest.run_round(TIMEOUT)
    tables = "\n\n".join(f"{contest.title}:\n\n{_table(contest)}" for contest in contests)
    if options.output:
        write_record(options.output, "Translation from file to file", about, contests, tables)
        say(f"written: {options.output}")
    print(tables)


def _texts(text: Path, sizes: Sequence[int], folder: Path) -> Iterator[Path]:
    """Write the first lines of a text; the names of the files are their numbers."""
    for lines in sizes:
        with text.open(encoding="utf-8") as file:
            head = "".join(itertools.islice(file, lines))
        path = folder / str(lines)
        path.write_text(head, encoding="utf-8")
        yield path


def _contest(
    models: tuple[Path, Path, Path], text: Path, beam: int, cores: int, has_shortlist: bool
) -> Contest:
    """Prepare the commands for a text; models are ours, the exported one, and that with a map."""
    ours, exported, with_map = map(str, models)
    lines = int(text.name)
    output = str(text.with_suffix(".out"))
    translate = [
        "-m", "mt", "translate", ours, str(text), "--output", output, "--beam", str(beam)
    ]  # fmt: skip
    files, layout = [str(text), output], [str(beam), str(cores)]
    small = str(BATCH_TOKENS // beam)
    commands: dict[str, Sequence[str]] = {
        NO_SHORTLIST: [*translate, "--set", "shortlist=never"],
        PLAIN: ["-c", SCRIPT, exported, *files, *layout, small, "0"],
        LARGE: ["-c", SCRIPT, exported, *files, *layout, str(LARGE_BATCH), "0"],
    }
    if has_shortlist:
        commands[OURS] = translate
        commands[PLAIN_SHORTLIST] = ["-c", SCRIPT, with_map, *files, *layout, small, "1"]
    wrapper = [sys.executable, "-m", "benchmarks.translation", "--lines", str(lines)]
    contenders = [
        Contender(name, [*wrapper, "--measure", sys.executable, *command], _environment(cores))
        for name, command in commands.items()
    ]
    title = f"{lines:,} line{'s' * (lines > 1)}, {f'beam {beam}' if beam > 1 else 'greedy'}"
    return Contest(title, PLAIN, "lines a second", contenders)


def _environment(cores: int) -> dict[str, str]:
    """Leave the threads of MKL to CTranslate2: a number given by hand holds in every replica."""
    return {
        name: value for name, value in our_environment(cores).items() if name != "MKL_NUM_THREADS"
    }


def _table(contest: Contest) -> str:
    has_shortlist = any(each.name == PLAIN_SHORTLIST for each in contest.contenders)
    others = [PLAIN_SHORTLIST] if has_shortlist else []
    rows = [
        [
            contender.name,
            middle(contest.values(contender.name, "seconds"), 2),
            middle(contest.ratios(contender.name), 2),
            *(middle(contest.ratios(contender.name, other), 2) for other in others),
            middle(contest.values(contender.name, "peak_rss_mb")),
        ]
        for contender in contest.contenders
    ]
    fast = [f"times as fast as {name}, within a round" for name in (contest.baseline, *others)]
    return table(["command", "seconds, median (range)", *fast, "peak memory, MB"], rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Translation from file to file.")
    parser.add_argument("--model", type=Path, help="a bundle or a run, of a joint vocabulary")
    parser.add_argument("--text", type=Path, help="source sentences")
    parser.add_argument("--lines", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="a Markdown file; numbers go beside it as JSON")
    parser.add_argument("--measure", nargs=argparse.REMAINDER, help="one measurement, as JSON")
    return parser


if __name__ == "__main__":
    main()
