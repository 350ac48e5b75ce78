"""The corpus: distinct pairs of every kind, drawn from one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from phrasebook import complexes, counting, embedded, orders, questions, statements
from phrasebook.composer import Composer
from phrasebook.words import Pair

Kind = Callable[[Composer], Pair]

KINDS: tuple[tuple[Kind, float], ...] = (
    (statements.action, 17),
    (statements.denial, 8),
    (statements.remark, 3),
    (statements.quality, 4),
    (statements.comparison, 3),
    (statements.profession, 1),
    (statements.presentation, 1.5),
    (statements.whereabouts, 2.5),
    (statements.there_is, 2),
    (statements.nothing_there, 1),
    (statements.possession, 2),
    (statements.weather, 1),
    (questions.yes_no, 5),
    (questions.yes_no_quality, 1),
    (questions.asked_actor, 2.5),
    (questions.asked_object, 3),
    (questions.asked_which, 2),
    (questions.asked_circumstance, 4),
    (questions.indirect, 4),
    (questions.traveller, 1),
    (questions.small_talk, 1.5),
    (orders.order, 3),
    (orders.suggestion, 1.5),
    (orders.conditional_order, 1.5),
    (counting.age, 1.2),
    (counting.price, 1.2),
    (counting.duration, 1),
    (counting.inventory, 1.2),
    (counting.numbered, 1),
    (counting.time_of_day, 0.1),
    (complexes.reason, 4),
    (complexes.report, 4),
    (complexes.condition, 2.5),
    (complexes.meanwhile, 2.5),
    (complexes.both, 2.5),
    (complexes.obstacle, 2),
    (complexes.looking_back, 3),
    (complexes.judged, 2),
    (embedded.relative_of_person, 2.5),
    (embedded.relative_of_thing, 2.5),
    (embedded.effort, 2.5),
    (embedded.errand, 2),
)
"""Every kind of sentence, with its share of what is drawn."""

MAX_PAIRS = 100_000
"""How many distinct pairs are certainly found without the draws repeating themselves much."""


class CorpusError(ValueError):
    """The corpus asked for cannot be made; the message says why and what could be asked for."""


def draw(seed: int) -> Iterator[Pair]:
    """Yield pairs for ever, some of them more than once; the same ones for the same ``seed``."""
    random = Random(seed)  # noqa: S311
    composer = Composer(random)
    while True:
        yield composer.weighted(KINDS)(composer)


def distinct_pairs(count: int, seed: int) -> list[Pair]:
    """Return ``count`` pairs no two of which share a side.

    Args:
        count: How many.
        seed: What to draw them from.

    Raises:
        CorpusError: If there are not as many.
    """
    if not 1 <= count <= MAX_PAIRS:
        raise CorpusError(f"--pairs: expected 1 to {MAX_PAIRS}, but got {count}")
    german_of: dict[str, str] = {}
    seen_german: set[str] = set()
    pairs: list[Pair] = []
    for draws, pair in enumerate(draw(seed), 1):
        if german_of.setdefault(pair.english, pair.german) != pair.german:
            raise AssertionError(f"two German sides for {pair.english!r}")
        if pair.german not in seen_german and len(pairs) < count:
            seen_german.add(pair.german)
            pairs.append(pair)
        if len(pairs) == count:
            return pairs
        if draws > 10 * count + 1000:
            break
    raise CorpusError(f"--pairs: expected at most {len(pairs)} for seed {seed}, but got {count}")
