"""Sentences put together from clauses: one function for each way of doing it.

Each function says the same thing in both languages and returns the finished pair. Nothing here is
left to chance; :mod:`phrasebook.composer` and the modules of sentence kinds decide what is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from phrasebook.clauses import Clause, Tense
from phrasebook.declension import Case
from phrasebook.english import english_clause, english_imperative, english_infinitive
from phrasebook.german import Order, german_clause, german_imperative, german_infinitive
from phrasebook.nominals import NounPhrase
from phrasebook.phrases import Argument
from phrasebook.verb_table import BE
from phrasebook.words import Fixed, Pair, Phrase, Word, make_pair

THAT = Fixed.parse("that", "dass")
WHETHER = Fixed.parse("whether", "ob")
BECAUSE = Fixed.parse("because", "weil")
ALTHOUGH = Fixed.parse("although", "obwohl")
IF = Fixed.parse("if", "wenn")
WHEN = Fixed.parse("when", "wenn")
WHILE = Fixed.parse("while", "während")
BEFORE = Fixed.parse("before", "bevor")
AND = Fixed.parse("and", "und")
BUT = Fixed.parse("but", "aber")

_STOP = Word(".", ("mark",))
_QUESTION = Word("?", ("mark",))
_CRY = Word("!", ("mark",))
_COMMA = Word(",", ("comma",))
_GERMAN_COMMA = Word(",")


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative clause, to stand after its noun; German puts it between commas.

    The relative pronoun is the subject of the clause, or its ``front``.
    """

    clause: Clause

    def english_words(self, path: str) -> list[Word]:
        """Return the clause without commas."""
        return english_clause(self.clause, path)

    def german_words(self, path: str) -> list[Word]:
        """Return the clause between commas, its verb last."""
        return [_GERMAN_COMMA, *german_clause(self.clause, path, Order.LAST), _GERMAN_COMMA]


def statement(clause: Clause, comment: Phrase | None = None) -> Pair:
    """Say that something is so.

    Args:
        clause: What is so.
        comment: A word such as *perhaps*, said first.
    """
    english = english_clause(clause, "a")
    order = Order.FIRST if comment else Order.SECOND
    german = german_clause(clause, "a", order)
    if comment:
        english = [*comment.english_words("comment"), *english]
        german = [*comment.german_words("comment"), *german]
    return make_pair([*english, _STOP], [*german, _STOP])


def question(clause: Clause, opening: Phrase | None = None) -> Pair:
    """Ask whether something is so, or, with a question word in front or as subject, ask for it.

    Args:
        clause: What is asked.
        opening: Whom one addresses, or how; a comma follows it.
    """
    asks_subject = clause.subject.asks
    english = english_clause(clause, "a", inverted=not asks_subject)
    german = german_clause(clause, "a", Order.SECOND if asks_subject else Order.FIRST)
    return _opened(opening, [*english, _QUESTION], [*german, _QUESTION])


def command(clause: Clause, please: bool = False, opening: Phrase | None = None) -> Pair:
    """Tell a friend to do something, or not to.

    Args:
        clause: What to do.
        please: Whether to say *please*.
        opening: Whom one addresses; a comma follows it.
    """
    english = english_imperative(clause, "a")
    german = german_imperative(clause, "a")
    if please:
        english = [Word("please", ("please",)), *english]
        german = [Word("bitte", ("please",)), *german]
    return _opened(opening, [*english, _CRY], [*german, _CRY])


def exclamation(phrase: Phrase, opening: Phrase | None = None, asked: bool = False) -> Pair:
    """Say a phrase that is no clause, such as a greeting."""
    mark = _QUESTION if asked else _CRY
    english, german = phrase.english_words("a"), phrase.german_words("a")
    return _opened(opening, [*english, mark], [*german, mark])


def _opened(opening: Phrase | None, english: list[Word], german: list[Word]) -> Pair:
    if not opening:
        return make_pair(english, german)
    comma = Word(",", ("opening.comma",))
    return make_pair(
        [*opening.english_words("opening"), comma, *english],
        [*opening.german_words("opening"), comma, *german],
    )


def proposal(clause: Clause) -> Pair:
    """Propose to do something together: *let us ...*, ``lass uns ...``."""
    english = [Word("let", ("let",)), Word("us", ("us",)), *english_infinitive(clause, "a")]
    german = [Word("lass", ("let",)), Word("uns", ("us",)), *german_infinitive(clause, "a")]
    return make_pair([*english, _CRY], [*german, _CRY])


