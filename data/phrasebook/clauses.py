"""What a clause says, before either language puts it into words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from phrasebook.nominals import Nominal
from phrasebook.phrases import Argument, Identity
from phrasebook.verb_table import Verb
from phrasebook.words import Fixed, Phrase


class Tense(Enum):
    """English tenses; German says both presents alike, and mostly both pasts."""

    PRESENT = "buys, kauft"
    PROGRESSIVE = "is buying, kauft"
    PAST = "bought, hat gekauft"
    PERFECT = "has bought, hat gekauft"
    FUTURE = "will buy, wird kaufen"


class Modal(Enum):
    """Modal verbs, by what English says in the present."""

    CAN = "can"
    MUST = "must"
    WANT = "want to"
    MAY = "may"
    SHOULD = "should"
    WOULD_LIKE = "would like to"
    LIKE = "like to"
    """Not a modal in German, where one does things ``gern``."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause, the same for both languages.

    Attributes:
        subject: Who does it.
        verb: What is done.
        tense: When, seen from English.
        modal: A modal verb above the verb; then the tense is present or past.
        negated: Whether it is denied.
        objects: Objects in English order.
        complement: What belongs closely to the verb: predicate, goal, object with a preposition.
        often: An adverb in the middle, such as ``often``.
        manner: How.
        company: With whom or by which vehicle.
        place: Where.
        time: When, said in the middle of the German clause.
        front: What goes first instead of the subject: a time or a question word.
    """

    subject: Nominal
    verb: Verb
    tense: Tense = Tense.PRESENT
    modal: Modal | None = None
    negated: bool = False
    objects: tuple[Argument, ...] = ()
    complement: Phrase | None = None
    often: Fixed | None = None
    manner: Phrase | None = None
    company: Phrase | None = None
    place: Phrase | None = None
    time: Phrase | None = None
    front: Phrase | None = None

    @property
    def absorber(self) -> Argument | Identity | None:
        """The object or predicate whose article says the negation as ``kein``, if any.

        What one does ``gern`` is denied with ``nicht gern`` instead.
        """
        if not self.negated or self.modal is Modal.LIKE:
            return None
        for argument in self.objects:
            if argument.nominal.absorbs and not argument.german:
                return argument
        if isinstance(self.complement, Identity) and self.complement.nominal.absorbs:
            return self.complement
        return None

    def at(self, time: Phrase, first: bool) -> Clause:
        """Return the clause with a time, said first or in the middle."""
        return replace(self, front=time) if first else replace(self, time=time)
