"""Random choices of nouns with their company: who acts, and on what.

Nouns are chosen by class, so that what is eaten is food and what is opened opens. Everything is
drawn from one :class:`random.Random` over tuples in a fixed order: the same seed gives the same
phrases.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Literal, TypeVar

from phrasebook.adjectives import ADJECTIVES, Adjective
from phrasebook.declension import (
    ALL,
    ANY,
    BARE,
    EVERY,
    LANGUAGE,
    MANY,
    POSSESSIVES,
    SOME,
    SOME_MASS,
    THE,
    THIS,
    A,
    Determiner,
)
from phrasebook.nominals import (
    HE,
    NOBODY,
    PERSONAL,
    SHE,
    SOMEBODY,
    Both,
    Name,
    Nominal,
    NounPhrase,
)
from phrasebook.nouns import NOUNS, Noun
from phrasebook.places import PLACES

_Item = TypeVar("_Item")

Polarity = Literal["plain", "negative", "question", "liked"]
"""The kind of clause a noun phrase is for.

In denied clauses and questions *some* is *any*; after *likes to*, one thing stands for all of its
kind (*likes to read books*).
"""

WOMEN = tuple(Name(name, name, SHE) for name in ("Anna", "Maria", "Julia", "Lisa", "Emma", "Clara"))
MEN = tuple(Name(name, name, HE) for name in ("Peter", "Paul", "Karl", "Martin", "David", "Tom"))
NAMES = WOMEN + MEN
PEOPLE: tuple[Nominal, ...] = (*NAMES, *PERSONAL)

_QUANTIFIERS = (EVERY, ALL, MANY)

LANGUAGES = tuple(
    Noun(english, "", "n", german, "", frozenset({"language"}))
    for english, german in (
        ("German", "Deutsch"),
        ("English", "Englisch"),
        ("French", "Französisch"),
        ("Italian", "Italienisch"),
        ("Spanish", "Spanisch"),
    )
)
_ACTORS = (("pronoun", 36), ("name", 26), ("pair", 4), ("phrase", 34))
_VAGUE_ACTORS = (*_ACTORS[:3], ("body", 3), ("every", 2), ("all", 2), ("phrase", 27))
_OTHERS = (("pronoun", 34), ("name", 22), ("phrase", 44))

_ALL_NOUNS = NOUNS + LANGUAGES + tuple(place.noun for place in PLACES.values())


@cache
def nouns_of(classes: tuple[str, ...]) -> tuple[Noun, ...]:
    """Return the nouns in any of ``classes``, in the order of the tables."""
    return tuple(noun for noun in _ALL_NOUNS if not noun.classes.isdisjoint(classes))


_CALLED = {noun.english: noun for noun in _ALL_NOUNS}


def noun_called(english: str) -> Noun:
    """Return the noun with this English singular."""
    return _CALLED[english]


@cache
def adjectives_for(noun: Noun) -> tuple[Adjective, ...]:
    """Return the adjectives that suit ``noun``, in the order of the table."""
    return tuple(word for word in ADJECTIVES if not word.classes.isdisjoint(noun.classes))


class Casting:
    """Draws nominals at random.

    Args:
        random: Where chance comes from; the state is shared with the caller.
    """

    def __init__(self, random: Random) -> None:
        self.random = random

    def chance(self, probability: float) -> bool:
        """Return ``True`` with ``probability``."""
        return self.random.random() < probability

    def pick(self, items: Sequence[_Item]) -> _Item:
        """Return one of ``items``, each as likely as the other."""
        return items[int(self.random.random() * len(items))]

    def weighted(self, items: Sequence[tuple[_Item, float]]) -> _Item:
        """Return one of ``items``, each as likely as its weight tells."""
        point = self.random.random() * sum(weight for _, weight in items)
        for item, weight in items:
            point -= weight
            if point < 0:
                return item
        return items[-1][0]

    def noun(self, *classes: str) -> Noun:
        """Return a noun of any of ``classes``."""
        return self.pick(nouns_of(classes))

    def actor(self, vague: bool = False) -> Nominal:
        """Return somebody to be a subject; if ``vague``, perhaps *nobody* or *every child*."""
        actor: Nominal
        match self.weighted(_VAGUE_ACTORS if vague else _ACTORS):
            case "pronoun":
                actor = self.pick(PERSONAL)
            case "name":
                actor = self.pick(NAMES)
            case "pair":
                first = self.pick(NAMES)
                actor = Both(first, self.pick(tuple(name for name in NAMES if name is not first)))
            case "body":
                actor = self.pick((NOBODY, SOMEBODY))
            case "every":
                actor = NounPhrase(self.noun("young"), EVERY)
            case "all":
                actor = NounPhrase(self.noun("young"), self.pick((ALL, MANY)), plural=True)
            case _:
                actor = self.phrase(self.noun("human"), known=self.chance(0.8))
        return actor

    def somebody_else(self, subject: Nominal, polarity: Polarity = "plain") -> Nominal:
        """Return somebody other than ``subject``, to be an object."""
        while True:
            other: Nominal
            match self.weighted(_OTHERS):
                case "pronoun":
                    other = self.pick(PERSONAL)
                case "name":
                    other = self.pick(NAMES)
                case _:
                    noun = self.noun("human")
                    known = self.chance(0.85)
                    other = self.phrase(noun, owner=subject, polarity=polarity, known=known)
            if not clash(subject, other):
                return other

    def thing(self, classes: tuple[str, ...], owner: Nominal | None = None) -> NounPhrase:
        """Return a noun phrase of any of ``classes``; see :meth:`phrase`."""
        return self.phrase(self.pick(nouns_of(classes)), owner=owner)

    def phrase(
        self,
        noun: Noun,
        *,
        owner: Nominal | None = None,
        polarity: Polarity = "plain",
        known: bool = False,
    ) -> NounPhrase:
        """Return a noun phrase around ``noun``.

        Args:
            noun: The noun.
            owner: Who is likely to own it, if anybody.
            polarity: What kind of clause it is for.
            known: Whether to take only determiners that make it known.
        """
        if "language" in noun.classes:
            return NounPhrase(noun, LANGUAGE)
        if noun.classes & _CLOSE:
            return self._close(noun, owner)
        chance = 0.04 if "public" in noun.classes else 0.2
        plural = bool(noun.english_plural) and ("paired" in noun.classes or self.chance(chance))
        if polarity == "liked" and not known:
            plural = bool(noun.english_plural)
        determiner = self._determiner(noun, owner, "known" if known else polarity, plural)
        number = None
        if determiner is BARE and plural and polarity == "plain" and self.chance(0.5):
            number = 2 + int(self.random.random() * 11)
        adjective = self.adjective_for(noun, 0.13 if "human" in noun.classes else 0.26)
        if determiner is THE and noun.classes & _OWNED and self.chance(0.12):
            return NounPhrase(noun, THE, plural, adjective, owner=self._owner(owner))
        comparative = (
            adjective is not None
            and determiner is A
            and bool(adjective.english_comparative)
            and self.chance(0.2)
        )
        return NounPhrase(noun, determiner, plural, adjective, comparative, number)

    def adjective_for(self, noun: Noun, chance: float) -> Adjective | None:
        """Return an adjective that suits ``noun``, with a ``chance`` from 0 to 1."""
        suitable = adjectives_for(noun)
        return self.pick(suitable) if suitable and self.chance(chance) else None

    def _determiner(
        self, noun: Noun, owner: Nominal | None, use: Polarity | Literal["known"], plural: bool
    ) -> Determiner:
        ours = 0.0 if noun.classes & _UNOWNED and not noun.classes & _OWNED_ANYWAY else 2.0
        own = (self._possessive(owner), ours)
        countable = bool(noun.english_plural) or "place" in noun.classes
        choices: tuple[tuple[Determiner, float], ...]
        match use:
            case "known":
                choices = ((THE, 6), own, (THIS, 1))
            case "liked" if plural or not countable:
                choices = ((BARE, 6), (THE, 1), own)
            case "negative" | "question":
                choices = ((THE, 4), (ANY if plural or not countable else A, 4), own)
            case _ if plural:
                choices = ((THE, 4), (BARE, 2), (SOME, 1.5), own, (THIS, 1))
            case _ if countable:
                choices = ((THE, 4), (A, 3), own, (THIS, 0.8))
            case _:
                choices = ((THE, 4), (BARE, 4), (SOME_MASS, 1.5), own)
        return self.weighted(choices)

    def _close(self, noun: Noun, owner: Nominal | None) -> NounPhrase:
        plural = bool(noun.english_plural) and "elder" not in noun.classes and self.chance(0.12)
        adjective = None
        if "sibling" in noun.classes and self.chance(0.15):
            adjective = self.pick(_OF_SIBLINGS)
        if self.chance(0.22):
            name = self.pick(NAMES)
            if name is not owner:
                return NounPhrase(noun, THE, plural, adjective, owner=name)
        return NounPhrase(noun, self._possessive(owner), plural, adjective)

    def _owner(self, subject: Nominal | None) -> Nominal:
        owner: Nominal = self.pick(NAMES)
        if owner is subject or self.chance(0.5):
            owner = NounPhrase(self.noun("kin"), self._possessive(subject))
        return owner

    def _possessive(self, owner: Nominal | None) -> Determiner:
        if owner is not None and owner.pronoun.owns is not THE and self.chance(0.75):
            return owner.pronoun.owns
        return self.pick(POSSESSIVES)


_CLOSE = frozenset({"kin", "close"})
_UNOWNED = frozenset({"person", "public", "building", "town", "outside"})
_OWNED_ANYWAY = frozenset({"ours", "garden"})
_OWNED = frozenset(
    {"clothes", "device", "own", "reading", "thing", "house", "garden", "room", "pet"}
)
_OF_SIBLINGS = tuple(word for word in ADJECTIVES if word.english in ("little", "clever", "lazy"))


def is_vague(nominal: Nominal) -> bool:
    """Tell whether this is *nobody*, *every child* and the like, which English does not deny."""
    if isinstance(nominal, NounPhrase):
        return nominal.determiner in _QUANTIFIERS
    return nominal in (NOBODY, SOMEBODY)


def clash(subject: Nominal, other: Nominal) -> bool:
    """Tell whether a subject and an object would be, or look like, the same."""
    if subject is other or (subject.pronoun.person.is_first and other.pronoun.person.is_first):
        return True
    if isinstance(subject, NounPhrase) and isinstance(other, NounPhrase):
        return subject.noun is other.noun or other.owner is subject
    return isinstance(subject, Both) and other in (subject.first, subject.second)
