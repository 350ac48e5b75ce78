"""Bring a known corpus onto the disk, as two plain text files for each of its parts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mt.data.corpora import HuggingFaceConfig
from mt.errors import DataError, did_you_mean
from mt.files import write_atomically


@dataclass(frozen=True)
class KnownCorpus:
    """Where a corpus comes from, and what its files are called."""

    path: str
    """Its name on the Hugging Face hub."""
    languages: tuple[str, str]
    """The columns, and the suffixes of the files."""
    splits: dict[str, str]
    """The split on the hub for each file name."""


KNOWN = {
    "multi30k": KnownCorpus(
        path="bentrevett/multi30k",
        languages=("en", "de"),
        splits={"train": "train", "val": "validation", "test_2016_flickr": "test"},
    ),
}
"""The corpora that can be fetched, by name."""


def fetch(
    name: str,
    directory: Path,
    read: Callable[[HuggingFaceConfig], Iterable[tuple[str, str]]] = HuggingFaceConfig.rows,
) -> list[Path]:
    """Write a known corpus as UTF-8 text, one sentence a line, and return its files.

    Files that exist are left as they are; the network is used only if one is missing.

    Args:
        name: One of :data:`KNOWN`.
        directory: Where the files go, such as ``data/multi30k``.
        read: Reads a split; another one serves tests.

    Raises:
        DataError: If the name is unknown, the hub cannot be reached (the message names the
            files to put there by hand), or a sentence holds a line break, which no such file can.
    """
    if name not in KNOWN:
        advice = did_you_mean(name, KNOWN) or f"known are {', '.join(KNOWN)}"
        raise DataError(f"{name}: expected the name of a known corpus, but it is none; {advice}")
    corpus = KNOWN[name]
    source, target = corpus.languages
    files = {
        split: [directory / f"{file}.{language}" for language in corpus.languages]
        for file, split in corpus.splits.items()
    }
    everything = [path for paths in files.values() for path in paths]
    for split, paths in files.items():
        if all(path.exists() for path in paths):
            continue
        wanted = HuggingFaceConfig(path=corpus.path, split=split, source=source, target=target)
        try:
            rows = list(read(wanted))
        except DataError as error:
            names = ", ".join(path.name for path in everything)
            raise DataError(
                f"{error}; or put {names} into {directory} by hand, one sentence a line"
            ) from None
        for path, sentences in zip(paths, zip(*rows, strict=True), strict=True):
            write_atomically(
                path, _as_lines(sentences, f"{wanted.where}, column {path.suffix[1:]}")
            )
    return everything


def _as_lines(sentences: Iterable[str], where: str) -> str:
    lines = []
    for number, sentence in enumerate(sentences, start=1):
        if "\n" in sentence or "\r" in sentence:
            raise DataError(
                f"{where}: expected sentences without line breaks, but row {number} holds one; "
                "read the corpus with kind: huggingface instead"
            )
        lines.append(f"{sentence}\n")
    return "".join(lines)
