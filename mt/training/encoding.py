"""Corpora encoded by the hosts of a run together: each takes some, and all open what is there."""

import logging
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from mt.data.corpora import Corpus
from mt.data.filters import Selection
from mt.data.mixture import Mixture, mix
from mt.data.pairs import PairCounts
from mt.data.store import Store, prepare_store
from mt.text.tokenizer import Tokenizers
from mt.training.sharing import appears, hosts_that_share
from mt.training.world import World

log = logging.getLogger(__name__)


class _Encoded(NamedTuple):
    """A store that a process has encoded."""

    path: Path
    counts: PairCounts
    damaged: str | None
    """The name of the file for which it was encoded again, if it was."""


def encode_together(  # noqa: PLR0917 - what pairs are made of, and who makes them
    name: str,
    corpora: Sequence[Corpus],
    tokenizers: Tokenizers,
    directory: Path,
    selections: Sequence[Selection],
    world: World,
    progress: Callable[[PairCounts], object] | None = None,
    *,
    temperature: float = 1.0,
) -> Mixture:
    """Encode the pairs of every corpus that has no store yet, and open the stores of all.

    Hosts that share ``directory`` divide the corpora among them; one that has it for itself
    encodes all. The first process of a host compares what it does not encode with the checksums,
    the others open what that has found or made. The main process tells what all have encoded.

    Args:
        name: What the log calls the pairs: training or validation.
        corpora: What to read, in this order.
        tokenizers: Encode the sides; each gets an ``END``.
        directory: Where stores are kept.
        selections: Say for each corpus which of its pairs are used.
        world: The processes; each calls this.
        progress: Called with what this process has read so far of its part.
        temperature: Shares epochs among the corpora.

    Raises:
        DataError: As :func:`mt.data.mixture.prepare` does.
    """
    hosts, count = world.hosts, len(corpora)
    sharing = hosts_that_share(directory, world)
    mine: dict[int, Store] = {}
    encoded: list[_Encoded] = []

    def encode(place: int) -> None:
        before = sum((store.counts for store in mine.values()), PairCounts())
        report = None if progress is None else lambda counts: progress(before + counts)
        store = mine[place] = prepare_store(
            corpora[place], tokenizers, directory, selections[place], progress=report
        )
        if not store.reused:
            encoded.append(_Encoded(store.path, store.counts, store.damaged))

    def open_the_rest() -> None:
        for place in sorted(ready.keys() - mine.keys()):
            folder, reused = ready[place]
            if appears(directory / folder):
                mine[place] = Store(directory / folder, corpora[place].where, reused)
            else:
                encode(place)

    if hosts.is_first:
        for place in range(sharing.index(hosts.own), count, len(sharing)):
            encode(place)
    stores = {place: (store.path.name, store.reused) for place, store in mine.items()}
    by_process = world.gather((hosts.own, stores))
    ready = {
        place: store
        for host, theirs in by_process
        if host in sharing
        for place, store in theirs.items()
    }
    if hosts.is_first:
        open_the_rest()
    world.gather(None)  # from here on each host has them all
    open_the_rest()
    _tell(name, encoded, world)
    return mix(corpora, [mine[place] for place in range(count)], temperature)


def _tell(name: str, encoded: Sequence[_Encoded], world: World) -> None:
    """Let the main process tell what all have encoded; each calls this with its own."""
    by_process = world.gather((platform.node(), encoded))
    if not world.is_main:
        return
    for host, theirs in by_process[1:]:  # of what the first found damaged it has told before
        for path, _, damaged in theirs:
            if damaged is not None:
                log.warning(
                    "%s: expected encoded pairs, but on %s the file was missing or damaged; they "
                    "were encoded again",
                    path / damaged, host,
                )  # fmt: skip
    read = Counter[str]()
    for host, theirs in by_process:
        for each in theirs:
            read[host] += each.counts.read
    if read and world.hosts.count > 1:
        parts = ", ".join(f"{pairs:,} read on {host}" for host, pairs in read.items())
        log.info("encoded %s pairs: %s", name, parts)
