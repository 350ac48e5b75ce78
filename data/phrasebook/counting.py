"""Kinds of sentences with numbers and clock times."""

from __future__ import annotations

from dataclasses import replace

from phrasebook.casting import noun_called
from phrasebook.clauses import Clause, Tense
from phrasebook.composer import Composer
from phrasebook.declension import BARE, Case
from phrasebook.nominals import IT, NOBODY, SOMEBODY, YOU, NounPhrase
from phrasebook.nouns import Noun
from phrasebook.numbers import cardinal, clock
from phrasebook.phrases import Argument
from phrasebook.sentences import command, existence, statement
from phrasebook.verb_table import BE, COST, HAVE, LAST, VERBS, find_verb
from phrasebook.words import Fixed, Pair

_NONE: frozenset[str] = frozenset()
_EURO = Noun("euro", "euros", "m", "Euro", "Euro", _NONE)
_MINUTE = Noun("minute", "minutes", "f", "Minute", "Minuten", _NONE)
_PAGE = Noun("page", "pages", "f", "Seite", "Seiten", _NONE)
_LASTING = tuple(
    verb
    for verb in VERBS
    if verb.german.name in ("schlafen", "arbeiten", "tanzen", "schwimmen", "warten", "spielen")
)

# What has many of what.
_PARTS = (
    ("hotel", ("room", "window", "bed", "door")),
    ("school", ("room", "window", "computer", "teacher")),
    ("library", ("book", "table", "chair", "computer")),
    ("restaurant", ("table", "chair", "glass", "guest")),
    ("museum", ("picture", "room", "window")),
    ("hospital", ("bed", "room", "doctor")),
    ("village", ("house", "child", "horse")),
    ("city", ("school", "church", "bridge", "museum")),
    ("university", ("student", "teacher", "computer")),
    ("zoo", ("bird", "horse", "tree")),
    ("park", ("tree",)),
)


def _two_digits(composer: Composer) -> int:
    return 13 + int(composer.random.random() * 87)


def age(composer: Composer) -> Pair:
    """My grandmother is seventy-three years old."""
    subject = composer.actor()
    while subject in (NOBODY, SOMEBODY):
        subject = composer.actor()
    number = _two_digits(composer)
    if isinstance(subject, NounPhrase):
        if "young" in subject.noun.classes:
            number = 2 + number % 16
        elif "elder" in subject.noun.classes:
            number = 40 + number % 60
    english, german = cardinal(number)
    years = Fixed.parse(f"{english}/1 years/2 old/3", f"{german}/1 Jahre/2 alt/3")
    tense = Tense.PAST if composer.chance(0.15) else Tense.PRESENT
    return statement(Clause(subject, BE, tense, complement=years))


def price(composer: Composer) -> Pair:
    """The lamp costs forty-two euros."""
    subject = composer.phrase(composer.noun("goods", "clothes", "device", "lost"), known=True)
    if subject.noun.english == "money":
        subject = composer.phrase(composer.noun("clothes"), known=True)
    euros = NounPhrase(_EURO, BARE, plural=True, number=_two_digits(composer))
    # *They cost* is present and past in one; German has two sentences for it.
    past = not subject.plural and composer.chance(0.2)
    tense = Tense.PAST if past else Tense.PRESENT
    return statement(Clause(subject, COST, tense, objects=(Argument(euros, Case.ACCUSATIVE),)))


def duration(composer: Composer) -> Pair:
    """The concert lasts ninety minutes; she worked for ninety minutes."""
    number = _two_digits(composer)
    if composer.chance(0.5):
        minutes = NounPhrase(_MINUTE, BARE, plural=True, number=number)
        noun = composer.noun("event", "journey")
        subject = composer.phrase(noun, known=True)
        tense = composer.pick((Tense.PRESENT, Tense.PAST, Tense.FUTURE))
        objects = (Argument(minutes, Case.ACCUSATIVE),)
        return statement(Clause(subject, LAST, tense, objects=objects))
    english, german = cardinal(number)
    span = Fixed.parse(f"for/3 {english}/1 minutes/2", f"{german}/1 Minuten/2 lang/3")
    clause = composer.clause(composer.pick(_LASTING), composer.actor(), details=False)
    clause = replace(
        clause, tense=Tense.PAST, modal=None, often=None, front=None, time=span, negated=False
    )
    return statement(clause)


def inventory(composer: Composer) -> Pair:
    """The hotel has fifty-one rooms; there are fifty-one rooms in the hotel."""
    where, names = composer.pick(_PARTS)
    noun = noun_called(composer.pick(names))
    number = _two_digits(composer)
    things = NounPhrase(noun, BARE, plural=True, number=number)
    if composer.chance(0.5):
        return existence(things, composer.place(where), past=composer.chance(0.2))
    place = composer.phrase(noun_called(where), known=True)
    return statement(Clause(place, HAVE, objects=(Argument(things, Case.ACCUSATIVE),)))


def numbered(composer: Composer) -> Pair:
    """The book has ninety-two pages; read page ninety-two!"""
    number = _two_digits(composer)
    if composer.chance(0.5):
        pages = NounPhrase(_PAGE, BARE, plural=True, number=number)
        book = composer.phrase(composer.noun("text"), known=True)
        while book.noun.english not in ("book", "novel", "letter", "story"):
            book = composer.phrase(composer.noun("text"), known=True)
        return statement(Clause(book, HAVE, objects=(Argument(pages, Case.ACCUSATIVE),)))
    english, german = cardinal(number)
    if composer.chance(0.5):
        page = Fixed.parse(f"page/1 {english}/2", f"Seite/1 {german}/2")
        verb = find_verb(composer.pick(("read", "translate", "write")))
        return command(Clause(YOU, verb, complement=page), please=composer.chance(0.5))
    room = Fixed.parse(f"in/1 room/2 {english}/3", f"in/1 Zimmer/2 {german}/3")
    return statement(Clause(composer.actor(), BE, complement=room))


def time_of_day(composer: Composer) -> Pair:
    """It is half past three."""
    english, german = clock(1 + int(composer.random.random() * 12), composer.chance(0.5))
    clause = Clause(IT, BE, complement=Fixed.parse(english, german))
    return statement(clause)
