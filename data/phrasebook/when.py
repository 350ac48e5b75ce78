"""Random choices of tense, modal verb and time, so that they agree with each other."""

from __future__ import annotations

from typing import Literal, NamedTuple

from phrasebook.adverbials import (
    ALREADY,
    ALSO,
    FUTURE_TIMES,
    HABIT_TIMES,
    JUST,
    LONG_FUTURE_TIMES,
    LONG_PAST_TIMES,
    NEVER,
    OFTEN,
    PAST_TIMES,
    PROGRESSIVE_TIMES,
    SOON,
    WEEKDAYS,
    YET,
)
from phrasebook.casting import Casting, Polarity
from phrasebook.clauses import Modal, Tense
from phrasebook.numbers import clock
from phrasebook.verb_table import Verb
from phrasebook.words import Fixed

Mood = Literal[
    "present", "progressive", "habit", "past", "perfect", "future", "modal", "past modal"
]
"""A tense as one means it: habit and present state are one tense, but go with different times."""


class When(NamedTuple):
    """Tense, modal verb, time and frequency of a clause."""

    tense: Tense
    modal: Modal | None = None
    time: Fixed | None = None
    often: Fixed | None = None


def _clock_time(hour: int, half: bool) -> Fixed:
    english, german = clock(hour, half)
    return Fixed.parse(f"at/1 {english}", f"um/1 {german}")


_CLOCK_TIMES = tuple(_clock_time(hour, half) for half in (False, True) for hour in range(1, 13))

_ACTIVITY: tuple[tuple[Mood, float], ...] = (
    ("progressive", 21),
    ("habit", 24),
    ("past", 23),
    ("perfect", 9),
    ("future", 11),
    ("modal", 14),
    ("past modal", 4),
)
_EVENT = tuple((mood, weight) for mood, weight in _ACTIVITY if mood != "progressive")
_STATE: tuple[tuple[Mood, float], ...] = (("present", 65), ("past", 22), ("future", 3))
_POSITION: tuple[tuple[Mood, float], ...] = (("progressive", 60), ("past", 30), ("future", 10))

_PUNCTUAL = frozenset({"an-fangen", "an-kommen", "ab-fahren", "auf-stehen", "zurück-kommen"})
_MISHAPS = frozenset({"verlieren", "vergessen", "zerbrechen"})
# What somebody can like to do.
_PLEASANT = frozenset(
    {
        *("arbeiten", "aus-gehen", "backen", "besuchen", "ein-kaufen", "essen", "feiern"),
        *("fern-sehen", "fliegen", "fotografieren", "gehen", "helfen", "kochen", "lachen"),
        *("lernen", "lesen", "malen", "reisen", "schlafen", "schreiben", "schwimmen", "singen"),
        *("spielen", "tanzen", "trinken", "zeichnen", "zu-hören", "übersetzen"),
    }
)
_MODALS = (
    (Modal.CAN, 2),
    (Modal.MUST, 2),
    (Modal.WANT, 2),
    (Modal.MAY, 1),
    (Modal.SHOULD, 1),
    (Modal.WOULD_LIKE, 1.5),
    (Modal.LIKE, 1.5),
)
_PAST_MODALS = (Modal.CAN, Modal.MUST, Modal.WANT, Modal.MAY)
_PERFECT_ADVERBS = {"plain": (ALREADY, JUST, NEVER), "negative": (YET,), "question": (ALREADY,)}


def draw_when(
    casting: Casting, verb: Verb, polarity: Polarity = "plain", human: bool = True
) -> When:
    """Draw a tense that suits ``verb``, and a time that suits the tense.

    Args:
        casting: Where chance comes from.
        verb: The verb.
        polarity: Whether the clause is denied or asked.
        human: Whether the subject can want and must.
    """
    moods = _STATE if verb.state else _EVENT if verb.event else _ACTIVITY
    if any(slot.kind == "spot" for slot in verb.slots):
        moods = _POSITION
    mood = casting.weighted(moods)
    if mood in ("modal", "past modal") and (not human or verb.german.name in _MISHAPS):
        mood = "past"
    when = _draw(casting, verb, mood, polarity)
    if when.modal is Modal.LIKE and verb.german.name not in _PLEASANT:
        when = when._replace(modal=Modal.WANT)
    if when.tense not in (Tense.PERFECT, Tense.PROGRESSIVE) and when.modal is not Modal.LIKE:
        chance = 0.5 if verb.german.name in _PUNCTUAL else 0 if verb.state else 0.02
        if casting.chance(chance):
            return when._replace(time=casting.pick(_CLOCK_TIMES), often=None)
    return when


def _draw(casting: Casting, verb: Verb, mood: Mood, polarity: Polarity) -> When:
    plain = polarity == "plain"
    also = ALSO if plain and casting.chance(0.06) else None
    match mood:
        case "progressive":
            when = When(Tense.PROGRESSIVE, time=_perhaps(casting, 0.35, PROGRESSIVE_TIMES))
        case "habit" if polarity != "negative" and casting.chance(0.55):
            when = When(Tense.PRESENT, often=casting.pick(OFTEN if plain else OFTEN[:2]))
        case "habit":
            # *Not every day* would need its *not* elsewhere in German.
            times = HABIT_TIMES[2:] if polarity == "negative" else HABIT_TIMES
            when = When(Tense.PRESENT, time=_perhaps(casting, 0.75, times), often=also)
        case "present":
            when = When(Tense.PRESENT, often=also)
        case "past":
            times = PAST_TIMES if casting.chance(0.8) else WEEKDAYS
            if verb.state:
                times = LONG_PAST_TIMES
            chance = 0.2 if verb.state else 0.5
            when = When(Tense.PAST, time=_perhaps(casting, chance, times), often=also)
        case "perfect":
            when = When(Tense.PERFECT, often=_perhaps(casting, 0.75, _PERFECT_ADVERBS[polarity]))
        case "future":
            times = FUTURE_TIMES if casting.chance(0.8) else WEEKDAYS
            if verb.state:
                times = LONG_FUTURE_TIMES
            if polarity == "negative":
                times = tuple(time for time in times if time is not SOON)
            when = When(Tense.FUTURE, time=_perhaps(casting, 0.5, times))
        case "past modal":
            modal = casting.pick(_PAST_MODALS)
            when = When(Tense.PAST, modal, _perhaps(casting, 0.4, PAST_TIMES))
        case "modal":
            modal = casting.weighted(_MODALS)
            chance = 0 if modal is Modal.LIKE else 0.25
            when = When(Tense.PRESENT, modal, _perhaps(casting, chance, FUTURE_TIMES))
    return when


def _perhaps(casting: Casting, probability: float, times: tuple[Fixed, ...]) -> Fixed | None:
    return casting.pick(times) if casting.chance(probability) else None
