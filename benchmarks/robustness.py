"""Measure how models bear text as people write it: in capitals, title case, with typos, unended.

    python -m benchmarks.robustness --model MODEL [--model MODEL] \
        --source FILE --reference FILE --languages en,de [--set truecase=false] [--output FILE.md]

Source and reference are written alike, but for typos, which are in the source alone. BLEU is given
as cased, and with translations and references in capitals, so that case does not count.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.harness import facts, say, table, write_record
from mt.data.augmentation.noise import (
    misspell,
    pair_generator,
    without_end_mark,
)
from mt.data.corpora import Pair
from mt.evaluation import evaluate
from mt.text.casing import title_case, upper_case
from mt.translation import Translator, load_translator


def main() -> None:
    """Measure, and write or print the table."""
    options = _parser().parse_args()
    about = facts(os.cpu_count() or 1) | {"text": options.source.name}
    lines = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (options.source, options.reference)
    )
    plain = list(map(Pair, *lines))
    rows = [
        [model.name, *row]
        for model in options.model
        for row in _rows(
            load_translator(model, "cpu", overrides=options.set),
            plain,
            options.languages.split(","),
        )
    ]
    text = table(["model", "written", "tokens a source", "BLEU", "BLEU without case"], rows)
    if options.output:
        write_record(options.output, "Text as people write it", about, [], text)
        say(f"written: {options.output}")
    print(text)


def _rows(
    translator: Translator, plain: Sequence[Pair], languages: Sequence[str]
) -> Iterator[Sequence[str]]:
    for name, pairs in _writings(plain, languages):
        sources, references = zip(*pairs, strict=True)
        tokens = sum(map(len, translator.tokenizers.source.encode(sources))) / len(sources)
        found = [each.text for each in translator.translate_all(sources)]
        capitals = (
            [upper_case(line, languages[1]) for line in side] for side in (found, references)
        )
        yield name, f"{tokens:.1f}", _bleu(found, references), _bleu(*capitals)


def _writings(
    plain: Sequence[Pair], languages: Sequence[str]
) -> Iterator[tuple[str, Sequence[Pair]]]:
    yield "as it is", plain
    for name, change in (("in capitals", upper_case), ("in title case", title_case)):
        yield name, [Pair(*map(change, pair, languages)) for pair in plain]
    yield "without end marks", list(map(without_end_mark, plain))
    yield (
        "with typos",
        [
            pair._replace(source=misspell(pair.source, pair_generator(1, 0, number)))
            for number, pair in enumerate(plain)
        ],
    )


def _bleu(found: Sequence[str], references: Sequence[str]) -> str:
    [score] = evaluate(found, [references], ["bleu"], bootstrap=0)
    return f"{score.value:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="How models bear text as people write it.")
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--languages", default="en,de", help="source and target tags")
    parser.add_argument("--set", action="append", default=[], help="as `mt translate --set`")
    parser.add_argument("--output", type=Path, help="a Markdown file")
    return parser


if __name__ == "__main__":
    main()
