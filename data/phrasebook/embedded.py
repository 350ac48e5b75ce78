"""Kinds of sentences with relative clauses and with infinitives after *to*."""

from __future__ import annotations

from dataclasses import replace

from phrasebook.adverbials import FUTURE_TIMES
from phrasebook.casting import Polarity, adjectives_for, clash
from phrasebook.clauses import Clause, Modal, Tense
from phrasebook.composer import Composer
from phrasebook.declension import THE, A
from phrasebook.english_verbs import Person
from phrasebook.nominals import Nominal, NounPhrase, Pronoun
from phrasebook.nouns import Noun
from phrasebook.phrases import Argument
from phrasebook.sentences import Relative, statement, with_infinitive
from phrasebook.statements import QUALITIES, graded
from phrasebook.verb_table import BE, BEGIN, FORGET_TO, PROMISE, TRY, VERBS, Verb, find_verb
from phrasebook.when import When
from phrasebook.words import Pair

_RELATIVES = {
    "m": ("der", "den", "dem"),
    "f": ("die", "die", "der"),
    "n": ("das", "das", "dem"),
    "p": ("die", "die", "denen"),
}
_OF_PERSONS = tuple(verb for verb in VERBS if verb.subjects == ("human",))
_OF_THINGS = tuple(
    verb
    for verb in VERBS
    if len(verb.slots) == 1
    and verb.subjects == ("human",)
    and verb.slots[0].kind in ("object", "preposition")
    and "language" not in verb.slots[0].classes
)
_SEEING = ("know", "see", "look for", "help", "like", "call", "invite", "thank", "meet", "trust")
_EFFORTS = tuple(
    verb for verb in VERBS if not (verb.state or verb.event) and verb.subjects[0] == "human"
)
_BEGUN = (
    *("build", "clean", "cook", "cry", "dance", "draw", "eat", "drink", "laugh", "learn", "paint"),
    *("read", "repair", "sing", "smoke", "tidy up", "translate", "wash", "work", "write"),
)
_ERRANDS = (
    ("market", ("buy", "sell")),
    ("supermarket", ("buy", "go shopping")),
    ("library", ("read", "work", "translate")),
    ("kitchen", ("cook", "bake", "eat", "wash", "drink", "help")),
    ("garden", ("water", "rest", "feed", "celebrate", "read", "play", "help")),
    ("station", ("pick up", "wait for")),
    ("airport", ("pick up", "wait for")),
    ("museum", ("look at",)),
    ("lake", ("swim", "rest")),
    ("swimming pool", ("swim",)),
    ("zoo", ("photograph",)),
    ("restaurant", ("eat", "celebrate", "drink", "order")),
    ("office", ("work", "write", "talk to")),
    ("hotel", ("sleep", "rest")),
    ("school", ("learn", "pick up")),
    ("park", ("play", "draw", "rest", "meet")),
    ("village", ("visit", "help")),
)


def relative_pronoun(antecedent: NounPhrase, person: bool) -> Pronoun:
    """Return *who* or *that*, which in German agrees with its antecedent."""
    english = "who" if person else "that"
    gender = "p" if antecedent.plural else antecedent.noun.gender
    number = Person.THEY if antecedent.plural else Person.IT
    return Pronoun((english, english), _RELATIVES[gender], number, asks=True)


def relative_of_person(composer: Composer) -> Pair:
    """The man who is helping Anna is my uncle."""
    noun = composer.noun("person")
    determiner = THE if composer.chance(0.8) else A
    plural = determiner is THE and composer.chance(0.2)
    antecedent = NounPhrase(noun, determiner, plural)
    if composer.chance(0.65):
        verb = composer.pick(_OF_PERSONS)
        clause = composer.clause(verb, relative_pronoun(antecedent, True), details=False)
        if composer.chance(0.5):
            clause = replace(clause, often=None, time=None)
    else:
        verb = composer.pick(_OF_THINGS)
        while "human" not in verb.slots[0].classes:
            verb = composer.pick(_OF_THINGS)
        clause = _gapped(composer, verb, antecedent, True)
    whole = replace(antecedent, relative=Relative(clause))
    if composer.chance(0.45):
        main = Clause(whole, BE, complement=graded(composer, composer.pick(QUALITIES)))
        return statement(main)
    verb = find_verb(composer.pick(_SEEING))
    subject = composer.actor()
    while clash(subject, antecedent) or _speaks_of(clause, subject):
        subject = composer.actor()
    tense = composer.pick((Tense.PRESENT, Tense.PAST) if verb.state else (Tense.PAST, Tense.FUTURE))
    slot = verb.slots[0]
    argument = Argument(whole, slot.case, slot.english, slot.german)
    return statement(Clause(subject, verb, tense, objects=(argument,)))


