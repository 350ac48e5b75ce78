"""All filters of a corpus together."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from mt.bundle import MOST_TOKENS
from mt.data.filters.config import AnyFilter
from mt.data.filters.contract import Filter, Reason, Sides
from mt.data.filters.length import Blank

_CHUNK = 1000
"""Pairs judged at a time."""

_Pair = TypeVar("_Pair", bound=Sides)

_VERSION = 1
"""Of what filters do; another one makes stores be prepared anew."""


@dataclass(frozen=True)
class Selection:
    """Which pairs of a corpus are used.

    A pair with a blank side never is. Filters that know one pair only are asked before those that
    remember, whatever their order: so these remember only what others keep.
    """

    filters: tuple[AnyFilter, ...] = ()
    """By their text."""
    source: str = ""
    """The language of sources."""
    target: str = ""
    """The language of targets."""
    max_tokens: int | None = None
    """Most tokens of a side, the end mark included."""

    def start(self) -> Filter:
        """Build the filters of text anew, to go through a corpus from its start.

        Raises:
            ConfigError: If a filter needs a package that is not installed.
        """
        return Chain([self.stateless(), self.stateful()])

    def stateless(self) -> Filter:
        """Build the filters that know one pair only."""
        return Chain([Blank(), *self._build(stateful=False)])

    def stateful(self) -> Filter:
        """Build the filters that remember earlier pairs."""
        return Chain(self._build(stateful=True))

    def select(self, pairs: Iterable[_Pair]) -> Iterator[_Pair]:
        """Yield the pairs of a corpus that are used, in their order.

        Raises:
            ConfigError: If a filter needs a package that is not installed.
        """
        filters, stream = self.start(), iter(pairs)
        while chunk := list(islice(stream, _CHUNK)):
            for pair, reason in zip(chunk, filters.reasons(chunk), strict=True):
                if reason is None:
                    yield pair

    def reason_of_lengths(self, source: int, target: int) -> Reason | None:
        """Say by the tokens of both sides, end marks included, why a pair is not used."""
        if source == 1 or target == 1:  # of invisible characters no token is left
            return Reason("blank", "source" if source == 1 else "target")
        longest = max(source, target)
        if longest > (self.max_tokens or MOST_TOKENS):
            return Reason("too long", f"{longest} tokens")
        return None

    def fingerprint(self) -> str:
        """Return a text that changes with what is dropped: what was kept is stored under it."""
        filters = [each.model_dump(mode="json") for each in self.filters]
        languages = [self.source, self.target] if filters else []
        return json.dumps([_VERSION, self.max_tokens, languages, filters])

    def _build(self, stateful: bool) -> list[Filter]:
        return [
            each.build(self.source, self.target)
            for each in self.filters
            if each.stateful == stateful
        ]


class Chain:
    """Several filters as one: the first reason counts, and later ones do not see the pair."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = filters

    def reasons(self, pairs: Sequence[Sides]) -> Sequence[Reason | None]:
        """Say for each pair why it is not used."""
        reasons: list[Reason | None] = [None] * len(pairs)
        for each in self._filters:
            ask(each, pairs, reasons)
        return reasons


def ask(one: Filter, pairs: Sequence[Sides], reasons: list[Reason | None]) -> None:
    """Let a filter judge the pairs that have no reason yet, and note what it says."""
    left = [row for row, reason in enumerate(reasons) if reason is None]
    for row, reason in zip(left, one.reasons([pairs[row] for row in left]), strict=True):
        reasons[row] = reason
