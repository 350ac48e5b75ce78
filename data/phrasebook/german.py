"""Clauses in German.

The finite verb stands second in a statement, first in a question, last in a subordinate clause;
the rest of the verb (prefix, participle, infinitive) closes the clause. What is between, the
middle field, runs:

    subject, pronouns, time, known objects, adverb, ``nicht``,
    manner, new objects, company, place, complement

so that ``nicht`` falls before what is new, and ``kein`` takes its place where a new object has an
article.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from phrasebook.adverbials import ALSO
from phrasebook.clauses import Clause, Modal, Tense
from phrasebook.declension import Case
from phrasebook.german_verbs import GermanVerb
from phrasebook.nominals import Nominal, NounPhrase, Pronoun
from phrasebook.phrases import Argument, Identity
from phrasebook.words import Phrase, Word


class Order(Enum):
    """Where the finite verb stands."""

    SECOND = "statement"
    FIRST = "question"
    LAST = "subordinate clause"


_HAVE = ("habe", "hast", "hat", "haben")
_BE = ("bin", "bist", "ist", "sind")
_WILL = ("werde", "wirst", "wird", "werden")

_PRESENT_MODALS = {
    Modal.CAN: ("kann", "kannst", "kann", "können"),
    Modal.MUST: ("muss", "musst", "muss", "müssen"),
    Modal.WANT: ("will", "willst", "will", "wollen"),
    Modal.MAY: ("darf", "darfst", "darf", "dürfen"),
    Modal.SHOULD: ("sollte", "solltest", "sollte", "sollten"),
    Modal.WOULD_LIKE: ("möchte", "möchtest", "möchte", "möchten"),
}
_PAST_MODALS = {
    Modal.CAN: ("konnte", "konntest", "konnte", "konnten"),
    Modal.MUST: ("musste", "musstest", "musste", "mussten"),
    Modal.WANT: ("wollte", "wolltest", "wollte", "wollten"),
    Modal.MAY: ("durfte", "durftest", "durfte", "durften"),
}


class _Bracket(NamedTuple):
    """The verb words: the finite one, and what closes the clause before or after it."""

    finite: Word
    closing: list[Word]
    last: list[Word]


def german_clause(clause: Clause, label: str, order: Order) -> list[Word]:
    """Return the words of a clause.

    Args:
        clause: What to say.
        label: The beginning of all its ties.
        order: Where the finite verb stands. A question word or relative pronoun in ``clause.front``
            precedes it in every order.
    """
    bracket = _bracket(clause, label)
    subject = clause.subject.german_words(f"{label}.subject", Case.NOMINATIVE)
    front = _governed(clause.front, f"{label}.front", label)
    clause, afterwards = _without_relatives(clause, label)
    field = _middle_field(clause, label)
    if order is Order.LAST:
        return [*front, *subject, *field, *bracket.last, *afterwards]
    if order is Order.FIRST or front:
        if clause.verb.german.reflexive and not _is_light(clause.subject):
            # A light *sich* slips in before a heavy subject.
            return [*front, bracket.finite, field[0], *subject, *field[1:], *bracket.closing]
        return [*front, bracket.finite, *subject, *field, *bracket.closing, *afterwards]
    return [*subject, bracket.finite, *field, *bracket.closing, *afterwards]


def german_imperative(clause: Clause, label: str) -> list[Word]:
    """Return the words of an order to a friend, without its subject."""
    verb = clause.verb.german
    ties = (f"{label}.verb", f"{label}.finite")
    prefix = [Word(verb.prefix, (f"{label}.verb",))] if verb.prefix else []
    return [Word(verb.imperative, ties), *_middle_field(clause, label), *prefix]


def german_infinitive(clause: Clause, label: str, particle: str = "") -> list[Word]:
    """Return the words of an infinitive at the end of its clause.

    Args:
        clause: What to say.
        label: The beginning of all its ties.
        particle: The tie of ``zu``; a separable prefix swallows it (``aufzumachen``). Empty for an
            infinitive without ``zu``.
    """
    verb = clause.verb.german
    tie = f"{label}.verb"
    infinitive = [Word(verb.prefix + verb.infinitive, (tie,))]
    if particle and verb.prefix:
        infinitive = [Word(f"{verb.prefix}zu{verb.infinitive}", (particle, tie))]
    elif particle:
        infinitive = [Word("zu", (particle,)), *infinitive]
    return [*_middle_field(clause, label), *infinitive]


def _without_relatives(clause: Clause, label: str) -> tuple[Clause, list[Word]]:
    """Take the relative clauses off the objects: German says them when the verb is complete."""
    afterwards: list[Word] = []
    objects = list(clause.objects)
    for index, argument in enumerate(objects):
        nominal = argument.nominal
        if isinstance(nominal, NounPhrase) and nominal.relative:
            afterwards += nominal.relative.german_words(f"{label}.object{index}.relative")
            objects[index] = replace(argument, nominal=replace(nominal, relative=None))
    complement = clause.complement
    if isinstance(complement, Argument) and isinstance(complement.nominal, NounPhrase):
        nominal = complement.nominal
        if nominal.relative:
            afterwards += nominal.relative.german_words(f"{label}.complement.relative")
            complement = replace(complement, nominal=replace(nominal, relative=None))
    if not afterwards:
        return clause, []
    return replace(clause, objects=tuple(objects), complement=complement), afterwards


def _is_light(subject: Nominal) -> bool:
    return isinstance(subject, Pronoun) and not subject.stressed


def _middle_field(clause: Clause, label: str) -> list[Word]:
    """Return everything between the verb words, except the subject."""
    negation = f"{label}.not"
    absorber = clause.absorber
    pronouns, known, new = _objects(clause, label, negation if absorber else "")
    adverb = clause.often.german_words(f"{label}.often") if clause.often else []
    words = [*pronouns, *_said(clause.time, f"{label}.time")]
    words += [*adverb, *known] if clause.often is ALSO else [*known, *adverb]
    if clause.negated and absorber is None:
        words.append(Word("nicht", (negation,)))
    if clause.modal is Modal.LIKE:
        words.append(Word("gern", (f"{label}.gladly",)))
    words += [*_said(clause.manner, f"{label}.manner"), *new]
    words += [*_said(clause.company, f"{label}.company"), *_said(clause.place, f"{label}.place")]
    complement = clause.complement
    if isinstance(complement, Identity) and complement is absorber:
        return words + complement.german_words(f"{label}.complement", negation)
    return words + _governed(complement, f"{label}.complement", label)


def _objects(
    clause: Clause, label: str, negation: str
) -> tuple[list[Word], list[Word], list[Word]]:
    """Return pronouns, known objects and new objects, each in German order."""
    pronouns: list[tuple[Case, list[Word]]] = []
    known: list[tuple[Case, list[Word]]] = []
    new: list[tuple[Case, list[Word]]] = []
    if clause.verb.german.reflexive:
        reflexive = Word(clause.subject.pronoun.reflexive, (f"{label}.verb",))
        pronouns.append((Case.NOMINATIVE, [reflexive]))
    for index, argument in enumerate(clause.objects):
        denied = negation if argument is clause.absorber else ""
        words = argument.german_words(f"{label}.object{index}", denied)
        if argument.nominal.pronoun is argument.nominal:
            pronouns.append((argument.case, words))
        else:
            (known if argument.nominal.definite else new).append((argument.case, words))
    # Among pronouns the accusative goes first, among nouns the dative.
    pronouns.sort(key=lambda item: item[0])
    known.sort(key=lambda item: -item[0])
    new.sort(key=lambda item: -item[0])
    first, second, third = (
        [word for _, words in group for word in words] for group in (pronouns, known, new)
    )
    return first, second, third


def _said(phrase: Phrase | None, path: str) -> list[Word]:
    return phrase.german_words(path) if phrase else []


def _governed(phrase: Phrase | None, path: str, label: str) -> list[Word]:
    # A preposition that English lacks, as in ``sich erinnern an``, belongs to the verb.
    if isinstance(phrase, Argument):
        return phrase.german_words(path, governor=f"{label}.verb")
    return _said(phrase, path)


def _bracket(clause: Clause, label: str) -> _Bracket:
    verb = clause.verb.german
    form = clause.subject.pronoun.person.german_form
    past = clause.tense is Tense.PAST
    proper, finite = (f"{label}.verb",), (f"{label}.finite",)
    infinitive = Word(verb.prefix + verb.infinitive, proper)
    if clause.modal and clause.modal is not Modal.LIKE:
        forms = (_PAST_MODALS if past else _PRESENT_MODALS)[clause.modal]
        return _closed(Word(forms[form], finite), infinitive)
    if clause.tense is Tense.FUTURE:
        return _closed(Word(_WILL[form], finite), infinitive)
    if clause.tense is Tense.PERFECT or (past and not verb.preterite):
        forms = _BE if verb.auxiliary == "sein" else _HAVE
        return _closed(Word(forms[form], finite), Word(verb.participle, proper))
    return _simple(verb, form, past, (*proper, *finite))


def _closed(finite: Word, closing: Word) -> _Bracket:
    return _Bracket(finite, [closing], [closing, finite])


def _simple(verb: GermanVerb, form: int, past: bool, ties: tuple[str, ...]) -> _Bracket:
    forms = verb.preterite if past and verb.preterite else verb.present
    finite = Word(forms[form], ties)
    if not verb.prefix:
        return _Bracket(finite, [], [finite])
    return _Bracket(finite, [Word(verb.prefix, ties[:1])], [Word(verb.prefix + forms[form], ties)])
