"""Measure what engines, company, searches, penalties and a glossary change in translations.

    python -m benchmarks.searches --model MODEL --source FILE --reference FILE
        --validation-source FILE --validation-reference FILE [--parts NAME ...] [--output FILE.md]

The model translates from English into German; the reference also serves as text in the wrong
language. A translation runs on if it does not end or repeats itself (`mt/translation/remarks.py`).
Penalties are chosen on the validation text, and the test set is translated with those alone.
"""

import argparse
import itertools
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import facts, say, table, write_record
from mt.devices import EngineName, EnginePrecision
from mt.evaluation import evaluate
from mt.evaluation.metrics import sentence_chrf
from mt.text.words import split_words
from mt.translation import Translator, load_translator
from mt.translation.config import BeamConfig, DiverseBeamConfig, SamplingConfig, SearchConfig
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
SIZE = 5
SEARCHES: Mapping[str, SearchConfig] = {
    "beam": BeamConfig(size=SIZE),
    **{
        f"diverse beam, {diversity:g}": DiverseBeamConfig(size=SIZE, diversity=diversity)
        for diversity in (0.2, 0.5, 1.0)
    },
    "sampling, top 10": SamplingConfig(size=SIZE, top_k=10),
}
"""Searches that give as many translations of each sentence."""
EXPONENTS = 0.0, 0.6, 1.0, 1.4
WEIGHTS = 0.0, 0.05, 0.2
"""Of the length penalty, and of the coverage penalty."""
ALONE = 200
"""Lines that the torch engine translates one by one."""


@dataclass(frozen=True)
class Texts:
    """What is translated."""

    model: Path
    sources: Sequence[str]
    references: Sequence[str]
    validation: tuple[Sequence[str], Sequence[str]]
    """Sources and references that choices are made on."""


def main() -> None:
    """Measure, and write or print the tables."""
    options = _parser().parse_args()
    about = facts(os.cpu_count() or 1) | {"model": options.model.name, "text": options.source.name}
    names = "source", "reference", "validation_source", "validation_reference"
    source, reference, *validation = (
        getattr(options, name).read_text(encoding="utf-8").splitlines() for name in names
    )
    texts = Texts(options.model, source, reference, (validation[0], validation[1]))
    parts = [part for name in options.parts for part in PARTS[name](texts)]
    if options.output:
        write_record(options.output, "What searches change", about, [], "\n\n".join(parts))
        say(f"written: {options.output}")
    print("\n\n".join(parts))


def _engines_part(texts: Texts) -> Iterator[str]:
    yield "Engines, and translations that differ from the first:"
    rows = _engines(texts.model, texts.sources, texts.references)
    yield table(["beam", "engine", "numbers", "differ", "BLEU"], rows)


def _again_part(texts: Texts) -> Iterator[str]:
    translator = load_translator(texts.model, "cpu")
    draw = random.Random(1)
    noise = ["".join(draw.choices(LETTERS, k=draw.randint(5, 80))) for _ in texts.sources]
    lines = {
        "the test set": texts.sources,
        "its references": texts.references,
        "random letters": noise,
    }
    yield "Translations that run on, before and after searching again without repetition:"
    yield table(
        ["text", "lines", "before", "after"],
        [[name, f"{len(each):,}", *_run_on(translator, each)] for name, each in lines.items()],
    )


def _glossary_part(texts: Texts) -> Iterator[str]:
    yield f"A glossary of {len(TERMS)} terms, asked for and used:"
    yield table(
        ["asked", "used without", "used with", "BLEU without", "BLEU with"],
        [_glossary(load_translator(texts.model, "cpu"), texts.sources, texts.references)],
    )


def _company_part(texts: Texts) -> Iterator[str]:
    yield "Translations of the test set that differ when each line is translated alone:"
    yield table(["beam", "engine", "numbers", "lines", "differ"], _company(texts))


def _diversity_part(texts: Texts) -> Iterator[str]:
    yield (
        f"{SIZE} translations of each line of the validation text. Oracle: of each line the "
        "translation with the best chrF. Different: texts of a line. Likeness: the mean chrF of "
        "two translations of a line."
    )
    yield table(["search", "BLEU", "oracle BLEU", "different", "likeness"], _diversity(texts))


