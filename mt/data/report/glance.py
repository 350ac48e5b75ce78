"""What can be said of corpora in a second, before a training begins."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mt.data.corpora import Corpus, Pair
from mt.data.report.findings import spoiling
from mt.data.report.overlap import HeldOut
from mt.data.report.parallel import Languages
from mt.data.report.survey import survey

log = logging.getLogger(__name__)

MOST = 50_000
"""Training pairs that are looked at, of all corpora together."""
_TOLD = 3
"""Findings that are told."""


def warn_of_corpora(
    training: Sequence[Corpus], held_out: Sequence[Corpus], languages: Languages
) -> None:
    """Look at the first pairs of each training corpus, and warn of what spoils a training.

    Args:
        training: Corpora to learn from.
        held_out: Corpora for validation, whose sentences should not be among them.
        languages: Of source and target.

    Raises:
        DataError: If a held-out corpus cannot be read.
    """
    wanted = [HeldOut(each) for each in held_out]
    seen = [
        survey(
            _Beginning(each, MOST // len(training)),
            languages, filters=(), held_out=wanted, processes=1,
        )
        for each in training
    ]  # fmt: skip
    serious = spoiling(seen, [each.overlap() for each in wanted])
    for finding in serious[:_TOLD]:
        log.warning("%s %s", finding.title, finding.meaning)
    if serious:
        pairs = sum(each.pairs for each in seen)
        log.warning("this is about the first %s pairs; `mt data check` tells more", f"{pairs:,}")


@dataclass(frozen=True)
class _Beginning:
    """The first pairs of a corpus."""

    corpus: Corpus
    most: int

    @property
    def where(self) -> str:
        return self.corpus.where

    @property
    def weight(self) -> float:
        return self.corpus.weight

    @property
    def tag(self) -> str | None:
        return self.corpus.tag

    @property
    def reverse(self) -> bool:
        return self.corpus.reverse

    def check(self) -> None:
        self.corpus.check()

    def pairs(self) -> Iterator[Pair]:
        return islice(self.corpus.pairs(), self.most)

    def fingerprint(self) -> str:
        return f"{self.most} of {self.corpus.fingerprint()}"
