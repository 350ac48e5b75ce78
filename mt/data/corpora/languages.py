"""Which of the languages in a file is the one that is asked for."""

from collections import Counter
from collections.abc import Collection
from itertools import takewhile

from mt.data.corpora.base import warn_once
from mt.errors import DataError

_SHOWN = 10
"""Languages that a message names."""


class LanguageChoice:
    """Chooses two languages out of those of each unit, and tells at the end what was unclear.

    Args:
        where: How messages call the corpus.
        source: The tag of the source language that is asked for.
        target: The tag of the target language.
    """

    def __init__(self, where: str, source: str, target: str) -> None:
        self._where = where
        self._wanted = source, target
        self._units: Counter[tuple[str, ...]] = Counter()
        self._choices: dict[tuple[str, ...], tuple[str, str] | None] = {}

    def of(self, tags: Collection[str]) -> tuple[str, str] | None:
        """Return the tags of source and target in a unit, or ``None`` if it lacks one."""
        key = tuple(tags)
        self._units[key] += 1
        if key not in self._choices:
            source, target = (closest(each, key) for each in self._wanted)
            if source is None or target is None or source == target:
                self._choices[key] = None
            else:
                self._choices[key] = source, target
        return self._choices[key]

    def report(self) -> None:
        """Tell how many units lack a language, and where there were several of a kind.

        Raises:
            DataError: If there were units, but none with both languages.
        """
        asked = " and ".join(self._wanted)
        lacking = sum(self._units[key] for key, choice in self._choices.items() if choice is None)
        if self._units and lacking == self._units.total():
            known = Counter(tag for key in self._units for tag in key).most_common(_SHOWN)
            raise DataError(
                f"{self._where}: expected text in {asked}, but it holds "
                f"{', '.join(tag for tag, _ in known) or 'no languages'}; set source and target to "
                "two of these"
            )
        if lacking:
            warn_once(f"{self._where}: {lacking:,} units without {asked} left out")
        for side, wanted in zip(("source", "target"), self._wanted, strict=True):
            spellings = {
                tuple(_subtags(tag)): tag for key, choice in self._choices.items() if choice
                for tag in _candidates(wanted, key)
            }  # fmt: skip
            found = sorted(spellings.values())
            if len(found) > 1 or not all(_are_nested(wanted, tag) for tag in found):
                warn_once(
                    f"{self._where}: {wanted} is taken from what is marked as {', '.join(found)}; "
                    f"set {side} to one of them to take that first"
                )


def closest(wanted: str, tags: Collection[str]) -> str | None:
    """Find the tag that is nearest to the one that is asked for.

    That is the same tag, whatever the case of its letters. Else it is a tag of the same language,
    which is the first subtag: the one that shares the most subtags, of several the one with the
    fewest others, of these the first in the alphabet.

    Args:
        wanted: A tag such as ``pt`` or ``pt-BR``; ``pt_br`` means the same.
        tags: Those to choose from.

    Returns:
        One of ``tags``, or ``None`` if none is of this language.
    """
    asked = _subtags(wanted)

    def distance(tag: str) -> tuple[int, int, str]:
        found = _subtags(tag)
        return -_shared(asked, found), len(found), tag

    return min((tag for tag in tags if _shared(asked, _subtags(tag))), key=distance, default=None)


def _candidates(wanted: str, tags: Collection[str]) -> Collection[str]:
    """List what may be meant: the very tag alone, else all tags of the language."""
    asked = _subtags(wanted)
    exact = [tag for tag in tags if _subtags(tag) == asked]
    return exact or [tag for tag in tags if _shared(asked, _subtags(tag))]


def _are_nested(one: str, other: str) -> bool:
    """Say whether one tag is the other with more subtags behind it."""
    return all(a == b for a, b in zip(_subtags(one), _subtags(other), strict=False))


def _subtags(tag: str) -> list[str]:
    return tag.strip().replace("_", "-").lower().split("-")


def _shared(one: list[str], other: list[str]) -> int:
    """Count the subtags that are the same, from the first on."""
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False)))
