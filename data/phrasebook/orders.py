"""Kinds of orders and proposals."""

from __future__ import annotations

from phrasebook.adverbials import FUTURE_TIMES, PROGRESSIVE_TIMES
from phrasebook.casting import NAMES, Polarity
from phrasebook.clauses import Clause, Tense
from phrasebook.composer import Composer
from phrasebook.declension import Case
from phrasebook.nominals import IT, WE, YOU
from phrasebook.phrases import Addressed, Argument, Quality
from phrasebook.sentences import command, conditional_command, proposal
from phrasebook.statements import QUALITIES
from phrasebook.verb_table import BE, RAIN, VERBS, find_verb
from phrasebook.when import When
from phrasebook.words import Pair

_ORDERED = tuple(
    verb
    for verb in VERBS
    if not (verb.state or verb.event)
    and verb.subjects[0] == "human"
    and verb.german.name not in ("bitten", "studieren")
)
_FORBIDDEN = (*_ORDERED, *(find_verb(name) for name in ("forget", "lose", "break")))
_PROPOSED = tuple(verb for verb in _ORDERED if not verb.german.reflexive)
_TIMES = (*PROGRESSIVE_TIMES[:2], *FUTURE_TIMES[:2], *FUTURE_TIMES[5:6])

# What happens with something, and what to do with it then.
_CHAINS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("find", "bring along", ("umbrella", "photo", "map", "book")),
    ("find", "feed", ("dog", "cat", "rabbit")),
    ("find", "turn off", ("radio", "lamp")),
    ("find", "open", ("box", "bottle")),
    ("know", "sing", ("song",)),
    ("like", "buy", ("clothes", "wine", "picture")),
    ("need", "look for", ("key", "ticket", "passport")),
    ("see", "help", ("man", "woman")),
    ("see", "ask", ("woman", "waiter")),
    ("see", "invite", ("man", "woman")),
    ("break", "pay for", ("glass", "vase", "cup", "plate")),
    ("buy", "cook", ("rice", "meat")),
    ("write", "translate", ("letter", "novel", "story")),
    ("wash", "hang up", ("jacket", "coat")),
    ("repair", "sell", ("car", "bicycle", "boat")),
)

_ADVICE = {
    quality: verbs
    for name, verbs in {
        "tired": ("sleep", "rest", "stay", "drink", "go"),
        "hungry": ("eat", "cook", "order", "bake", "go shopping"),
        "thirsty": ("drink", "order", "ask for"),
        "ill": ("call", "sleep", "stay", "rest"),
        "sad": ("dance", "sing", "call", "visit", "play"),
        "happy": ("dance", "sing", "celebrate", "laugh"),
        "lazy": ("work", "tidy up", "help", "get up"),
        "rich": ("buy", "pay for", "travel", "help"),
    }.items()
    for quality in QUALITIES
    if quality.english == name
}
_WHEN_IT_RAINS = ("bring along", "put on", "close", "stay", "read", "drive")


def order(composer: Composer) -> Pair:
    """Open the window, please! Do not forget the key!"""
    negated = composer.chance(0.3)
    verb = composer.pick(_FORBIDDEN if negated else _ORDERED)
    time = composer.pick(_TIMES) if composer.chance(0.2) else None
    polarity: Polarity = "negative" if negated else "plain"
    clause = composer.clause(verb, YOU, polarity=polarity, when=When(Tense.PRESENT, time=time))
    opening = Addressed(composer.pick(NAMES)) if composer.chance(0.25) else None
    return command(clause, please=composer.chance(0.3), opening=opening)


def suggestion(composer: Composer) -> Pair:
    """Let us go to the cinema!"""
    verb = composer.pick(_PROPOSED)
    time = composer.pick(_TIMES) if composer.chance(0.35) else None
    return proposal(composer.clause(verb, WE, when=When(Tense.PRESENT, time=time)))


def conditional_order(composer: Composer) -> Pair:
    """If you find the key, bring it along!"""
    if composer.chance(0.45):
        return _chained(composer)
    if composer.chance(0.2):
        sub = Clause(IT, RAIN)
        advice: tuple[str, ...] = _WHEN_IT_RAINS
    else:
        adjective = composer.pick(tuple(_ADVICE))
        sub = Clause(YOU, BE, complement=Quality(adjective))
        advice = _ADVICE[adjective]
    verb = find_verb(composer.pick(advice))
    main = composer.clause(verb, YOU, when=When(Tense.PRESENT), details=composer.chance(0.4))
    return conditional_command(sub, main)


def _chained(composer: Composer) -> Pair:
    first, second, names = composer.pick(_CHAINS)
    thing = composer.phrase(composer.noun(composer.pick(names)), owner=YOU, known=True)
    then = find_verb(second)
    sub = Clause(YOU, find_verb(first), objects=(Argument(thing, Case.ACCUSATIVE),))
    it = Argument(thing.pronoun, then.slots[0].case, then.slots[0].english)
    return conditional_command(sub, Clause(YOU, then, objects=(it,)))
