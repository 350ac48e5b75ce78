"""Kinds of sentences with more than one clause: reasons, conditions, pronouns that look back."""

from __future__ import annotations

from dataclasses import replace

from phrasebook.adjectives import Adjective
from phrasebook.casting import NAMES, PEOPLE, Polarity, adjectives_for, clash
from phrasebook.clauses import Clause, Modal, Tense
from phrasebook.composer import Composer
from phrasebook.declension import NO, Case
from phrasebook.nominals import IT, NOBODY, SOMEBODY, Nominal, NounPhrase, Pronoun
from phrasebook.nouns import Noun
from phrasebook.phrases import Argument, Quality
from phrasebook.sentences import (
    ALTHOUGH,
    AND,
    BECAUSE,
    BEFORE,
    BUT,
    IF,
    THAT,
    WHEN,
    WHILE,
    coordinated,
    subordinated,
    subordinated_first,
)
from phrasebook.statements import QUALITIES, described, graded
from phrasebook.verb_table import BE, BELIEVE, HAVE, HOPE, KNOW, RAIN, SAY, SNOW, VERBS, find_verb
from phrasebook.when import When
from phrasebook.words import Pair

_ACTIVE = tuple(
    verb
    for verb in VERBS
    if not verb.state
    and verb.subjects[0] == "human"
    and verb.german.name not in ("sitzen", "stehen", "verlieren", "vergessen", "zerbrechen")
)
_GOING_ON = tuple(verb for verb in _ACTIVE if not verb.event)
_MOODS = tuple(
    word
    for word in QUALITIES
    if word.english in ("tired", "sad", "hungry", "thirsty", "lazy", "ill")
)
_UNWELCOME = frozenset(
    {
        *("old", "small", "expensive", "ugly", "short", "heavy", "cold", "dirty", "slow"),
        *("broken", "empty", "boring", "difficult", "bad", "dark", "lazy", "long", "big"),
    }
)
_HABITUAL = When(Tense.PRESENT)
_TO_COME = (When(Tense.FUTURE), *(When(Tense.PRESENT, modal) for modal in (Modal.CAN, Modal.WANT)))
_ON_THE_WAY = When(Tense.PROGRESSIVE)


def again(composer: Composer, subject: Nominal) -> Nominal:
    """Return a pronoun for ``subject``, or a new subject where English has no clear one."""
    if isinstance(subject, NounPhrase):
        human = "human" in subject.noun.classes
        if not subject.plural and human and not subject.noun.natural:
            return composer.pick(PEOPLE)
    if subject in (NOBODY, SOMEBODY):
        return composer.pick(PEOPLE)
    return subject.pronoun


def _circumstance(composer: Composer, subject: Nominal, past: bool) -> Clause:
    """Return a clause that tells how things are with ``subject``."""
    tense = Tense.PAST if past else Tense.PRESENT
    kind = composer.random.random()
    who = again(composer, subject)
    if kind < 0.4:
        return Clause(who, BE, tense, complement=graded(composer, composer.pick(_MOODS)))
    if kind < 0.55:
        nothing = NounPhrase(composer.noun("time", "money"), NO)
        return Clause(who, HAVE, tense, objects=(Argument(nothing, Case.ACCUSATIVE),))
    if kind < 0.65:
        verb = composer.pick((RAIN, SNOW))
        return Clause(IT, verb, tense if past else Tense.PROGRESSIVE)
    modal = composer.pick((Modal.CAN, Modal.MUST, Modal.WANT))
    polarity: Polarity = "negative" if modal is Modal.CAN else "plain"
    while True:
        verb = composer.pick(_ACTIVE)
        clause = composer.clause(
            verb, who, polarity=polarity, when=When(tense, modal), details=False
        )
        if not _clashing(subject, clause):
            return clause


def reason(composer: Composer) -> Pair:
    """Anna is staying at home because she is tired."""
    main = composer.clause(composer.pick(_ACTIVE), details=composer.chance(0.3))
    past = main.tense in (Tense.PAST, Tense.PERFECT)
    if main.modal is Modal.LIKE:
        main = replace(main, modal=Modal.WANT)
    conjunction = BECAUSE if composer.chance(0.7) else ALTHOUGH
    sub = _circumstance(composer, main.subject, past)
    if composer.chance(0.25) and main.front is None:
        first = _circumstance(composer, composer.actor(), past)
        subject = again(composer, first.subject) if first.subject is not IT else main.subject
        if not _clashing(subject, main):
            return subordinated_first(conjunction, first, replace(main, subject=subject))
    return subordinated(main, conjunction, sub)


def _clashing(subject: Nominal, clause: Clause) -> bool:
    phrases = (*clause.objects, clause.complement, clause.company)
    return any(isinstance(part, Argument) and clash(subject, part.nominal) for part in phrases)


