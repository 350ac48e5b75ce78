"""Measure what engines, searching again and a glossary change in the translations of a test set.

    python -m benchmarks.searches --model MODEL --source FILE --reference FILE [--output FILE.md]

The model translates from English into German; the reference also serves as text in the wrong
language. A translation runs on if it does not end or repeats itself (`mt/translation/remarks.py`).
"""

import argparse
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.harness import facts, say, table, write_record
from mt.devices import EngineName, EnginePrecision
from mt.evaluation import evaluate
from mt.translation import Translator, load_translator
from mt.translation.glossary import Glossary, holds_term
from mt.translation.remarks import runs_on

BEAMS = 1, 5
ENGINES: Sequence[tuple[EngineName, EnginePrecision]] = (
    ("torch", "float32"), ("ctranslate2", "float32"), ("ctranslate2", "int8"),
)  # fmt: skip
TERMS = {
    "man": "Herr", "woman": "Dame", "street": "Gasse", "dog": "Vierbeiner", "boy": "Bub",
    "bicycle": "Rad", "child": "Baby", "shirt": "Oberteil", "car": "Wagen", "beach": "Meer",
}  # fmt: skip
"""Words of image captions with translations that a model of these hardly chooses."""
LETTERS = "abcdefghijklmnopqrstuvwxyz ,."


def main() -> None:
    """Measure, and write or print the tables."""
    options = _parser().parse_args()
    about = facts(os.cpu_count() or 1) | {"model": options.model.name, "text": options.source.name}
    sources, references = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (options.source, options.reference)
    )
    draw = random.Random(1)
    noise = ["".join(draw.choices(LETTERS, k=draw.randint(5, 80))) for _ in sources]
    translator = load_translator(options.model, "cpu")
    texts = {"the test set": sources, "its references": references, "random letters": noise}
    parts = [
        "Engines, and translations that differ from the first:",
        table(
            ["beam", "engine", "numbers", "differ", "BLEU"],
            _engines(options.model, sources, references),
        ),
        "Translations that run on, before and after searching again without repetition:",
        table(
            ["text", "lines", "before", "after"],
            [
                [name, f"{len(lines):,}", *_run_on(translator, lines)]
                for name, lines in texts.items()
            ],
        ),
        f"A glossary of {len(TERMS)} terms, asked for and used:",
        table(
            ["asked", "used without", "used with", "BLEU without", "BLEU with"],
            [_glossary(translator, sources, references)],
        ),
    ]
    if options.output:
        write_record(options.output, "What searches change", about, [], "\n\n".join(parts))
        say(f"written: {options.output}")
    print("\n\n".join(parts))


def _engines(
    model: Path, sources: Sequence[str], references: Sequence[str]
) -> Iterator[Sequence[str]]:
    for beam in BEAMS:
        first: list[str] = []
        for engine, precision in ENGINES:
            translator = load_translator(model, "cpu", engine=engine, precision=precision)
            config = translator.config.with_beam(beam)
            found = [each.text for each in translator.translate_all(sources, config)]
            first = first or found
            differ = sum(one != other for one, other in zip(first, found, strict=True))
            yield str(beam), engine, precision, f"{differ:,}", _bleu(found, references)


def _run_on(translator: Translator, lines: Sequence[str]) -> tuple[str, str]:
    tokens = [each for each in translator.tokenizers.source.encode(lines) if each]
    found = translator.engine.submit(tokens, translator.config.search)()
    before = [
        source
        for source, group in zip(tokens, found, strict=True)
        if runs_on(source, group[0].tokens)
    ]
    after = sum(runs_on(source, translator.search(source)[0].tokens) for source in before)
    return f"{len(before):,}", f"{after:,}"


def _glossary(
    translator: Translator, sources: Sequence[str], references: Sequence[str]
) -> Sequence[str]:
    glossary = Glossary(TERMS)
    asked = [glossary.asked(line) for line in sources]
    used, scores = [], []
    for terms in (None, glossary):
        found = [each.text for each in translator.translate(sources, glossary=terms)]
        pairs = zip(found, asked, strict=True)
        used.append(sum(holds_term(text, term) for text, wanted in pairs for term in wanted))
        scores.append(_bleu(found, references))
    return [f"{sum(map(len, asked)):,}", *(f"{count:,}" for count in used), *scores]


def _bleu(found: Sequence[str], references: Sequence[str]) -> str:
    [score] = evaluate(found, [references], ["bleu"], bootstrap=0)
    return f"{score.value:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What searches change.")
    parser.add_argument("--model", type=Path, required=True, help="English to German")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--output", type=Path, help="a Markdown file")
    return parser


if __name__ == "__main__":
    main()
