"""Kinds of simple statements: actions, qualities, comparisons, places, possession."""

from __future__ import annotations

from dataclasses import replace

from phrasebook.adjectives import ADJECTIVES, ILL, Adjective
from phrasebook.adverbials import AT_HOME, COMMENTS, FUTURE_TIMES, HERE, OFTEN, OUTSIDE, PAST_TIMES
from phrasebook.casting import NAMES, Polarity, adjectives_for, is_vague, nouns_of
from phrasebook.clauses import Clause, Tense
from phrasebook.composer import TOWNS, Composer
from phrasebook.declension import ANY, BARE, NO, PROFESSION, SOME, SOME_MASS, THE, A, Case
from phrasebook.english_verbs import Person
from phrasebook.nominals import (
    HE,
    IT,
    SHE,
    Name,
    Nominal,
    NounPhrase,
    Pronoun,
)
from phrasebook.nouns import PROFESSIONS
from phrasebook.phrases import Argument, Identity, Quality
from phrasebook.places import PLACES
from phrasebook.sentences import existence, statement
from phrasebook.verb_table import BE, HAVE, RAIN, SNOW
from phrasebook.when import draw_when
from phrasebook.words import Pair, Phrase

_DEGREES = (("very", "sehr"), ("too", "zu"), ("so", "so"))
QUALITIES = (*(word for word in ADJECTIVES if "human" in word.classes), ILL)
"""What can be said of persons."""

_PASSING = tuple(
    word
    for word in QUALITIES
    if word.english in ("tired", "happy", "sad", "hungry", "ill", "thirsty", "funny", "polite")
)
_THIS = Pronoun(("this", "this"), ("das", "das", ""), Person.IT)
_THESE = Pronoun(("these", "these"), ("das", "das", ""), Person.THEY)
_DESCRIBED = (
    "clothes",
    "fruit",
    "dish",
    "drink",
    "reading",
    "device",
    "vehicle",
    "furniture",
    "room",
    "building",
    "town",
    "animal",
    "opening",
    "event",
    "hard",
    "upright",
)


def action(composer: Composer) -> Pair:
    """Anna reads the book in the garden."""
    return statement(composer.clause(front=True, vague=True))


def denial(composer: Composer) -> Pair:
    """Anna does not read the book."""
    return statement(composer.clause(polarity="negative", front=True))


def remark(composer: Composer) -> Pair:
    """Perhaps Anna reads the book."""
    polarity: Polarity = "plain" if composer.chance(0.75) else "negative"
    clause = composer.clause(polarity=polarity)
    return statement(clause, comment=composer.pick(COMMENTS))


def described(composer: Composer) -> tuple[Nominal, tuple[Adjective, ...]]:
    """Draw somebody or something, with the adjectives that can be said of it."""
    if composer.chance(0.4):
        subject = composer.actor()
        return subject, QUALITIES
    while True:
        noun = composer.pick(nouns_of(_DESCRIBED))
        words = adjectives_for(noun)
        if words:
            break
    phrase = composer.phrase(noun, known=True)
    return replace(phrase, adjective=None), words


def be(composer: Composer, subject: Nominal, complement: Phrase, denied: float = 0.2) -> Clause:
    """Return a clause with *be*, now, in the past or in the future."""
    negated = not is_vague(subject) and composer.chance(denied)
    point = composer.random.random()
    measured = isinstance(complement, Quality) and bool(complement.degree[0])
    if measured or not isinstance(subject, Pronoun | Name):
        # Nobody foretells that a cup will be red, or how tired somebody will be.
        point *= 0.88
    if point < 0.6:
        often = None
        passing = isinstance(complement, Quality) and complement.adjective in _PASSING
        if passing and not negated and composer.chance(0.2):
            often = composer.pick(OFTEN[:2])
        return Clause(subject, BE, negated=negated, complement=complement, often=often)
    if point < 0.88:
        clause = Clause(subject, BE, Tense.PAST, negated=negated, complement=complement)
        times = PAST_TIMES
    else:
        clause = Clause(subject, BE, Tense.FUTURE, negated=negated, complement=complement)
        times = FUTURE_TIMES
    lasting = isinstance(complement, Quality) and complement.adjective not in _PASSING
    if not lasting and composer.chance(0.4):
        return clause.at(composer.pick(times), first=composer.chance(0.4))
    return clause


def quality(composer: Composer) -> Pair:
    """The soup is very hot."""
    subject, words = described(composer)
    return statement(be(composer, subject, graded(composer, composer.pick(words))))


def graded(composer: Composer, adjective: Adjective, chance: float = 0.35) -> Quality:
    """Return ``adjective``, perhaps with *very*, *too* or *so*; nothing is very broken."""
    if (adjective.english_comparative or adjective is ILL) and composer.chance(chance):
        return Quality(adjective, composer.pick(_DEGREES))
    return Quality(adjective)


def comparison(composer: Composer) -> Pair:
    """The train is faster than the bus."""
    while True:
        subject, words = described(composer)
        words = tuple(word for word in words if word.english_comparative)
        if not words or isinstance(subject, Pronoun):
            continue
        adjective = composer.pick(words)
        if isinstance(subject, NounPhrase) and "human" not in subject.noun.classes:
            table = subject.noun.classes & set(_DESCRIBED)
            fitting = tuple(
                noun
                for noun in nouns_of(tuple(sorted(table)))
                if adjective in adjectives_for(noun) and noun is not subject.noun
            )
            if not fitting:
                continue
            noun = composer.pick(fitting)
            other: Nominal = replace(composer.phrase(noun, known=True), adjective=None)
        else:
            other = composer.somebody_else(subject)
            if isinstance(other, Pronoun):
                continue
        if composer.chance(0.65):
            complement = Quality(adjective, than=other)
        else:
            complement = Quality(adjective, equal=other)
        clause = Clause(subject, BE, negated=composer.chance(0.2), complement=complement)
        if composer.chance(0.2):
            clause = replace(clause, tense=Tense.PAST)
        return statement(clause)


