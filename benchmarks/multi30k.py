"""Score models of Multi30k en→de in both settings that are published.

    python -m benchmarks.multi30k --data FOLDER --model MODEL [--model MODEL ...] [--part val] \
        [--trained-on tok] [--set translation.search.size=8] [--output FILE.md]

*Cased*: raw text in, raw text out, BLEU as sacreBLEU splits words. *Tokenized*: BLEU of lower-cased
and normalised text in the words of Moses, not split further, which papers print (41.02 for
`transformer_tiny`, Wu et al. 2021). Models that were trained on raw text are scored in both, their
output being treated as the references were; those trained on the tokenized files in that one alone.
The folder holds `test_2016_flickr.en`, `.de`, and in `tok/` the same as `.lc.norm.tok.en`, `.de`.

Models are chosen by `--part val`; the test is for what was chosen. `pip install sacremoses` first:
of the 2,014 lines of validation and test, and of each language, it writes all but one as the
published files have them.
"""

import argparse
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import facts, say, table, write_record
from mt.bundle import open_bundle
from mt.evaluation import Score, evaluate
from mt.translation import load_translator

TOKENIZED = "lc.norm.tok"


def main() -> None:
    """Score, and write or print the tables."""
    options = _parser().parse_args()
    about = facts(os.cpu_count() or 1) | {"part": options.part}
    raw = {
        language: _read(options.data / f"{options.part}.{language}") for language in ("en", "de")
    }
    split = {
        language: _read(options.data / "tok" / f"{options.part}.{TOKENIZED}.{language}")
        for language in ("en", "de")
    }
    rows, values, signatures = [], [], dict[str, None]()
    for model in options.model:
        translator = load_translator(model, "cpu", overrides=options.set)
        given = raw if options.trained_on == "raw" else split
        found = [each.text for each in translator.translate_all(given["en"])]
        scores: list[Score | None] = [None]
        if options.trained_on == "raw":
            scores = [_bleu(found, raw["de"], "13a")]
            found = tokenized(found)
        scores.append(_bleu(found, split["de"], "none"))
        values.append([None if score is None else score.value for score in scores])
        signatures |= {score.signature: None for score in scores if score is not None}
        parameters = open_bundle(model).metadata.parameters
        rows.append(
            [model.name, f"{parameters:,}", *(score.number if score else "—" for score in scores)]
        )
    if len(values) > 1:
        rows.append(["mean", "", *map(_mean, zip(*values, strict=True))])
    text = table(["model", "parameters", "BLEU, cased", "BLEU, tokenized"], rows)
    text = "\n\n".join([text, *(f"Signature: `{signature}`" for signature in signatures)]) + "\n"
    if options.output:
        write_record(options.output, "Multi30k en→de in both settings", about, [], text)
        say(f"written: {options.output}")
    print(text)


def tokenized(lines: Sequence[str]) -> list[str]:
    """Write German as the published files of Multi30k have it: small, normalised, split."""
    from sacremoses import MosesPunctNormalizer, MosesTokenizer  # noqa: PLC0415 - needed here alone

    normalizer, tokenizer = MosesPunctNormalizer("de"), MosesTokenizer("de")
    plain = (normalizer.normalize(line.lower()) for line in lines)
    return [tokenizer.tokenize(line, return_str=True) for line in plain]


def _read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _bleu(found: Sequence[str], references: Sequence[str], tokenizer: str) -> Score:
    [score] = evaluate(found, [references], ["bleu"], tokenizer=tokenizer)  # type: ignore[arg-type]
    return score


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.mean(known):.2f}" if known else "—"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="BLEU of Multi30k en→de in both settings.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--part", choices=["val", "test_2016_flickr"], default="val")
    parser.add_argument("--trained-on", choices=["raw", "tok"], default="raw")
    parser.add_argument("--set", action="append", default=[], help="as `mt translate --set`")
    parser.add_argument("--output", type=Path, help="a Markdown file")
    return parser


if __name__ == "__main__":
    main()