def _speaks_of(clause: Clause, nominal: Nominal) -> bool:
    parts = (*clause.objects, clause.complement)
    return clause.subject is nominal or any(
        isinstance(part, Argument) and clash(nominal, part.nominal) for part in parts
    )


def _gapped(composer: Composer, verb: Verb, antecedent: NounPhrase, person: bool) -> Clause:
    """Return a clause with a relative pronoun in front instead of its object."""
    subject = composer.actor()
    while clash(subject, antecedent):
        subject = composer.actor()
    clause = composer.clause(verb, subject, details=False)
    slot = verb.slots[0]
    front = Argument(relative_pronoun(antecedent, person), slot.case, slot.english, slot.german)
    if composer.chance(0.5) and clause.tense is not Tense.PRESENT:
        clause = replace(clause, time=None, often=None)
    clause = replace(clause, objects=(), complement=None, front=front)
    return replace(clause, modal=None) if clause.modal is Modal.LIKE else clause


def relative_of_thing(composer: Composer) -> Pair:
    """The book that I am reading is interesting; I need the key that Anna has lost."""
    while True:
        verb = composer.pick(_OF_THINGS)
        classes = tuple(name for name in verb.slots[0].classes if name not in ("human", "person"))
        if not classes:
            continue
        noun = composer.noun(*classes)
        if adjectives_for(noun) and not noun.classes & {"kin", "person"}:
            break
    plural = bool(noun.english_plural) and ("paired" in noun.classes or composer.chance(0.15))
    antecedent = NounPhrase(noun, THE, plural)
    clause = _gapped(composer, verb, antecedent, False)
    whole = replace(antecedent, relative=Relative(clause))
    if composer.chance(0.6):
        quality = graded(composer, composer.pick(adjectives_for(noun)))
        tense = Tense.PAST if clause.tense is Tense.PAST and composer.chance(0.6) else Tense.PRESENT
        return statement(Clause(whole, BE, tense, complement=quality))
    subject = composer.actor()
    outer = composer.pick(tuple(verb for verb in _OF_THINGS if _takes(verb, noun)))
    slot = outer.slots[0]
    argument = Argument(whole, slot.case, slot.english, slot.german)
    tense = composer.pick(
        (Tense.PRESENT, Tense.PAST) if outer.state else (Tense.PAST, Tense.FUTURE)
    )
    main = Clause(subject, outer, tense)
    if slot.kind == "preposition":
        return statement(replace(main, complement=argument))
    return statement(replace(main, objects=(argument,)))


def _takes(verb: Verb, noun: Noun) -> bool:
    return not noun.classes.isdisjoint(verb.slots[0].classes)


def effort(composer: Composer) -> Pair:
    """Anna is trying to open the door."""
    subject = composer.actor()
    main_verb = composer.pick((TRY, TRY, PROMISE, BEGIN, FORGET_TO))
    tenses = [Tense.PAST, Tense.PERFECT]
    if main_verb is TRY:
        tenses += [Tense.PROGRESSIVE, Tense.FUTURE]
    tense = composer.pick(tenses)
    negated = main_verb in (TRY, FORGET_TO) and composer.chance(0.15)
    main = Clause(subject, main_verb, tense, negated=negated)
    time = composer.pick(FUTURE_TIMES) if main_verb is PROMISE and composer.chance(0.4) else None
    when = When(Tense.PRESENT, time=time)
    verb = find_verb(composer.pick(_BEGUN)) if main_verb is BEGIN else composer.pick(_EFFORTS)
    # After a denial, *some* is *any* even in the infinitive.
    polarity: Polarity = "question" if negated else "plain"
    sub = composer.clause(verb, subject, polarity=polarity, when=when, details=composer.chance(0.4))
    return with_infinitive(main, sub)


def errand(composer: Composer) -> Pair:
    """Anna is going to the market to buy apples."""
    where, verbs = composer.pick(_ERRANDS)
    subject = composer.actor()
    place = composer.place_to(where)
    going = find_verb(composer.pick(("go", "go", "drive", "run")), "")
    if going.english.base == "drive" and where in ("kitchen", "garden"):
        going = find_verb("go")
    tense = composer.pick((Tense.PROGRESSIVE, Tense.PAST, Tense.FUTURE))
    modal = None
    if composer.chance(0.25):
        tense, modal = Tense.PRESENT, composer.pick((Modal.WANT, Modal.MUST, Modal.WOULD_LIKE))
    main = Clause(subject, going, tense, modal, complement=place)
    verb = find_verb(composer.pick(verbs))
    sub = composer.clause(verb, subject, when=When(Tense.PRESENT), details=False)
    return with_infinitive(main, sub, purpose=True)