def profession(composer: Composer) -> Pair:
    """My sister is a doctor."""
    while True:
        subject = composer.pick(NAMES) if composer.chance(0.5) else composer.actor()
        if subject.pronoun in (HE, SHE):
            break
    noun = composer.pick(PROFESSIONS["he" if subject.pronoun is HE else "she"])
    return statement(be(composer, subject, Identity(NounPhrase(noun, PROFESSION)), denied=0.15))


def presentation(composer: Composer) -> Pair:
    """This is my new car."""
    while True:
        classes = composer.pick(("human", "clothes", "own", "thing", "pet", "room", "reading"))
        phrase = composer.thing((classes,))
        if (phrase.determiner.definite and phrase.determiner is not THE) or phrase.owner:
            break
        if phrase.determiner is A and phrase.adjective:
            break
    if phrase.determiner.english == "this":
        phrase = replace(phrase, determiner=THE)
    subject = _THESE if phrase.plural else _THIS
    negated = composer.chance(0.2)
    return statement(Clause(subject, BE, negated=negated, complement=Identity(phrase)))


def whereabouts(composer: Composer) -> Pair:
    """The key is in the bag; Anna is at home."""
    if composer.chance(0.5):
        noun = composer.noun("flat", "upright", "lost", "pet")
        subject: Nominal = replace(composer.phrase(noun, known=True), adjective=None)
        return statement(be(composer, subject, composer.spot(subject, "spot")))
    subject = composer.actor()
    kind = composer.random.random()
    complement: Phrase
    if kind < 0.25:
        complement = composer.pick((AT_HOME, HERE, OUTSIDE))
    elif kind < 0.4:
        complement = Argument(composer.pick(TOWNS), Case.DATIVE, "in", "in")
    else:
        complement = composer.place(composer.pick(tuple(PLACES)))
    return statement(be(composer, subject, complement))


def there_is(composer: Composer) -> Pair:
    """There is a cat under the table."""
    noun = composer.noun("person", "animal", "flat", "upright")
    if "close" in noun.classes:
        noun = composer.noun("animal")
    phrase = composer.phrase(noun)
    if composer.chance(0.45) or "paired" in noun.classes:
        number = 2 + int(composer.random.random() * 9)
        phrase = NounPhrase(noun, BARE, plural=True, adjective=phrase.adjective, number=number)
    else:
        phrase = NounPhrase(noun, A, adjective=phrase.adjective)
    if not {"person", "animal"}.isdisjoint(noun.classes) and composer.chance(0.6):
        names = ("garden", "park", "kitchen", "street", "house", "room", "forest", "market")
        spot = composer.place(composer.pick(names))
    else:
        spot = composer.spot(phrase, "spot")
    return existence(phrase, spot, past=composer.chance(0.25))


def nothing_there(composer: Composer) -> Pair:
    """There is no milk; is there a pharmacy in the village?"""
    if composer.chance(0.5):
        noun = composer.noun("fruit", "dish", "drink", "upright", "furniture")
        plural = bool(noun.english_plural)
        adjective = composer.adjective_for(noun, 0.26)
        asked = composer.chance(0.4)
        phrase = NounPhrase(noun, ANY if asked else NO, plural, adjective)
        return existence(phrase, asked=asked)
    noun = composer.noun("building")
    adjective = composer.adjective_for(noun, 0.26)
    where = Argument(composer.pick(TOWNS[:10]), Case.DATIVE, "in", "in")
    if composer.chance(0.4):
        where = composer.place(composer.pick(("village", "city")))
    return existence(NounPhrase(noun, A, adjective=adjective), where, asked=True)


def possession(composer: Composer) -> Pair:
    """Anna has two brothers."""
    subject = composer.actor(vague=True)
    polarity: Polarity = "negative" if composer.chance(0.25) else "plain"
    if polarity == "negative" and is_vague(subject):
        subject = composer.pick(NAMES)
    if composer.chance(0.35):
        noun = composer.noun("sibling", "aunt", "uncle", "friend")
        number = 2 + int(composer.random.random() * 5)
        phrase = NounPhrase(noun, BARE, plural=True, number=number)
        if polarity == "negative":
            phrase = NounPhrase(noun, ANY, plural=True)
    else:
        classes = ("own", "pet", "clothes", "device", "thing", "house", "garden", "time", "money")
        phrase = composer.phrase(composer.noun(*classes), owner=subject, polarity=polarity)
        if phrase.determiner.definite:
            phrase = replace(phrase, determiner=A if not phrase.plural else ANY, owner=None)
            if not phrase.noun.english_plural or (phrase.plural and polarity == "plain"):
                phrase = replace(phrase, determiner=SOME_MASS if not phrase.plural else SOME)
    tense = Tense.PAST if composer.chance(0.2) else Tense.PRESENT
    objects = (Argument(phrase, Case.ACCUSATIVE),)
    return statement(Clause(subject, HAVE, tense, None, polarity == "negative", objects))


def weather(composer: Composer) -> Pair:
    """It is raining in Berlin today."""
    verb = composer.pick((RAIN, SNOW))
    when = draw_when(composer, verb, human=False)
    clause = Clause(IT, verb, when.tense, often=when.often)
    if when.time:
        clause = clause.at(when.time, first=composer.chance(0.5))
    if composer.chance(0.8):
        where: Argument = Argument(composer.pick(TOWNS), Case.DATIVE, "in", "in")
        clause = replace(clause, place=where)
    return statement(clause)
