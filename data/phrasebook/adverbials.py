"""Adverbs and adverbial phrases, by where they stand and with which tense they go.

Each row reads ``English | German`` in the notation of :meth:`phrasebook.words.Fixed.parse`: words
with the same mark are linked, and a row without marks is linked throughout.
"""

from __future__ import annotations

from phrasebook.words import Fixed


def _rows(table: str) -> tuple[Fixed, ...]:
    rows = (line.partition("|") for line in table.strip().splitlines())
    return tuple(Fixed.parse(english, german) for english, _, german in rows)


PAST_TIMES = _rows("""
    yesterday                 | gestern
    yesterday/1 evening/2     | gestern/1 Abend/2
    last/1 week/2             | letzte/1 Woche/2
    last/1 year/2             | letztes/1 Jahr/2
    last/1 summer/2           | letzten/1 Sommer/2
    this/1 morning/2          | heute/1 Morgen/2
    two/1 days/2 ago/3        | vor/3 zwei/1 Tagen/2
""")
PROGRESSIVE_TIMES = _rows("""
    now                       | jetzt
    today                     | heute
    at/1 the/1 moment/2       | im/1 Moment/2
""")
HABIT_TIMES = _rows("""
    every/1 day/2             | jeden/1 Tag/2
    every/1 week/2            | jede/1 Woche/2
    in/1 the/1 morning/2      | am/1 Morgen/2
    in/1 the/1 evening/2      | am/1 Abend/2
    at/1 the/1 weekend/2      | am/1 Wochenende/2
    on Mondays                | montags
    on Sundays                | sonntags
    in/1 summer/2             | im/1 Sommer/2
    in/1 winter/2             | im/1 Winter/2
""")
FUTURE_TIMES = _rows("""
    tomorrow                  | morgen
    tomorrow/1 evening/2      | morgen/1 Abend/2
    soon                      | bald
    next/1 week/2             | nächste/1 Woche/2
    next/1 year/2             | nächstes/1 Jahr/2
    this/1 evening/2          | heute/1 Abend/2
    in/1 three/2 days/3       | in/1 drei/2 Tagen/3
""")
SOON = FUTURE_TIMES[2]
LONG_PAST_TIMES = PAST_TIMES[3:5]
LONG_FUTURE_TIMES = FUTURE_TIMES[2:5]
"""Times long enough to know, like or need something in."""

WEEKDAYS = tuple(
    Fixed.parse(f"on/1 {english}/2", f"am/1 {german}/2")
    for english, german in (
        ("Monday", "Montag"),
        ("Tuesday", "Dienstag"),
        ("Wednesday", "Mittwoch"),
        ("Thursday", "Donnerstag"),
        ("Friday", "Freitag"),
        ("Saturday", "Samstag"),
        ("Sunday", "Sonntag"),
    )
)

OFTEN = _rows("""
    always    | immer
    often     | oft
    sometimes | manchmal
    never     | nie
""")
NEVER = OFTEN[-1]
ALSO = Fixed.parse("also", "auch")
ALREADY = Fixed.parse("already", "schon")
JUST = Fixed.parse("just", "gerade")
YET = Fixed.parse("yet", "noch")
"""Said with a negation only: ``has not ... yet`` is ``hat ... noch nicht``."""

MANNERS: dict[str, Fixed] = {
    english: Fixed.parse(english, german)
    for english, german in (
        ("slowly", "langsam"),
        ("quickly", "schnell"),
        ("loudly", "laut"),
        ("quietly", "leise"),
        ("carefully", "vorsichtig"),
        ("together", "zusammen"),
        ("alone", "allein"),
        ("well", "gut"),
    )
}

HERE = Fixed.parse("here", "hier")
AT_HOME = Fixed.parse("at/1 home/2", "zu/1 Hause/2")
OUTSIDE = Fixed.parse("outside", "draußen")
HOME = Fixed.parse("home", "nach Hause")
BY_VEHICLE = _rows("""
    by/1 bus/2     | mit/1 dem/1 Bus/2
    by/1 train/2   | mit/1 dem/1 Zug/2
    by/1 tram/2    | mit/1 der/1 Straßenbahn/2
    by/1 bicycle/2 | mit/1 dem/1 Fahrrad/2
    by/1 car/2     | mit/1 dem/1 Auto/2
""")

COMMENTS = _rows("""
    perhaps           | vielleicht
    unfortunately/1 , | leider/1
    of/1 course/1 ,   | natürlich/1
    fortunately/1 ,   | glücklicherweise/1
""")
"""What the speaker thinks of it; said first, so that the German subject follows its verb.

English sets most of them off with a comma, German none.
"""

WHERE = Fixed.parse("where", "wo")
WHERE_TO = Fixed.parse("where", "wohin")
WHEN = Fixed.parse("when", "wann")
WHY = Fixed.parse("why", "warum")
HOW = Fixed.parse("how", "wie")
HOW_OFTEN = Fixed.parse("how/1 often/2", "wie/1 oft/2")

CONTRACTIONS: dict[tuple[str, str], str] = {
    ("an", "dem"): "am",
    ("bei", "dem"): "beim",
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}
"""German prepositions melt with the article after them."""
