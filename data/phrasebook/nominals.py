"""Pronouns, names and noun phrases: whatever can be a subject or an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from phrasebook.adjectives import Adjective
from phrasebook.declension import BARE, HER, HIS, MY, OUR, THE, THEIR, YOUR, Case, Determiner
from phrasebook.english_verbs import Person
from phrasebook.nouns import Noun
from phrasebook.numbers import cardinal
from phrasebook.words import Phrase, Word


class Nominal(Protocol):
    """A pronoun, a name or a noun phrase."""

    @property
    def pronoun(self) -> Pronoun:
        """The pronoun that refers to it, which also settles agreement."""
        ...

    @property
    def definite(self) -> bool:
        """Whether German word order treats it as known."""
        ...

    @property
    def absorbs(self) -> bool:
        """Whether a negation makes its article ``kein``."""
        ...

    @property
    def asks(self) -> bool:
        """Whether it is a question word or a relative pronoun, which goes first."""
        ...

    def english_words(self, path: str, subject: bool = False) -> list[Word]:
        """Return the English words, in subject or object form."""
        ...

    def german_words(self, path: str, case: Case, negation: str = "") -> list[Word]:
        """Return the German words in ``case``; ``negation`` is the tie of a *not* to absorb."""
        ...


@dataclass(frozen=True, slots=True)
class Pronoun:
    """A personal pronoun, a question word or a relative pronoun.

    Attributes:
        english: Subject and object form.
        german: Nominative, accusative and dative; empty where the pronoun has none.
        person: What a verb agrees with.
        reflexive: The German reflexive that refers to it.
        owns: The possessive that refers to it.
        asks: Whether it goes first, as question words and relative pronouns do.
        stressed: Whether it stands like a noun, as *nobody* does.
    """

    english: tuple[str, str]
    german: tuple[str, str, str]
    person: Person
    reflexive: str = "sich"
    owns: Determiner = THE
    asks: bool = False
    stressed: bool = False

    @property
    def pronoun(self) -> Pronoun:
        """The pronoun itself."""
        return self

    @property
    def definite(self) -> bool:
        """Pronouns are known, except for *nothing* and its like."""
        return True

    @property
    def absorbs(self) -> bool:
        """Pronouns have no article."""
        return False

    def english_words(self, path: str, subject: bool = False) -> list[Word]:
        """Return the English form."""
        return [Word(self.english[0 if subject else 1], (path,))]

    def german_words(self, path: str, case: Case, negation: str = "") -> list[Word]:
        """Return the German form in ``case``."""
        del negation
        return [Word(self.german[case], (path,))]


I = Pronoun(("I", "me"), ("ich", "mich", "mir"), Person.I, "mich", MY)  # noqa: E741
YOU = Pronoun(("you", "you"), ("du", "dich", "dir"), Person.YOU, "dich", YOUR)
HE = Pronoun(("he", "him"), ("er", "ihn", "ihm"), Person.IT, owns=HIS)
SHE = Pronoun(("she", "her"), ("sie", "sie", "ihr"), Person.IT, owns=HER)
WE = Pronoun(("we", "us"), ("wir", "uns", "uns"), Person.WE, "uns", OUR)
THEY = Pronoun(("they", "them"), ("sie", "sie", "ihnen"), Person.THEY, owns=THEIR)
IT_M = Pronoun(("it", "it"), ("er", "ihn", "ihm"), Person.IT)
IT_F = Pronoun(("it", "it"), ("sie", "sie", "ihr"), Person.IT)
IT = Pronoun(("it", "it"), ("es", "es", "ihm"), Person.IT)
WHO = Pronoun(("who", "who"), ("wer", "wen", "wem"), Person.IT, asks=True)
WHAT = Pronoun(("what", "what"), ("was", "was", ""), Person.IT, asks=True)
NOBODY = Pronoun(
    ("nobody", "nobody"), ("niemand", "niemanden", "niemandem"), Person.IT, stressed=True
)
SOMEBODY = Pronoun(
    ("somebody", "somebody"), ("jemand", "jemanden", "jemandem"), Person.IT, stressed=True
)
IT_BY_GENDER = {"m": IT_M, "f": IT_F, "n": IT}
PERSONAL = (I, YOU, HE, SHE, WE, THEY)


@dataclass(frozen=True, slots=True)
class Name:
    """A person's or a place's name, the same in every case."""

    english: str
    german: str
    pronoun: Pronoun
    definite: bool = True
    absorbs: bool = False
    asks: bool = False

    def english_words(self, path: str, subject: bool = False) -> list[Word]:
        """Return the name."""
        del subject
        return [Word(self.english, (path,))]

    def german_words(self, path: str, case: Case, negation: str = "") -> list[Word]:
        """Return the name, with an s in the genitive."""
        del negation
        return [Word(self.german + "s" if case == Case.GENITIVE else self.german, (path,))]


@dataclass(frozen=True, slots=True)
class Both:
    """Two nominals joined by *and*."""

    first: Nominal
    second: Nominal
    pronoun: Pronoun = THEY
    definite: bool = True
    absorbs: bool = False
    asks: bool = False

    def english_words(self, path: str, subject: bool = False) -> list[Word]:
        """Return both with *and* between them."""
        return [
            *self.first.english_words(f"{path}.first", subject),
            Word("and", (f"{path}.and",)),
            *self.second.english_words(f"{path}.second", subject),
        ]

    def german_words(self, path: str, case: Case, negation: str = "") -> list[Word]:
        """Return both with ``und`` between them."""
        del negation
        return [
            *self.first.german_words(f"{path}.first", case),
            Word("und", (f"{path}.and",)),
            *self.second.german_words(f"{path}.second", case),
        ]


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """A noun with its company.

    Attributes:
        noun: The noun.
        determiner: What stands before it.
        plural: Whether it is said in the plural.
        adjective: An adjective before the noun, or ``None``.
        comparative: Whether the adjective is compared (``a bigger bag``).
        number: A cardinal before the noun, from 2 to 99.
        owner: Whose it is; then the determiner is ``THE``.
        relative: A relative clause after it.
    """

    noun: Noun
    determiner: Determiner
    plural: bool = False
    adjective: Adjective | None = None
    comparative: bool = False
    number: int | None = None
    owner: Nominal | None = None
    relative: Phrase | None = None

    @property
    def pronoun(self) -> Pronoun:
        """He or she for persons; for things German looks at the gender where English says *it*."""
        if self.plural:
            return THEY
        if self.noun.natural:
            return HE if self.noun.natural == "he" else SHE
        return IT_BY_GENDER[self.noun.gender]

    @property
    def definite(self) -> bool:
        """Whether the determiner makes it known."""
        return self.determiner.definite

    @property
    def absorbs(self) -> bool:
        """Whether a negation makes its article ``kein``."""
        return self.determiner.absorbs and self.number is None

    @property
    def asks(self) -> bool:
        """Whether it begins with *which* or *how many*."""
        return self.determiner.asks

    def english_words(self, path: str, subject: bool = False) -> list[Word]:
        """Return the English words."""
        del subject
        words: list[Word] = []
        if self.number is not None:
            words.append(Word(cardinal(self.number)[0], (f"{path}.number",)))
        if self.adjective:
            text = self.adjective.english
            if self.comparative:
                text = self.adjective.english_comparative
            words += [Word(part, (f"{path}.adjective",)) for part in text.split()]
        name = self.noun.english_plural if self.plural else self.noun.english
        words += [Word(part, (f"{path}.noun",)) for part in name.split()]
        if self.relative:
            words += self.relative.english_words(f"{path}.relative")
        if self.owner:
            *before, last = self.owner.english_words(f"{path}.owner")
            return [*before, Word(f"{last.text}'s", last.ties), *words]
        article = self.determiner.english_plural if self.plural else self.determiner.english
        if article == "a":
            article = _indefinite(words[0].text)
        return [*self._determined(path, article), *words]

    def german_words(self, path: str, case: Case, negation: str = "") -> list[Word]:
        """Return the words in ``case``, with ``kein`` if there is a ``negation`` to absorb."""
        gender = "p" if self.plural else self.noun.gender
        determiner = self.determiner
        ties: tuple[str, ...] = (f"{path}.determiner",)
        words: list[Word] = []
        if isinstance(self.owner, Name):
            determiner = BARE
            words += self.owner.german_words(f"{path}.owner", Case.GENITIVE)
        if negation:
            words.append(Word(_KEIN.declined(gender, case), (*ties, negation)))
            determiner = _KEIN
        else:
            article = determiner.declined(gender, case)
            words += self._determined(path, article)
        if self.number is not None:
            words.append(Word(cardinal(self.number)[1], (f"{path}.number",)))
        if self.adjective:
            stem = self.adjective.german_stem
            if self.comparative:
                stem = self.adjective.german_comparative
            ending = determiner.adjective_ending(gender, case)
            words.append(Word(stem + ending, (f"{path}.adjective",)))
        words.append(Word(self.noun.declined(case, self.plural), (f"{path}.noun",)))
        if self.owner and not isinstance(self.owner, Name):
            words += self.owner.german_words(f"{path}.owner", Case.GENITIVE)
        if self.relative:
            words += self.relative.german_words(f"{path}.relative")
        return words

    def _determined(self, path: str, article: str) -> list[Word]:
        # *How many* and ``wie viele`` are linked word by word, *all the* and ``alle`` as a whole.
        apart = " " in self.determiner.german
        return [
            Word(part, (f"{path}.determiner{index if apart else ''}",))
            for index, part in enumerate(article.split())
        ]


_KEIN = Determiner("no", "no", "kein", "ein")


def _indefinite(following: str) -> str:
    # The letter decides, except where a spelled vowel is spoken like *you*.
    vowel = following[0] in "aeiou" and not following.startswith(("uni", "eu"))
    return "an" if vowel else "a"
