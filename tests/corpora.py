"""The same pairs written in every format that a corpus may have."""

import csv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from mt.data.corpora import (
    BaseCorpusConfig,
    CsvConfig,
    HuggingFaceConfig,
    JsonLinesConfig,
    MosesConfig,
    Pair,
    PlainTextConfig,
    PoConfig,
    TmxConfig,
    TsvConfig,
    XliffConfig,
)

Pairs = Sequence[Pair]


def write_text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def as_lines(sides) -> str:
    return "".join(f"{side}\n" for side in sides)


def plain(directory: Path, pairs: Pairs) -> PlainTextConfig:
    paths = (
        write_text(directory / f"a.{language}", as_lines(pair[side] for pair in pairs))
        for side, language in enumerate(("en", "de"))
    )
    return PlainTextConfig(source=next(paths), target=next(paths))


def tsv(directory: Path, pairs: Pairs) -> TsvConfig:
    rows = as_lines("\t".join(pair) for pair in pairs)
    return TsvConfig(path=write_text(directory / "a.tsv", rows), header=False)


def csv_table(directory: Path, pairs: Pairs) -> CsvConfig:
    path = directory / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("en", "de"), *pairs])
    return CsvConfig(path=path, source="en", target="de")


def jsonl(directory: Path, pairs: Pairs) -> JsonLinesConfig:
    import json

    rows = (json.dumps({"translation": {"en": pair[0], "de": pair[1]}}) for pair in pairs)
    path = write_text(directory / "a.jsonl", as_lines(rows))
    return JsonLinesConfig(path=path, source="en", target="de")


def tmx(directory: Path, pairs: Pairs) -> TmxConfig:
    units = as_lines(
        f'<tu><tuv xml:lang="en"><seg>{escape(source)}</seg></tuv>\n'
        f'<tuv xml:lang="de-DE"><seg>{escape(target)}</seg></tuv></tu>'
        for source, target in pairs
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'
        f'<tmx version="1.4">\n<header srclang="en"/>\n<body>\n{units}</body>\n</tmx>\n'
    )
    return TmxConfig(path=write_text(directory / "a.tmx", text), source="en", target="de")


def xliff(directory: Path, pairs: Pairs) -> XliffConfig:
    units = as_lines(
        f'<trans-unit id="{number}"><source>{escape(source)}</source>'
        f"<target>{escape(target)}</target></trans-unit>"
        for number, (source, target) in enumerate(pairs)
    )
    text = (
        '<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">\n'
        '<file source-language="en" target-language="de" original="a" datatype="plaintext">'
        f"<body>\n{units}</body></file></xliff>\n"
    )
    return XliffConfig(path=write_text(directory / "a.xlf", text), source="en", target="de")


def po_text(text: str) -> str:
    for character, code in (("\\", "\\\\"), ('"', '\\"'), ("\r", "\\r"), ("\n", "\\n")):
        text = text.replace(character, code)
    return f'"{text}"'


PO_HEADER = (
    'msgid ""\nmsgstr ""\n"Language: de\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
)


def po(directory: Path, pairs: Pairs) -> PoConfig:
    messages = as_lines(
        f'msgctxt "{number}"\nmsgid {po_text(source)}\nmsgstr {po_text(target)}\n'
        for number, (source, target) in enumerate(pairs)
    )
    path = write_text(directory / "a.po", PO_HEADER + messages)
    return PoConfig(path=path, source="en", target="de")


def moses(directory: Path, pairs: Pairs) -> MosesConfig:
    path = directory / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README", "A corpus.\n")
        archive.writestr("LICENSE", "None.\n")
        archive.writestr("News.de-en.ids", "1\n")
        archive.writestr("News.de-en.xml", "<a/>\n")
        for side, language in enumerate(("en", "de")):
            archive.writestr(f"News.de-en.{language}", as_lines(pair[side] for pair in pairs))
    return MosesConfig(path=path, source="en", target="de")


def huggingface(directory: Path, pairs: Pairs) -> HuggingFaceConfig:
    import pyarrow as pa
    from pyarrow import parquet

    path = directory / "a.parquet"
    rows = [{"en": source, "de": target} for source, target in pairs]
    parquet.write_table(pa.table({"translation": rows}), path)
    return HuggingFaceConfig(
        path="parquet", data_files=str(path), split="train", source="en", target="de"
    )


WRITE: dict[type[BaseCorpusConfig], Callable[[Path, Pairs], BaseCorpusConfig]] = {
    PlainTextConfig: plain,
    TsvConfig: tsv,
    CsvConfig: csv_table,
    JsonLinesConfig: jsonl,
    TmxConfig: tmx,
    XliffConfig: xliff,
    PoConfig: po,
    MosesConfig: moses,
    HuggingFaceConfig: huggingface,
}
"""Writes pairs into a folder as a file ``a.…`` of each kind, and returns the corpus."""
