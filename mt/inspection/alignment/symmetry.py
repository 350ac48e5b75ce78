"""Symmetrization: one alignment from the alignments of two directions. Loads no torch."""

from typing import Literal, get_args

from mt.evaluation.alignment import Links

Symmetry = Literal["intersection", "union", "grow-diag", "grow-diag-final-and"]
"""How two alignments become one, from the most precise to the most complete but for ``union``.

``intersection``: links that both have.
``grow-diag``: also links of either that neighbour one that is there, if a word of theirs has none.
``grow-diag-final-and``: then also links of either between two words that have none.
``union``: links that either has.
"""
Joining = Literal["joint", Symmetry]
"""How two directions make one alignment.

``joint``: by the geometric mean of their weights, from which the links are taken.
Any :data:`Symmetry`: links are taken from the weights of each direction, then joined.
"""
JOININGS: tuple[Joining, ...] = ("joint", *get_args(Symmetry))

_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrise(forward: Links, reverse: Links, how: Symmetry) -> Links:
    """Join the alignments of both directions; both have the source word first.

    Source: Och and Ney (2003); Koehn et al. (2005), "Edinburgh System Description for
    the 2005 IWSLT Speech Translation Evaluation", whose pseudo-code this is.
    """
    both, either = forward & reverse, forward | reverse
    if how == "intersection":
        return both
    if how == "union":
        return either
    alignment = _GrowingAlignment(both)
    alignment.add_neighbours(either)
    if how == "grow-diag-final-and":
        alignment.add_unaligned(forward)
        alignment.add_unaligned(reverse)
    return frozenset(alignment.links)


class _GrowingAlignment:
    """Links, and the words that have one."""

    def __init__(self, links: Links) -> None:
        self.links = set(links)
        self._sources = {source for source, _ in links}
        self._targets = {target for _, target in links}

    def add_neighbours(self, candidates: Links) -> None:
        """Add candidates that neighbour a link, if a word of theirs has none, until none is left.

        The pseudo-code's ``GROW-DIAG``.
        """
        before = -1
        while before != len(self.links):
            before = len(self.links)
            # Target by target, as in the paper; links that were just added have neighbours too.
            for target in range(1 + max((target for _, target in candidates), default=-1)):
                for source in range(1 + max((source for source, _ in candidates), default=-1)):
                    if (source, target) in self.links:
                        self._add_neighbours_of(source, target, candidates)

    def add_unaligned(self, candidates: Links) -> None:
        """Add candidates of which neither word has a link; the pseudo-code's ``FINAL-AND``."""
        for source, target in sorted(candidates, key=lambda link: link[::-1]):
            if source not in self._sources and target not in self._targets:
                self._add(source, target)

    def _add_neighbours_of(self, source: int, target: int, candidates: Links) -> None:
        for right, down in _NEIGHBOURS:
            new = source + down, target + right
            unaligned = new[0] not in self._sources or new[1] not in self._targets
            if unaligned and new in candidates:
                self._add(*new)

    def _add(self, source: int, target: int) -> None:
        self.links.add((source, target))
        self._sources.add(source)
        self._targets.add(target)
