"""Kinds of questions: yes or no, question words, indirect ones, and what travellers ask."""

from __future__ import annotations

from dataclasses import replace

from phrasebook.adverbials import HOW, HOW_OFTEN, WHEN, WHERE, WHERE_TO, WHY
from phrasebook.casting import NAMES, PEOPLE, Polarity
from phrasebook.clauses import Clause, Modal, Tense
from phrasebook.composer import TRIPS, Composer, unambiguous
from phrasebook.declension import HOW_MANY, HOW_MUCH, WHICH, Case
from phrasebook.nominals import WHAT, WHO, YOU, I, Nominal, NounPhrase
from phrasebook.phrases import Addressed, Argument, Quality
from phrasebook.sentences import (
    WHETHER,
    exclamation,
    indirect_question,
    question,
    subordinated,
)
from phrasebook.statements import described
from phrasebook.verb_table import ASK, BE, COST, GET, KNOW, VERBS, Verb
from phrasebook.when import When
from phrasebook.words import Fixed, Pair

_WITH_OBJECT = tuple(verb for verb in VERBS if any(slot.kind == "object" for slot in verb.slots))
_TRANSITIVE = tuple(
    verb for verb in _WITH_OBJECT if verb.slots[-1].case is Case.ACCUSATIVE and len(verb.slots) == 1
)
_OF_PERSONS = tuple(
    verb
    for verb in VERBS
    if verb.slots
    and verb.slots[0].classes == ("human",)
    and verb.subjects == ("human",)
    and not verb.slots[0].english.startswith("to")
    and len(verb.slots) == 1
)
_WITH_PREPOSITION = tuple(verb for verb in VERBS if verb.slots and verb.slots[0].english)
_GOING = tuple(
    verb for verb in VERBS if verb.slots and verb.slots[0].kind in ("goal", "trip", "far")
)
_DOING = tuple(verb for verb in VERBS if not verb.state and verb.subjects[0] == "human")
_PLACED = tuple(verb for verb in _DOING if verb.places)


def yes_no(composer: Composer) -> Pair:
    """Does Anna read the book?"""
    return question(composer.clause(polarity="question"))


def yes_no_quality(composer: Composer) -> Pair:
    """Is the soup hot?"""
    subject, words = described(composer)
    tense = Tense.PAST if composer.chance(0.3) else Tense.PRESENT
    return question(Clause(subject, BE, tense, complement=Quality(composer.pick(words))))


def asked_actor(composer: Composer) -> Pair:
    """Who is reading the book?"""
    verb = composer.pick(_DOING if composer.chance(0.8) else VERBS)
    while verb.subjects[0] != "human":
        verb = composer.pick(VERBS)
    return question(composer.clause(verb, subject=WHO, polarity="question"))


def asker(composer: Composer) -> Nominal:
    """Draw the subject of a question."""
    while True:
        subject = composer.actor()
        if subject.definite:
            return subject


def asked_object(composer: Composer) -> Pair:
    """What is Anna reading? Who does she help? What is he waiting for?"""
    kind = composer.random.random()
    if kind < 0.35:
        verb = composer.pick(_TRANSITIVE)
        word = WHO if "human" in verb.slots[0].classes else WHAT
    elif kind < 0.7:
        verb, word = composer.pick(_OF_PERSONS), WHO
    else:
        verb = composer.pick(_WITH_PREPOSITION)
        human = "human" in verb.slots[0].classes
        thing = bool(verb.slots[0].german) and len(verb.slots[0].classes) > human
        word = WHO if human and not (thing and composer.chance(0.5)) else WHAT
    return question(_about(composer, verb, word))


def _about(composer: Composer, verb: Verb, word: Nominal) -> Clause:
    """Return a clause with a question word instead of the first thing its verb takes."""
    subject = composer.subject(verb)
    if verb.subjects == ("human",):
        subject = asker(composer)
    clause = composer.clause(verb, subject, polarity="question", details=False)
    taken = verb.slots[0]
    front = Argument(word, taken.case, taken.english, taken.german)
    if taken.kind == "preposition":
        return replace(clause, complement=None, front=front)
    return replace(clause, objects=clause.objects[1:], front=front)


def asked_which(composer: Composer) -> Pair:
    """Which book is Anna reading? How many apples is he buying?"""
    while True:
        verb = composer.pick(_TRANSITIVE)
        classes = verb.slots[0].classes
        if "language" not in classes:
            break
    noun = composer.noun(*(classes if classes != ("human",) else ("person",)))
    if noun.classes & {"kin", "close"}:
        noun = composer.noun("person")
    countable = bool(noun.english_plural) or "place" in noun.classes
    if countable and composer.chance(0.6):
        determiner, plural = WHICH, False
    elif noun.english_plural:
        determiner, plural = HOW_MANY, True
    elif countable:
        determiner, plural = WHICH, False
    else:
        determiner, plural = HOW_MUCH, False
    if determiner is not WHICH and verb.state and verb.german.infinitive != "brauchen":
        determiner, plural = WHICH, False
    clause = _about(composer, verb, NounPhrase(noun, determiner, plural))
    if clause.modal is Modal.LIKE:
        clause = replace(clause, modal=Modal.WANT)
    return question(clause)


