"""What people wrote and a model is to translate."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from mt.data.corpora import Corpus
from mt.lines import read_lines

Side = Literal["source", "target"]
"""Which side of a pair people wrote: its source in distillation, its target in back-translation."""


class Original(NamedTuple):
    """A line that is to be translated."""

    text: str
    reference: str | None = None
    """Its translation by people, if there is one."""


def originals_of_texts(paths: Sequence[Path]) -> Iterator[Original]:
    """Read the lines of texts, one text after the other.

    Raises:
        DataError: If one cannot be read, or is not UTF-8.
    """
    for path in paths:
        for line in read_lines(path):
            yield Original(line)


def originals_of_pairs(corpora: Sequence[Corpus], side: Side) -> Iterator[Original]:
    """Read one side of corpora, one corpus after the other, with the other side as references.

    Raises:
        DataError: If one cannot be read.
    """
    for corpus in corpora:
        for source, target in corpus.pairs():
            yield Original(source, target) if side == "source" else Original(target, source)
