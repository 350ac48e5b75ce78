"""Corpora and sizes as people give them on a command line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mt.errors import ConfigError

if TYPE_CHECKING:
    from mt.data.config import DataConfig
    from mt.data.corpora import Corpus
    from mt.data.pairs import PairCounts
    from mt.data.split import Division

SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="TAG", help="The language of the source, as en.")
]
TargetOption = Annotated[
    str | None, typer.Option("--target", metavar="TAG", help="The language of the target, as de.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are there already.")
]
SeedOption = Annotated[int, typer.Option(min=0, max=2**32, help="The same one draws alike.")]


def languages_of(source: str | None, target: str | None) -> tuple[str, str]:
    """Return both tags; files do not tell them."""
    if not source or not target:
        missing = "--target" if source else "--source"
        raise typer.BadParameter(f"expected {missing} with a language, such as en; add it")
    for option, tag in (("--source", source), ("--target", target)):
        if not re.fullmatch(r"[^\s/\\]+", tag):  # files are called by it
            raise typer.BadParameter(
                f"expected a language, such as en, but found {tag}; correct it", param_hint=option
            )
    return source, target


def refuse_other_languages(recipe: Path, data: "DataConfig", languages: tuple[str, str]) -> None:
    """Refuse a recipe whose pairs are not from and to the languages of a model.

    Raises:
        ConfigError: If they are not.
    """
    if (data.source, data.target) != languages:
        raise ConfigError(
            f"{recipe}: expected a recipe for pairs from {languages[0]} to {languages[1]}, as the "
            f"model needs, but it is for {data.source} to {data.target}; take another recipe or "
            "another model"
        )


def open_files(files: Sequence[Path], languages: tuple[str, str]) -> "Corpus":
    """Open a file of pairs or two text files.

    Raises:
        DataError: If their names do not tell what they are.
    """
    from mt.data.corpora import open_corpus

    return open_corpus(files, *languages)


def parse_size(text: str, option: str) -> float:
    """Read a number of pairs, or a share of them, as in ``2000`` and ``1%``.

    Returns:
        Pairs, or below 1 a share.
    """
    digits = text.strip().removesuffix("%")
    try:
        size = float(digits) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        size = -1.0
    is_share = text.strip().endswith("%") or 0 < size < 1
    if not 0 <= size < 1e12 or (is_share and size >= 1) or (not is_share and size % 1):
        raise typer.BadParameter(
            f"expected a number of pairs, as in 2000, or a share, as in 1%, but found `{text}`",
            param_hint=option,
        )
    return size


def refuse_existing(files: Sequence[Path], overwrite: bool) -> None:
    """Refuse to replace what nobody said may be replaced.

    Raises:
        DataError: Naming the first file that exists.
    """
    from mt.errors import DataError

    for path in files:
        if path.exists() and not overwrite:
            raise DataError(
                f"{path}: expected to write a new file, but it exists; choose another --output, or "
                "add --overwrite"
            )


def describe(division: "Division", files: Sequence[Path]) -> list[str]:
    """Say what a division made: a line for each part, and one for what is left out."""
    from mt.data.split import PARTS

    lines = []
    for part in PARTS:
        names = [str(path) for path in files if path.stem == part]
        if names:
            lines.append(f"{part}: {division.count(part):,} pairs in {' and '.join(names)}")
    if division.blank:
        lines.append(f"left out: {division.blank:,} pairs with a blank side")
    lines.append(
        f"{division.groups:,} groups of pairs share no sentence with each other; the largest has "
        f"{division.largest:,} pairs"
    )
    return lines


def refuse_same(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse to write a file over another one.

    Raises:
        DataError: Naming the first file that is named twice.
    """
    from mt.errors import DataError

    taken = {path.resolve(): path for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise DataError(
                f"{path}: expected a file for each of what is read, kept and dropped, but this one "
                "is named twice; choose another name"
            )
        taken[path.resolve()] = path


def count_table(counts: "PairCounts") -> str:
    """Show how many pairs were dropped for which reason, the commonest first."""
    dropped = sorted(counts.dropped.items(), key=lambda each: (-each[1], each[0]))
    rows = [("read", counts.read), *dropped, ("kept", counts.kept)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{name:{width}}  {count:14,}  {count / max(1, counts.read):8.2%}" for name, count in rows
    )
