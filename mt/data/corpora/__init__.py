"""Where sentence pairs come from: one small file for each format.

A corpus is whatever satisfies :class:`Corpus`; here it is a config too, so that a recipe may name
it. A new kind joins the union below, and the endings of its files the table.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from mt.config import name_kind
from mt.data.corpora.base import BaseCorpusConfig
from mt.data.corpora.contract import Corpus, Pair
from mt.data.corpora.huggingface import HuggingFaceConfig
from mt.data.corpora.jsonl import JsonLinesConfig
from mt.data.corpora.moses import COMPRESSED, MosesConfig
from mt.data.corpora.plain import PlainTextConfig
from mt.data.corpora.po import PoConfig
from mt.data.corpora.tables import CsvConfig, TsvConfig
from mt.data.corpora.tmx import TmxConfig
from mt.data.corpora.xliff import XliffConfig
from mt.errors import DataError
from mt.lines import Location

_BY_ENDING: dict[str, dict[str, str]] = {
    ".tmx": {"kind": "tmx"},
    ".tsv": {"kind": "tsv"},
    ".tab": {"kind": "tsv"},
    ".csv": {"kind": "csv"},
    ".jsonl": {"kind": "jsonl"},
    ".ndjson": {"kind": "jsonl"},
    ".json": {"kind": "jsonl"},
    ".xlf": {"kind": "xliff"},
    ".xliff": {"kind": "xliff"},
    ".po": {"kind": "po"},
    ".zip": {"kind": "moses"},
    "": {"kind": "moses"},
    ".parquet": {"kind": "huggingface", "path": "parquet", "split": "train"},
    ".arrow": {"kind": "huggingface", "path": "arrow", "split": "train"},
}
"""What is meant by a file whose name ends so; one without an ending is a folder."""


def _recognised(value: Any) -> Any:
    """Add the kind of corpus that the name of its file tells, or that two files are."""
    if isinstance(value, str | Path):
        value = {"path": value}
    if not isinstance(value, Mapping) or "kind" in value:
        return value
    path = value.get("path")
    if not isinstance(path, str | Path) or "split" in value:
        return name_kind(value, PlainTextConfig, (PlainTextConfig, HuggingFaceConfig))
    meant = _BY_ENDING.get(_ending(path))
    if meant is None:
        known = ", ".join(filter(None, _BY_ENDING))
        raise ValueError(
            f"expected two files, as source and target, or one whose name ends in {known}, or a "
            f"folder, but found {path}; name its kind, as in {{kind: tsv, path: {path}}}"
        )
    named = {**value, **meant}
    return named | {"data_files": str(path)} if meant["kind"] == "huggingface" else named


def _ending(path: str | Path) -> str:
    """Return the ending of a name, that of compression left out; a folder has none."""
    if str(path).endswith("/"):
        return ""
    name = Path(path)
    return (Path(name.stem) if name.suffix.lower() in COMPRESSED else name).suffix.lower()


def names_pairs(path: Path) -> bool:
    """Say whether a path is that of a corpus by itself: a folder, or by the ending of its name."""
    ending = _ending(path)
    return path.is_dir() or (ending != "" and ending in _BY_ENDING)


CorpusConfig = Annotated[
    PlainTextConfig
    | TsvConfig
    | CsvConfig
    | JsonLinesConfig
    | TmxConfig
    | XliffConfig
    | PoConfig
    | MosesConfig
    | HuggingFaceConfig,
    Field(discriminator="kind"),
    BeforeValidator(_recognised),
]
"""A corpus of any kind; a file whose name tells it needs no more than that."""

_CORPUS: TypeAdapter[BaseCorpusConfig] = TypeAdapter(CorpusConfig)


def open_corpus(paths: Sequence[Location], source: str, target: str) -> BaseCorpusConfig:
    """Open a corpus as people give it on a command line.

    Args:
        paths: A file of pairs, an archive or a folder; or two text files, the source first.
        source: The tag of the source language, such as ``de``.
        target: The tag of the target language.

    Raises:
        DataError: If their names do not tell what they are.
    """
    match paths:
        case [one]:
            value: Any = {"kind": "moses", "path": one} if Path(one).is_dir() else one
        case [first, second]:
            value = {"source": first, "target": second}
        case _:
            raise DataError(
                f"corpus: expected a file of pairs or two text files, but found {len(paths)} "
                "paths; give one or two"
            )
    return parse_corpus(value, source, target, " and ".join(map(str, paths)))


def open_corpora(paths: Sequence[Location], source: str, target: str) -> list[BaseCorpusConfig]:
    """Open several corpora as people give them: files of pairs, and text files two by two.

    Raises:
        DataError: If a text file is left over, or a name does not tell what it is.
    """
    rest, corpora = list(paths), []
    while rest:
        alone = names_pairs(Path(rest[0]))
        taken, rest = (rest[:1], rest[1:]) if alone else (rest[:2], rest[2:])
        corpora.append(open_corpus(taken, source, target))
    return corpora


def parse_corpus(value: object, source: str, target: str, where: str) -> BaseCorpusConfig:
    """Validate a corpus by itself, as a recipe names it.

    Args:
        value: A path, or a section.
        source: The tag of the source language, such as ``de``.
        target: The tag of the target language.
        where: How a message calls it.

    Raises:
        DataError: If it is none.
    """
    try:
        return _CORPUS.validate_python(value).in_languages(source, target)
    except ValidationError as error:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise DataError(f"{where}: {reason}") from None


__all__ = [
    "BaseCorpusConfig",
    "Corpus",
    "CorpusConfig",
    "CsvConfig",
    "HuggingFaceConfig",
    "JsonLinesConfig",
    "MosesConfig",
    "Pair",
    "PlainTextConfig",
    "PoConfig",
    "TmxConfig",
    "TsvConfig",
    "XliffConfig",
    "names_pairs",
    "open_corpora",
    "open_corpus",
    "parse_corpus",
]
