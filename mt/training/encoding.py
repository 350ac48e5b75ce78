"""Corpora encoded by the hosts of a run together: each takes some, and all open what is there."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mt.data.corpora import Corpus
from mt.data.filters import Selection
from mt.data.mixture import Mixture, mix
from mt.data.pairs import PairCounts
from mt.data.store import Store, prepare_store
from mt.text.tokenizer import Tokenizers
from mt.training.sharing import appears, hosts_that_share
from mt.training.world import World


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
    the others open what that has found or made.

    Args:
        corpora: What to read, in this order.
        tokenizers: Encode the sides; each gets an ``END``.
        directory: Where stores are kept.
        selections: Say for each corpus which of its pairs are used.
        world: The processes; each calls this.
        progress: Called with what this process has read so far of a corpus.
        temperature: Shares epochs among the corpora.

    Raises:
        DataError: As :func:`mt.data.mixture.prepare` does.
    """
    hosts, count = world.hosts, len(corpora)
    sharing = hosts_that_share(directory, world)
    mine: dict[int, Store] = {}

    def encode(place: int) -> None:
        before = sum((store.counts for store in mine.values()), PairCounts())
        report = None if progress is None else lambda counts: progress(before + counts)
        mine[place] = prepare_store(
            corpora[place], tokenizers, directory, selections[place], progress=report
        )

    def open_the_rest() -> None:
        for place in sorted(names.keys() - mine.keys()):
            path = directory / names[place]
            if appears(path):
                mine[place] = Store(path, corpora[place].where, reused=True)
            else:
                encode(place)

    if hosts.is_first:
        for place in range(sharing.index(hosts.own), count, len(sharing)):
            encode(place)
    found = world.gather((hosts.own, {place: store.path.name for place, store in mine.items()}))
    names = {place: name for own, each in found if own in sharing for place, name in each.items()}
    if hosts.is_first:
        open_the_rest()
    world.gather(None)  # now each host has them all
    open_the_rest()
    return mix(corpora, [mine[place] for place in range(count)], temperature)