def _penalties_part(texts: Texts) -> Iterator[str]:
    rows, chosen = _penalties(texts)
    yield (
        "Penalties on the validation text, a beam of 5 on the torch engine where there is a weight "
        "of coverage. Ratio: words and signs of the translations to those of the references."
    )
    yield table(["length norm", "exponent", "coverage", "BLEU", "ratio"], rows)
    yield "The best of these, and the default, on the test set:"
    translator = load_translator(texts.model, "cpu", engine="torch")
    yield table(
        ["length norm", "exponent", "coverage", "BLEU", "ratio"],
        [
            _penalised(translator, search, texts.sources, texts.references)
            for search in (BeamConfig(size=SIZE), chosen)
        ],
    )


PARTS: Mapping[str, Callable[[Texts], Iterator[str]]] = {
    "engines": _engines_part,
    "again": _again_part,
    "glossary": _glossary_part,
    "company": _company_part,
    "diversity": _diversity_part,
    "penalties": _penalties_part,
}


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


def _company(texts: Texts) -> Iterator[Sequence[str]]:
    for beam in BEAMS:
        for engine, precision in ENGINES:
            translator = load_translator(texts.model, "cpu", engine=engine, precision=precision)
            config = translator.config.with_beam(beam)
            lines = texts.sources[:ALONE] if engine == "torch" else texts.sources
            together = translator.translate_all(lines, config)
            differ = sum(
                translator.translate_all([line], config)[0].text != each.text
                for line, each in zip(lines, together, strict=True)
            )
            yield str(beam), engine, precision, f"{len(lines):,}", f"{differ:,}"


def _diversity(texts: Texts) -> Iterator[Sequence[str]]:
    sources, references = texts.validation
    translator = load_translator(texts.model, "cpu", engine="torch")
    for name, search in SEARCHES.items():
        config = translator.config.changed(search=search.model_dump(), alternatives=SIZE - 1)
        found = translator.translate_all(sources, config)
        pools = [[each.text, *(other.text for other in each.alternatives)] for each in found]
        oracle = [
            max(pool, key=lambda text: sentence_chrf(text, reference))
            for pool, reference in zip(pools, references, strict=True)
        ]
        pairs = [pair for pool in pools for pair in itertools.combinations(pool, 2)]
        likeness = sum(sentence_chrf(*pair) for pair in pairs) / len(pairs)
        different = sum(len(set(pool)) for pool in pools) / len(pools)
        best = _bleu([each.text for each in found], references)
        yield name, best, _bleu(oracle, references), f"{different:.2f}", f"{likeness:.1f}"


def _penalties(texts: Texts) -> tuple[list[Sequence[str]], BeamConfig]:
    """Choose the penalty of the length, then the weight of coverage; the first of equals."""
    fast = load_translator(texts.model, "cpu", engine="ctranslate2")
    slow = load_translator(texts.model, "cpu", engine="torch")
    lengths = [
        BeamConfig.model_validate({"size": SIZE, "length_norm": norm, "length_penalty": exponent})
        for norm in ("power", "gnmt")
        for exponent in EXPONENTS
        if exponent or norm == "power"  # without an exponent both are the same
    ]
    rows = [_penalised(fast, search, *texts.validation) for search in lengths]
    best = max(zip(rows, lengths, strict=True), key=lambda pair: float(pair[0][3]))[1]
    weighted = [best.model_copy(update={"coverage_penalty": weight}) for weight in WEIGHTS]
    others = [_penalised(slow, search, *texts.validation) for search in weighted]
    chosen = max(zip(others, weighted, strict=True), key=lambda pair: float(pair[0][3]))[1]
    return [*rows, *others], chosen


def _penalised(
    translator: Translator,
    search: BeamConfig,
    sources: Sequence[str],
    references: Sequence[str],
) -> Sequence[str]:
    config = translator.config.changed(search=search.model_dump())
    found = [each.text for each in translator.translate_all(sources, config)]
    written, expected = (
        sum(len(split_words(line, "marks")) for line in lines) for lines in (found, references)
    )
    return [
        search.length_norm,
        f"{search.length_penalty:g}",
        f"{search.coverage_penalty:g}",
        _bleu(found, references),
        f"{written / expected:.3f}",
    ]


def _bleu(found: Sequence[str], references: Sequence[str]) -> str:
    [score] = evaluate(found, [references], ["bleu"], bootstrap=0)
    return f"{score.value:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What searches change.")
    parser.add_argument("--model", type=Path, required=True, help="English to German")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--validation-source", type=Path, required=True)
    parser.add_argument("--validation-reference", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    parser.add_argument("--output", type=Path, help="a Markdown file")
    return parser


if __name__ == "__main__":
    main()
