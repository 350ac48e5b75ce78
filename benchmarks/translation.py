"""Measure whole translations, from file to file, beside a plain script for CTranslate2.

    python -m benchmarks.translation --model MODEL --text FILE [--lines 1000 10000] [--rounds 5]

The script is what a user of CTranslate2 and SentencePiece writes: the same weights in int8, batches
of 1,024 tokens sorted by length, two layouts of threads; the model is exported by ``mt export``.
Ours runs with the model's shortlist, if it has one, and without. One line alone is timed, too.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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

OURS, NO_SHORTLIST = "mt translate", "mt translate, no shortlist"
PLAIN = "plain script, a replica a core", "plain script, one replica"
TIMEOUT = 900.0
"""Seconds a process may take."""
SCRIPT = """
import sys, ctranslate2, sentencepiece
model, source, target, beam, replicas, threads = sys.argv[1:]
pieces = sentencepiece.SentencePieceProcessor(model_file=model + "/tokenizer.model")
lines = open(source, encoding="utf-8").read().split("\\n")[:-1]
translator = ctranslate2.Translator(model, compute_type="int8", inter_threads=int(replicas),
                                    intra_threads=int(threads))
found = translator.translate_batch(pieces.encode(lines, out_type=str), beam_size=int(beam),
                                   batch_type="tokens", max_batch_size=1024, length_penalty=1.0)
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
        contests = [
            _contest([str(options.model), str(exported)], text, beam, cores)
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


def _contest(models: Sequence[str], text: Path, beam: int, cores: int) -> Contest:
    """Prepare the commands for a text; the models are ours and the exported one."""
    model, exported = models
    lines = int(text.name)
    output = str(text.with_suffix(".out"))
    ours = [
        "-m", "mt", "translate", model, str(text), "--output", output, "--beam", str(beam)
    ]  # fmt: skip
    script = ["-c", SCRIPT, exported, str(text), output, str(beam)]
    commands: Mapping[str, Sequence[str]] = {
        OURS: ours,
        NO_SHORTLIST: [*ours, "--set", "shortlist=never"],
        PLAIN[0]: [*script, str(cores), "1"],
        PLAIN[1]: [*script, "1", str(cores)],
    }
    wrapper = [sys.executable, "-m", "benchmarks.translation", "--lines", str(lines)]
    contenders = [
        Contender(name, [*wrapper, "--measure", sys.executable, *command], our_environment(cores))
        for name, command in commands.items()
    ]
    title = f"{lines:,} line{'s' * (lines > 1)}, {f'beam {beam}' if beam > 1 else 'greedy'}"
    return Contest(title, PLAIN[0], "lines a second", contenders)


def _table(contest: Contest) -> str:
    rows = [
        [
            contender.name,
            middle(contest.values(contender.name, "seconds"), 2),
            middle(contest.ratios(contender.name), 2),
            middle(contest.values(contender.name, "peak_rss_mb")),
        ]
        for contender in contest.contenders
    ]
    fast = f"times as fast as {contest.baseline}, within a round"
    return table(["command", "seconds, median (range)", fast, "peak memory, MB"], rows)


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