def coordinated(first: Clause, conjunction: Fixed, second: Clause) -> Pair:
    """Join two statements; German writes a comma before ``aber`` only."""
    comma = [_COMMA] if conjunction is BUT else []
    english = [
        *english_clause(first, "a"),
        _COMMA,
        *conjunction.english_words("conjunction"),
        *english_clause(second, "b"),
        _STOP,
    ]
    german = [
        *german_clause(first, "a", Order.SECOND),
        *comma,
        *conjunction.german_words("conjunction"),
        *german_clause(second, "b", Order.SECOND),
        _STOP,
    ]
    return make_pair(english, german)


def subordinated(main: Clause, conjunction: Fixed, sub: Clause, asked: bool = False) -> Pair:
    """Say a main clause, then a subordinate one, whose German verb goes last.

    Args:
        main: The main clause; a question if ``asked``.
        conjunction: What joins them.
        sub: The subordinate clause.
        asked: Whether the whole is a question.
    """
    mark = _QUESTION if asked else _STOP
    english = [
        *english_clause(main, "a", inverted=asked),
        *conjunction.english_words("conjunction"),
        *english_clause(sub, "b"),
        mark,
    ]
    german = [
        *german_clause(main, "a", Order.FIRST if asked else Order.SECOND),
        _GERMAN_COMMA,
        *conjunction.german_words("conjunction"),
        *german_clause(sub, "b", Order.LAST),
        mark,
    ]
    return make_pair(english, german)


def subordinated_first(conjunction: Fixed, sub: Clause, main: Clause) -> Pair:
    """Say the subordinate clause first; then the German main clause begins with its verb."""
    english = [
        *conjunction.english_words("conjunction"),
        *english_clause(sub, "b"),
        _COMMA,
        *english_clause(main, "a"),
        _STOP,
    ]
    german = [
        *conjunction.german_words("conjunction"),
        *german_clause(sub, "b", Order.LAST),
        _COMMA,
        *german_clause(main, "a", Order.FIRST),
        _STOP,
    ]
    return make_pair(english, german)


def conditional_command(sub: Clause, order: Clause) -> Pair:
    """Say *if ...*, then an order."""
    english = [
        *IF.english_words("conjunction"),
        *english_clause(sub, "b"),
        _COMMA,
        *english_imperative(order, "a"),
        _CRY,
    ]
    german = [
        *IF.german_words("conjunction"),
        *german_clause(sub, "b", Order.LAST),
        _COMMA,
        *german_imperative(order, "a"),
        _CRY,
    ]
    return make_pair(english, german)


def indirect_question(main: Clause, sub: Clause, asked: bool = False) -> Pair:
    """Say a main clause, then a question whose word stands in ``sub.front`` or is its subject."""
    return subordinated(main, Fixed((), ()), sub, asked)


def with_infinitive(main: Clause, sub: Clause, purpose: bool = False) -> Pair:
    """Say a main clause, then *to* do something: ``zu``, or ``um ... zu`` for a ``purpose``."""
    english = [
        *english_clause(main, "a"),
        Word("to", ("to",)),
        *english_infinitive(sub, "b"),
        _STOP,
    ]
    german = [
        *german_clause(main, "a", Order.SECOND),
        _GERMAN_COMMA,
        *([Word("um", ("to",))] if purpose else []),
        *german_infinitive(sub, "b", particle="to"),
        _STOP,
    ]
    return make_pair(english, german)


def existence(
    phrase: NounPhrase, place: Argument | None = None, past: bool = False, asked: bool = False
) -> Pair:
    """Say that something is there: *there is*, ``es gibt``, or with a place ``Im Garten ist``.

    Args:
        phrase: What there is.
        place: Where; a German statement begins with it.
        past: Whether it was there; for a place only.
        asked: Whether it is a question, which German asks with ``gibt es`` in any case.
    """
    person = phrase.pronoun.person
    there, be = Word("there", ("there",)), Word(BE.english.finite(person, past), ("a.finite",))
    where = place.english_words("a.place") if place else []
    english = [*([be, there] if asked else [there, be]), *phrase.english_words("a.subject"), *where]
    mark = _QUESTION if asked else _STOP
    if place and not asked:
        tense = Tense.PAST if past else Tense.PRESENT
        clause = Clause(phrase, BE, tense)
        front = place.german_words("a.place")
        german = [*front, *german_clause(clause, "a", Order.FIRST), mark]
        return make_pair([*english, mark], german)
    gives, it = Word("gibt", ("a.finite",)), Word("es", ("there",))
    german = [
        *([gives, it] if asked else [it, gives]),
        *(place.german_words("a.place") if place else []),
        *phrase.german_words("a.subject", Case.ACCUSATIVE),
        mark,
    ]
    return make_pair([*english, mark], german)
