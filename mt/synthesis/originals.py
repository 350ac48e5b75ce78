"""What people wrote and a model is to translate."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from mt.data.corpora import BaseCorpusConfig, Corpus
from mt.data.corpora.base import refuse_pipe
from mt.errors import DataError, run_checks
from mt.lines import read_lines

Side = Literal["source", "target"]
"""Which side of a pair people wrote: its source in distillation, its target in back-translation."""


class Original(NamedTuple):
    """A line that is to be translated."""

    text: str
    reference: str | None = None
    """Its translation by people, if there is one."""


@dataclass(frozen=True)
class Originals:
    """A side of corpora or, if there are none, texts: one behind the other, each time anew."""

    side: Side
    """Which side of the new pairs they are, and of the corpora."""
    corpora: Sequence[Corpus] = ()
    """The other side of them are references."""
    texts: Sequence[Path] = ()

    def __iter__(self) -> Iterator[Original]:
        """Read the lines.

        Raises:
            DataError: If something cannot be read, or is not UTF-8.
        """
        for corpus in self.corpora:
            for source, target in corpus.pairs():
                both = (source, target) if self.side == "source" else (target, source)
                yield Original(*both)
        for text in self.texts:
            for line in read_lines(text):
                yield Original(line)

    @property
    def tag(self) -> str | None:
        """What all corpora have before their sources.

        Raises:
            DataError: If it is not the same.
        """
        tags = {corpus.tag for corpus in self.corpora}
        if len(tags) > 1:
            found = ", ".join(sorted(str(tag or "none") for tag in tags))
            raise DataError(
                f"data.train: expected corpora of one tag, but found {found}; give the files of "
                "one corpus after the other, with --tag"
            )
        return next(iter(tags), None)

    def count(self, progress: Callable[[int], object]) -> int:
        """Read everything, and count the lines.

        Args:
            progress: Called with the number of lines read, every few thousand.

        Raises:
            DataError: If something cannot be read, or only once, as a pipe.
        """
        run_checks(partial(refuse_pipe, file) for file in self.files())
        count = 0
        for _ in self:
            count += 1
            if count % 4096 == 0:
                progress(count)
        return count

    def files(self) -> list[Path]:
        """List what is read."""
        corpora = (each for each in self.corpora if isinstance(each, BaseCorpusConfig))
        return [*(Path(file) for corpus in corpora for file in corpus.files()), *self.texts]
