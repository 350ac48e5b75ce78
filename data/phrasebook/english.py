"""Clauses in English.

A negation or a question needs an auxiliary. Where the clause has none, *do* steps in, except
beside *be*. The auxiliary and the German finite verb share the tie ``finite``; the verb proper
carries ``verb``, and both where it is finite itself.
"""

from __future__ import annotations

from typing import NamedTuple

from phrasebook.adverbials import YET
from phrasebook.clauses import Clause, Modal, Tense
from phrasebook.english_verbs import english_verb
from phrasebook.phrases import Argument
from phrasebook.words import Word

_BE = english_verb("be")
_DO = english_verb("do")
_HAVE = english_verb("have")
_PERIPHRASTIC = {
    Modal.MUST: _HAVE,
    Modal.WANT: english_verb("want"),
    Modal.LIKE: english_verb("like"),
}


class _Group(NamedTuple):
    """The verb words: what moves before the subject in a question, and what stays."""

    operator: str
    main: list[Word]


def english_clause(clause: Clause, label: str, *, inverted: bool = False) -> list[Word]:
    """Return the words of a clause.

    Args:
        clause: What to say.
        label: The beginning of all its ties.
        inverted: Whether the auxiliary precedes the subject, as in questions.
    """
    operator, main = _group(clause, label, inverted)
    middle = _middle(clause, label)
    if clause.negated and operator == "can" and not inverted:
        # *cannot* is one word.
        operator, middle = "", [Word("cannot", (f"{label}.finite", *middle[0].ties)), *middle[1:]]
    auxiliary = [Word(operator, (f"{label}.finite",))] if operator else []
    subject = clause.subject.english_words(f"{label}.subject", subject=True)
    return [
        *_front(clause, label),
        *([*auxiliary, *subject] if inverted else [*subject, *auxiliary]),
        *middle,
        *_verb_and_rest(clause, label, main),
    ]


def english_imperative(clause: Clause, label: str) -> list[Word]:
    """Return the words of an order, without its subject."""
    words: list[Word] = []
    if clause.negated:
        words = [Word("do", (f"{label}.finite",)), Word("not", (f"{label}.not",))]
    return [*words, *english_infinitive(clause, label)]


def english_infinitive(clause: Clause, label: str) -> list[Word]:
    """Return the words of an infinitive without *to*, and all that goes with it."""
    main = _words(clause.verb.english.base, (f"{label}.verb", f"{label}.finite"))
    return _verb_and_rest(clause, label, main)


def _front(clause: Clause, label: str) -> list[Word]:
    front = clause.front
    if isinstance(front, Argument) and front.nominal.asks:
        # Its preposition stays behind: *who are you waiting for*.
        return front.nominal.english_words(f"{label}.front")
    return front.english_words(f"{label}.front") if front else []


def _middle(clause: Clause, label: str) -> list[Word]:
    words = [Word("not", (f"{label}.not",))] if clause.negated else []
    if clause.often and clause.often is not YET:
        words += clause.often.english_words(f"{label}.often")
    return words


def _verb_and_rest(clause: Clause, label: str, main: list[Word]) -> list[Word]:
    verb = clause.verb.english
    tie = (f"{label}.verb",)
    words = [*main, *(Word(part, tie) for part in verb.tail)]
    particle = [Word(verb.particle, tie)] if verb.particle else []
    for index, argument in enumerate(clause.objects):
        if particle and argument.nominal.pronoun is not argument.nominal:
            words += particle
            particle = []
        words += argument.english_words(f"{label}.object{index}")
    words += particle
    if isinstance(clause.front, Argument) and clause.front.nominal.asks:
        words += clause.front.english_preposition(f"{label}.front")
    for name, phrase in (
        ("complement", clause.complement),
        ("manner", clause.manner),
        ("company", clause.company),
        ("place", clause.place),
        ("often", clause.often if clause.often is YET else None),
        ("time", clause.time),
    ):
        if phrase:
            words += phrase.english_words(f"{label}.{name}")
    return words


def _words(text: str, ties: tuple[str, ...]) -> list[Word]:
    return [Word(part, ties) for part in text.split()]


def _group(clause: Clause, label: str, inverted: bool) -> _Group:
    person = clause.subject.pronoun.person
    supported = inverted or clause.negated
    past = clause.tense is Tense.PAST
    verb = clause.verb.english
    if clause.modal:
        return _modal_group(clause, label, supported)
    match clause.tense:
        case Tense.FUTURE:
            operator, main = "will", verb.base
        case Tense.PERFECT:
            operator, main = _HAVE.finite(person, past), verb.participle
        case Tense.PROGRESSIVE:
            operator, main = _BE.finite(person, past), verb.ing
        case _ if verb.is_be:
            operator, main = verb.finite(person, past), ""
        case _ if supported:
            operator, main = _DO.finite(person, past), verb.base
        case _:
            operator, main = "", verb.finite(person, past)
    ties = (f"{label}.verb",) if operator else (f"{label}.verb", f"{label}.finite")
    return _Group(operator, _words(main, ties))


def _modal_group(clause: Clause, label: str, supported: bool) -> _Group:
    person = clause.subject.pronoun.person
    past = clause.tense is Tense.PAST
    match clause.modal:
        case Modal.CAN:
            operator, tail = "could" if past else "can", ""
        case Modal.SHOULD:
            operator, tail = "should", ""
        case Modal.WOULD_LIKE:
            operator, tail = "would", "like to"
        case Modal.MAY if past:
            operator, tail = _BE.finite(person, past), "allowed to"
        case Modal.MAY:
            # To forbid, English says *must not*.
            operator, tail = "must" if clause.negated else "may", ""
        case Modal.MUST if not past and not supported:
            operator, tail = "must", ""
        case modal:
            verb = _PERIPHRASTIC[modal or Modal.WANT]
            operator = _DO.finite(person, past) if supported else ""
            tail = f"{verb.base if supported else verb.finite(person, past)} to"
    role = "gladly" if clause.modal is Modal.LIKE else "finite"
    main = _words(clause.verb.english.base, (f"{label}.verb",))
    return _Group(operator, [*_words(tail, (f"{label}.{role}",)), *main])