def asked_circumstance(composer: Composer) -> Pair:
    """Where, when, why and how often is it done?"""
    kind = composer.random.random()
    if kind < 0.2:
        clause = composer.clause(composer.pick(_PLACED), polarity="question", details=False)
        front = WHERE
    elif kind < 0.4:
        verb = composer.pick(_GOING)
        clause = composer.clause(verb, polarity="question", details=False)
        clause = replace(clause, complement=None)
        front = WHERE_TO
    elif kind < 0.6:
        clause = composer.clause(composer.pick(_DOING), polarity="question", details=False)
        clause = replace(clause, time=None, often=None)
        front = WHEN
    elif kind < 0.88:
        polarity: Polarity = "negative" if composer.chance(0.3) else "question"
        clause = composer.clause(composer.pick(_DOING), polarity=polarity)
        front = WHY
    else:
        clause = composer.clause(
            composer.pick(_DOING),
            polarity="question",
            when=When(composer.pick((Tense.PRESENT, Tense.PRESENT, Tense.PAST))),
            details=False,
        )
        front = HOW_OFTEN
    return question(replace(clause, front=front))


def indirect(composer: Composer) -> Pair:
    """I do not know where Anna lives. Do you know whether she is coming?"""
    asked = composer.chance(0.4)
    if asked:
        main = Clause(YOU, KNOW)
    elif composer.chance(0.5):
        main = Clause(composer.pick(PEOPLE), KNOW, negated=True)
    else:
        subject = composer.actor()
        main = Clause(subject, ASK, composer.pick((Tense.PAST, Tense.PRESENT)))
    kind = composer.random.random()
    if kind < 0.4:
        return subordinated(main, WHETHER, composer.clause(polarity="plain"), asked)
    if kind < 0.55:
        verb = composer.pick(_DOING)
        clause = composer.clause(verb, subject=WHO)
        return indirect_question(main, clause, asked)
    if kind < 0.7:
        verb = composer.pick(_TRANSITIVE)
        sub = _about(composer, verb, WHO if "human" in verb.slots[0].classes else WHAT)
        return indirect_question(main, unambiguous(sub), asked)
    front, verb = composer.pick(
        (
            (WHERE, composer.pick(_PLACED)),
            (WHY, composer.pick(_DOING)),
            (WHEN, composer.pick(_DOING)),
            (WHERE_TO, composer.pick(_GOING)),
        )
    )
    sub = composer.clause(verb, details=False)
    if front in (WHEN, WHERE):
        sub = replace(sub, time=None, often=None)
    if front is WHERE_TO:
        sub = replace(sub, complement=None)
    return indirect_question(main, unambiguous(replace(sub, front=front)), asked)


_EXCUSE = Fixed.parse("excuse me", "Entschuldigung")
_HOW_MUCH = Fixed.parse("how/1 much/2", "wie/1 viel/2")
_HOW_OLD = Fixed.parse("how/1 old/2", "wie/1 alt/2")
_GREETINGS = tuple(
    Fixed.parse(english, german)
    for english, german in (
        ("good/1 morning/2", "guten/1 Morgen/2"),
        ("good/1 evening/2", "guten/1 Abend/2"),
        ("hello", "hallo"),
        ("goodbye", "auf Wiedersehen"),
        ("see/1 you/1 tomorrow/2", "bis/1 morgen/2"),
        ("many/1 thanks/2", "vielen/1 Dank/2"),
    )
)
_HOW_ARE_YOU = Fixed.parse("how/1 are/2 you/3", "wie/1 geht/2 es/2 dir/3")


def traveller(composer: Composer) -> Pair:
    """Excuse me, how do I get to the station?"""
    opening = _EXCUSE if composer.chance(0.5) else None
    kind = composer.random.random()
    if kind < 0.4:
        goal = composer.place_to(composer.pick(TRIPS))
        return question(Clause(I, GET, complement=goal, front=HOW), opening)
    if kind < 0.65:
        subject = composer.phrase(composer.noun("building", "lost", "outside"), known=True)
        return question(Clause(subject, BE, front=WHERE), opening)
    subject = composer.phrase(composer.noun("goods", "clothes", "own", "furniture"), known=True)
    return question(Clause(subject, COST, front=_HOW_MUCH), opening)


def small_talk(composer: Composer) -> Pair:
    """How old is your brother? Anna, are you tired? Good morning, Peter!"""
    kind = composer.random.random()
    if kind < 0.4:
        subject = asker(composer)
        while subject is I:
            subject = asker(composer)
        return question(Clause(subject, BE, front=_HOW_OLD))
    name = composer.pick(NAMES)
    if kind < 0.6:
        if composer.chance(0.3):
            opening = Addressed(name, composer.pick(_GREETINGS[:3]))
            return exclamation(_HOW_ARE_YOU, opening, asked=True)
        return exclamation(Addressed(name, composer.pick(_GREETINGS)))
    clause = composer.clause(subject=YOU, verb=composer.pick(_DOING), polarity="question")
    return question(clause, opening=Addressed(name))
