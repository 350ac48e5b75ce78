"""Phrases around the verb: objects with and without prepositions, and predicates."""

from __future__ import annotations

from dataclasses import dataclass

from phrasebook.adjectives import Adjective
from phrasebook.adverbials import CONTRACTIONS
from phrasebook.declension import Case
from phrasebook.nominals import WHAT, Nominal, NounPhrase
from phrasebook.words import Fixed, Word


@dataclass(frozen=True, slots=True)
class Argument:
    """A nominal in the case its verb or preposition asks for.

    Attributes:
        nominal: The nominal.
        case: Its German case.
        english: English preposition; empty for plain objects.
        german: German preposition; empty for plain objects.
    """

    nominal: Nominal
    case: Case
    english: str = ""
    german: str = ""

    def english_words(self, path: str) -> list[Word]:
        """Return the preposition and the nominal."""
        return [*self.english_preposition(path), *self.nominal.english_words(path)]

    def english_preposition(self, path: str) -> list[Word]:
        """Return the preposition alone, which a question leaves behind."""
        return [Word(part, (f"{path}.preposition",)) for part in self.english.split()]

    def german_words(self, path: str, negation: str = "", governor: str = "") -> list[Word]:
        """Return the preposition and the nominal, contracted where German contracts.

        Args:
            path: The beginning of all ties.
            negation: The tie of a *not* to absorb.
            governor: The tie of the verb, which an English verb without preposition renders whole.
        """
        words = self.nominal.german_words(path, self.case, negation)
        if not self.german:
            return words
        tie = f"{path}.preposition" if self.english else governor
        if self.nominal is WHAT:
            link = "r" if self.german[0] in "aeiouäöü" else ""
            return [Word(f"wo{link}{self.german}", (tie, *words[0].ties))]
        contracted = CONTRACTIONS.get((self.german, words[0].text))
        if contracted and isinstance(self.nominal, NounPhrase):
            return [Word(contracted, (tie, *words[0].ties)), *words[1:]]
        return [Word(self.german, (tie,)), *words]


@dataclass(frozen=True, slots=True)
class Quality:
    """An adjective after *be*, alone, graded or compared.

    Attributes:
        adjective: The adjective.
        degree: English and German word before it, such as ``very`` and ``sehr``.
        than: What the subject exceeds.
        equal: What the subject equals.
    """

    adjective: Adjective
    degree: tuple[str, str] = ("", "")
    than: Nominal | None = None
    equal: Nominal | None = None

    def english_words(self, path: str) -> list[Word]:
        """Return ``very old``, ``older than ...`` or ``as old as ...``."""
        tie = (f"{path}.adjective",)
        if self.than:
            words = [Word(part, tie) for part in self.adjective.english_comparative.split()]
            words.append(Word("than", (f"{path}.than",)))
            return words + self.than.english_words(f"{path}.standard", subject=False)
        if self.equal:
            return [
                Word("as", (f"{path}.degree",)),
                Word(self.adjective.english, tie),
                Word("as", (f"{path}.than",)),
                *self.equal.english_words(f"{path}.standard", subject=False),
            ]
        degree = [Word(self.degree[0], (f"{path}.degree",))] if self.degree[0] else []
        return [*degree, Word(self.adjective.english, tie)]

    def german_words(self, path: str) -> list[Word]:
        """Return ``sehr alt``, ``älter als ...`` or ``so alt wie ...``."""
        tie = (f"{path}.adjective",)
        if self.than:
            return [
                Word(self.adjective.german_comparative, tie),
                Word("als", (f"{path}.than",)),
                *self.than.german_words(f"{path}.standard", Case.NOMINATIVE),
            ]
        if self.equal:
            return [
                Word("so", (f"{path}.degree",)),
                Word(self.adjective.german, tie),
                Word("wie", (f"{path}.than",)),
                *self.equal.german_words(f"{path}.standard", Case.NOMINATIVE),
            ]
        degree = [Word(self.degree[1], (f"{path}.degree",))] if self.degree[1] else []
        return [*degree, Word(self.adjective.german, tie)]


@dataclass(frozen=True, slots=True)
class Addressed:
    """Somebody's name, called before a sentence or after a greeting.

    Attributes:
        name: Whom one addresses.
        greeting: What is said first; a comma follows it.
    """

    name: Nominal
    greeting: Fixed | None = None

    def english_words(self, path: str) -> list[Word]:
        """Return the name, after the greeting if there is one."""
        greeting = self.greeting.english_words(path) if self.greeting else []
        return _set_off(greeting, self.name.english_words(f"{path}.name", subject=True), path)

    def german_words(self, path: str) -> list[Word]:
        """Return the name, after the greeting if there is one."""
        greeting = self.greeting.german_words(path) if self.greeting else []
        return _set_off(greeting, self.name.german_words(f"{path}.name", Case.NOMINATIVE), path)


def _set_off(greeting: list[Word], name: list[Word], path: str) -> list[Word]:
    return [*greeting, Word(",", (f"{path}.comma",)), *name] if greeting else name


@dataclass(frozen=True, slots=True)
class Identity:
    """A nominal after *be*, in the nominative."""

    nominal: Nominal

    def english_words(self, path: str) -> list[Word]:
        """Return the nominal."""
        return self.nominal.english_words(path)

    def german_words(self, path: str, negation: str = "") -> list[Word]:
        """Return the nominal, with ``kein`` if there is a ``negation`` to absorb."""
        return self.nominal.german_words(path, Case.NOMINATIVE, negation)
