"""Cases in which the values of any few factors meet, instead of all their combinations."""

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

TRIES = 50
"""Cases drawn for each that is chosen."""


def cover(factors: Mapping[str, Sequence[Any]], strength: int = 2) -> list[dict[str, Any]]:
    """Choose cases such that any ``strength`` values of different factors meet in one of them.

    Few mistakes need more than two or three conditions at once to show, and these cases are few
    where their product is thousands. The choice is greedy: of some random cases with a meeting that
    is still missing, the one with the most such meetings.

    Source: Cohen, Dalal, Fredman and Patton (1997), section 4.1.
    """
    generator = random.Random(1)
    sizes = {name: range(len(values)) for name, values in factors.items()}

    def meetings(case: Mapping[str, int]) -> set[tuple[tuple[str, int], ...]]:
        return set(itertools.combinations(case.items(), strength))

    missing = {
        tuple(zip(names, indices, strict=True))
        for names in itertools.combinations(factors, strength)
        for indices in itertools.product(*(sizes[name] for name in names))
    }
    cases = []
    while missing:
        wanted = dict(min(missing))
        tries = (
            {name: generator.choice(size) for name, size in sizes.items()} | wanted
            for _ in range(TRIES)
        )
        best = max(tries, key=lambda case: len(missing & meetings(case)))
        missing -= meetings(best)
        cases.append({name: factors[name][index] for name, index in best.items()})
    return cases
