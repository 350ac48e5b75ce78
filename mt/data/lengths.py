"""Which sequences are computed on together: those of similar length, so that little is padded."""

from collections.abc import Iterator, Sequence
from math import prod


def group_by_length(*lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Group sequences, or pairs of sequences, of similar length, longest first.

    Args:
        lengths: Tokens of each sequence; for pairs one list for each side. Pairs are sorted by the
            first side, those with equal first sides by the second.
        budget: Most cells of a group, padding included: its rows times the longest sequence of
            each side. What exceeds it alone is a group of its own.

    Yields:
        The indices of a group; every index occurs once.
    """
    sizes = list(zip(*lengths, strict=True))
    group: list[int] = []
    longest: tuple[int, ...] = ()
    for index in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        longer = tuple(map(max, longest, sizes[index])) if group else sizes[index]
        if group and (len(group) + 1) * prod(longer) > budget:
            yield group
            group, longer = [], sizes[index]
        group.append(index)
        longest = longer
    if group:
        yield group
