"""Corpora encoded by the hosts of a run together: each takes some, and all open what is there."""

import logging
import platform
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


class _Made(NamedTuple):
    """What a process has encoded."""

    host: str
    stores: list[tuple[Path, PairCounts, str | None]]
    """Each with the name of the file that was found damaged, if one was."""


def encode_together(  # noqa: PLR0917 - what pairs are made of, and who makes them
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
    encoded: list[Store] = []

    def encode(place: int) -> None:
        before = sum((store.counts for store in mine.values()), PairCounts())
        report = None if progress is None else lambda counts: progress(before + counts)
        mine[place] = prepare_store(
            corpora[place], tokenizers, directory, selections[place], progress=report
        )
        encoded.append(mine[place])

    def open_the_rest() -> None:
        for place in sorted(found.keys() - mine.keys()):
            name, reused = found[place]
            if appears(directory / name):
                mine[place] = Store(directory / name, corpora[place].where, reused)
            else:
                encode(place)

    if hosts.is_first:
        for place in range(sharing.index(hosts.own), count, len(sharing)):
            encode(place)
    names = {place: (store.path.name, store.reused) for place, store in mine.items()}
    told = world.gather((hosts.own, names))
    found = {
        place: each for own, theirs in told if own in sharing for place, each in theirs.items()
    }
    if hosts.is_first:
        open_the_rest()
    made = [(each.path, each.counts, each.damaged) for each in encoded if not each.reused]
    works = world.gather(_Made(platform.node(), made))  # now each host has them all
    if world.is_main:
        _tell(works)
    open_the_rest()
    return mix(corpora, [mine[place] for place in range(count)], temperature)


def _tell(works: Sequence[_Made]) -> None:
    """Tell what all processes have encoded; what the first found damaged it has told before."""
    for host, stores in works[1:]:
        for path, _, damaged in stores:
            if damaged is not None:
                log.warning(
                    "%s: expected encoded pairs, but on %s the file was missing or damaged; they "
                    "were encoded again",
                    path / damaged, host,
                )  # fmt: skip
    parts = [
        f"{sum(counts.read for _, counts, _ in stores):,} on {host}"
        for host, stores in works
        if stores
    ]
    if parts and len({host for host, _ in works}) > 1:
        log.info("pairs encoded now: %s", ", ".join(parts))
