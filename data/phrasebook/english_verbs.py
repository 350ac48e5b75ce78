"""English verbs: agreement, and regular forms computed from the base.

The table names only what is irregular.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Person(Enum):
    """Whom a verb agrees with; ``you`` is always a single friend, German ``du``."""

    I = 0  # noqa: E741
    YOU = 1
    IT = 2
    WE = 3
    THEY = 4

    @property
    def german_form(self) -> int:
        """Column of the German form: ich, du, er, and one for both plurals."""
        return min(self.value, 3)

    @property
    def is_first(self) -> bool:
        """Whether the speaker is among them."""
        return self in (Person.I, Person.WE)


@dataclass(frozen=True, slots=True)
class EnglishVerb:
    """The forms of an English verb.

    Attributes:
        base: Infinitive without *to*.
        third: Present after he, she and it.
        past: Past tense.
        participle: Past participle.
        ing: Present participle.
        tail: Words that always follow, such as ``for`` in ``look for``.
        particle: A word that follows, but lets a pronoun go first: ``turn it on``.
    """

    base: str
    third: str
    past: str
    participle: str
    ing: str
    tail: tuple[str, ...] = ()
    particle: str = ""

    @property
    def is_be(self) -> bool:
        """Whether this is *be*, which needs no *do* and has forms of its own."""
        return self.base == "be"

    def finite(self, person: Person, past: bool) -> str:
        """Return the form that agrees with ``person``."""
        if self.is_be:
            return (_WAS if past else _IS)[person.value]
        if past:
            return self.past
        return self.third if person is Person.IT else self.base


_IS = ("am", "are", "is", "are", "are")
_WAS = ("was", "were", "was", "were", "were")
_DOUBLED = frozenset(
    {"cut", "get", "put", "run", "shop", "sit", "swim", "travel", "win", "forget", "begin"}
)

# Base, past, participle.
_ENGLISH_IRREGULAR = """
be          was         been
begin       began       begun
break       broke       broken
bring       brought     brought
build       built       built
buy         bought      bought
come        came        come
cost        cost        cost
cut         cut         cut
do          did         done
draw        drew        drawn
drink       drank       drunk
drive       drove       driven
eat         ate         eaten
fall        fell        fallen
feed        fed         fed
find        found       found
fit         fitted      fitted
fly         flew        flown
forget      forgot      forgotten
forgive     forgave     forgiven
get         got         got
give        gave        given
go          went        gone
hang        hung        hung
have        had         had
hear        heard       heard
hide        hid         hidden
know        knew        known
lend        lent        lent
lie         lay         lain
lose        lost        lost
meet        met         met
pay         paid        paid
put         put         put
read        read        read
run         ran         run
say         said        said
see         saw         seen
sell        sold        sold
send        sent        sent
show        showed      shown
sing        sang        sung
sit         sat         sat
sleep       slept       slept
speak       spoke       spoken
stand       stood       stood
swim        swam        swum
take        took        taken
tell        told        told
think       thought     thought
understand  understood  understood
wake        woke        woken
wear        wore        worn
win         won         won
write       wrote       written
"""
_ENGLISH_FORMS = {
    base: (past, participle)
    for base, past, participle in (row.split() for row in _ENGLISH_IRREGULAR.strip().splitlines())
}


def english_verb(written: str) -> EnglishVerb:
    """Inflect a verb of the table.

    Args:
        written: The base. ``~on`` adds a particle that lets pronouns go first (``turn it on``),
            ``_for`` a word that always follows (``look for``).
    """
    base, _, particle = written.partition("~")
    base, *tail = base.split("_")
    vowel = base[-2:-1] in "aeiou"
    if base.endswith(("s", "sh", "ch", "x", "o")):
        third = base + "es"
    elif base.endswith("y") and not vowel:
        third = base[:-1] + "ies"
    else:
        third = {"have": "has", "be": "is"}.get(base, base + "s")
    doubled = base + base[-1] if base in _DOUBLED else base
    if base.endswith("ie"):
        ing = base[:-2] + "ying"
    elif base.endswith("e") and not base.endswith(("be", "ee")):
        ing = base[:-1] + "ing"
    else:
        ing = doubled + "ing"
    if base in _ENGLISH_FORMS:
        past, participle = _ENGLISH_FORMS[base]
    elif base.endswith("e"):
        past = participle = base + "d"
    elif base.endswith("y") and not vowel:
        past = participle = base[:-1] + "ied"
    else:
        past = participle = doubled + "ed"
    return EnglishVerb(base, third, past, participle, ing, tuple(tail), particle)