def report(composer: Composer) -> Pair:
    """Peter knows that Anna is reading the book."""
    subject = composer.actor()
    verb = composer.pick((KNOW, BELIEVE, SAY, HOPE))
    negated = verb is not HOPE and composer.chance(0.2) and subject in PEOPLE
    main = Clause(subject, verb, negated=negated)
    if composer.chance(0.25):
        inner, words = described(composer)
        sub = Clause(inner, BE, complement=Quality(composer.pick(words)))
    else:
        polarity: Polarity = "negative" if composer.chance(0.2) else "plain"
        sub = composer.clause(polarity=polarity)
        while _clashing(subject, sub) or clash(subject, sub.subject):
            sub = composer.clause(polarity=polarity)
    return subordinated(main, THAT, sub)


def condition(composer: Composer) -> Pair:
    """If it rains, we will stay at home."""
    kind = composer.random.random()
    if kind < 0.2:
        sub = Clause(IT, composer.pick((RAIN, SNOW)))
    elif kind < 0.55:
        sub = Clause(composer.pick(PEOPLE), BE)
        sub = replace(sub, complement=Quality(composer.pick(QUALITIES)))
    else:
        sub = composer.clause(composer.pick(_ACTIVE), when=_HABITUAL, details=False)
    subject = again(composer, sub.subject) if composer.chance(0.5) else composer.actor()
    if sub.subject is IT:
        subject = composer.actor()
    verb = composer.pick(_ACTIVE)
    main = composer.clause(verb, subject, when=composer.pick(_TO_COME), details=False)
    if composer.chance(0.5):
        return subordinated(main, IF, sub)
    return subordinated_first(IF, sub, main)


def meanwhile(composer: Composer) -> Pair:
    """While Anna is cooking, Peter is reading; before we eat, we wash the plates."""
    verbs = _GOING_ON
    subject = composer.actor()
    if composer.chance(0.5):
        sub = composer.clause(composer.pick(verbs), subject, when=_ON_THE_WAY, details=False)
        main = composer.clause(composer.pick(verbs), when=_ON_THE_WAY, details=False)
        if composer.chance(0.5):
            return subordinated(main, WHILE, sub)
        return subordinated_first(WHILE, sub, main)
    before = composer.chance(0.5)
    sub = composer.clause(composer.pick(verbs), subject, when=_HABITUAL, details=False)
    who = again(composer, sub.subject)
    when = composer.pick((_HABITUAL, *_TO_COME)) if before else _HABITUAL
    main = composer.clause(composer.pick(verbs), who, when=when, details=False)
    return subordinated_first(BEFORE if before else WHEN, sub, main)


def both(composer: Composer) -> Pair:
    """Anna is reading a book, and Peter is cooking the soup."""
    when = composer.pick((_ON_THE_WAY, When(Tense.PAST), When(Tense.FUTURE)))
    verbs = _GOING_ON if when is _ON_THE_WAY else _ACTIVE
    first = composer.clause(composer.pick(verbs), when=when, details=composer.chance(0.3))
    subject = composer.actor()
    while clash(first.subject, subject):
        subject = composer.actor()
    second = composer.clause(composer.pick(verbs), subject, when=when, details=composer.chance(0.3))
    return coordinated(first, AND, second)


def obstacle(composer: Composer) -> Pair:
    """Anna wants to help him, but she has no time."""
    tense = Tense.PAST if composer.chance(0.35) else Tense.PRESENT
    modals = (Modal.WANT, Modal.WANT, Modal.MUST, Modal.WOULD_LIKE)
    when = When(tense, composer.pick(modals[: 3 if tense is Tense.PAST else 4]))
    first = composer.clause(composer.pick(_ACTIVE), when=when, details=composer.chance(0.3))
    return coordinated(first, BUT, _circumstance(composer, first.subject, tense is Tense.PAST))


# What is done with a thing first, and what with the same thing then.
_CHAINS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("buy", "eat", ("fruit", "bread", "cheese", "chocolate")),
    ("order", "eat", ("soup", "salad", "cake")),
    ("order", "drink", ("water", "coffee", "tea", "wine", "juice")),
    ("cook", "eat", ("soup", "potato", "egg", "meat", "rice")),
    ("bake", "eat", ("cake", "roll", "bread")),
    ("look for", "need", ("key", "ticket", "passport", "umbrella", "map", "camera")),
    ("try on", "buy", ("clothes",)),
    ("wash", "wear", ("shirt", "skirt", "dress", "pullover")),
    ("buy", "read", ("book", "newspaper")),
    ("open", "read", ("letter",)),
    ("write", "send", ("letter", "postcard")),
    ("repair", "sell", ("own", "radio", "television", "computer")),
    ("paint", "sell", ("picture",)),
    ("tidy up", "clean", ("kitchen", "room")),
    ("look for", "feed", ("pet",)),
    ("photograph", "love", ("animal",)),
    ("learn", "sing", ("song",)),
    ("pack", "wear", ("dress", "shirt", "skirt", "jacket")),
    ("close", "clean", ("window",)),
    ("look at", "buy", ("picture", "map")),
    ("build", "sell", ("table", "chair", "boat", "cupboard", "bed", "shelf")),
    ("look for", "help", ("natural",)),
    ("visit", "help", ("natural",)),
    ("call", "invite", ("natural",)),
    ("call", "thank", ("natural",)),
    ("wait for", "pick up", ("natural",)),
)
"""Rows of verbs and nouns; ``natural`` stands for persons whom English calls he or she."""


def looking_back(composer: Composer) -> Pair:
    """Anna is buying a coat because she wants to wear it."""
    first, second, classes = composer.pick(_CHAINS)
    subject = composer.actor()
    while subject is NOBODY:
        subject = composer.actor()
    thing = _chained_object(composer, classes, subject)
    mood = composer.weighted((("because", 4), ("and", 3), ("but", 3)))
    tense = composer.pick((Tense.PROGRESSIVE, Tense.PAST))
    verb, then = find_verb(first), find_verb(second)
    clause = with_object(Clause(subject, verb, tense), thing)
    who = again(composer, subject)
    if clash(who, thing):
        who = composer.pick(tuple(name for name in NAMES if not clash(name, thing)))
    past = tense is Tense.PAST
    simple = Tense.PAST if past else Tense.PRESENT
    if mood == "because":
        modal = None if then.state else composer.pick((Modal.WANT, Modal.MUST))
        sub = with_object(Clause(who, then, simple, modal), thing.pronoun)
        return subordinated(clause, BECAUSE, sub)
    if mood == "and":
        later = simple if then.state else Tense.PAST if past else Tense.FUTURE
        return coordinated(clause, AND, with_object(Clause(who, then, later), thing.pronoun))
    modal = None if then.state else composer.pick((Modal.CAN, Modal.MAY, Modal.WANT))
    sub = with_object(Clause(who, then, simple, modal, negated=True), thing.pronoun)
    return coordinated(clause, BUT, sub)


def _chained_object(
    composer: Composer, classes: tuple[str, ...], subject: Nominal
) -> NounPhrase | Nominal:
    if classes != ("natural",):
        return composer.thing(classes, subject)
    while True:
        other = composer.somebody_else(subject)
        known = not isinstance(other, Pronoun) and again(composer, other) is other.pronoun
        if known and other.pronoun is not subject.pronoun:
            return other


def with_object(clause: Clause, nominal: Nominal) -> Clause:
    """Return ``clause`` with ``nominal`` in the first slot of its verb."""
    slot = clause.verb.slots[-1] if clause.verb.english.base == "send" else clause.verb.slots[0]
    argument = Argument(nominal, slot.case, slot.english, slot.german)
    if slot.kind == "preposition":
        return replace(clause, complement=argument)
    return replace(clause, objects=(argument,))


def judged(composer: Composer) -> Pair:
    """The coat is too expensive, but Anna is buying it; she reads the book because it is good."""
    first, _, classes = composer.pick(_CHAINS[:21])
    subject = composer.actor()
    while True:
        thing = composer.thing(classes, subject)
        if adjectives_for(thing.noun) and not thing.absorbs:
            break
    tense = composer.pick((Tense.PROGRESSIVE, Tense.PAST))
    simple = Tense.PAST if tense is Tense.PAST else Tense.PRESENT
    verb = find_verb(first)
    conjunction = composer.weighted(((BECAUSE, 3), (ALTHOUGH, 2), (BUT, 5)))
    quality = graded(composer, _verdict(composer, thing.noun, conjunction is BECAUSE), chance=0.6)
    if conjunction is not BUT:
        thing = replace(thing, adjective=None, comparative=False)
        action = with_object(Clause(subject, verb, tense), thing)
        about = Clause(thing.pronoun, BE, simple, complement=quality)
        return subordinated(action, conjunction, about)
    known = composer.phrase(thing.noun, owner=subject, known=True)
    known = replace(known, adjective=None)
    action = with_object(Clause(subject, verb, tense), known.pronoun)
    return coordinated(Clause(known, BE, simple, complement=quality), BUT, action)


def _verdict(composer: Composer, noun: Noun, welcome: bool) -> Adjective:
    words = adjectives_for(noun)
    fitting = tuple(word for word in words if (word.english not in _UNWELCOME) == welcome)
    return composer.pick(fitting or words)
