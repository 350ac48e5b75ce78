"""Places, and the prepositions each language uses with them.

Both languages choose idiomatically: one is *at* the cinema but ``im Kino``, goes *to* the station
but ``zum Bahnhof`` and *to* the park but ``in den Park``. What is in a place stands in the dative;
what goes there stands in the accusative after ``in``, ``an`` and ``auf``, and in the dative after
``zu``.
"""

from __future__ import annotations

from dataclasses import dataclass

from phrasebook.declension import Case
from phrasebook.nouns import GENDERS, Noun


@dataclass(frozen=True, slots=True)
class Place:
    """A noun for a place, with its prepositions.

    Attributes:
        noun: The noun itself.
        at: English and German preposition for being there.
        to: English and German preposition for going there; empty where one does not say it.
        to_case: The German case after the preposition for going there.
    """

    noun: Noun
    at: tuple[str, str]
    to: tuple[str, str]
    to_case: Case


_PLACES = """
house         houses    n Haus         Häuser   in/in   into/in  room building built painted
garden        -         m Garten       -        in/in   into/in  outside
kitchen       -         f Küche        -        in/in   into/in  room tidied cleaned
room          rooms     n Zimmer       Zimmer   in/in   into/in  room tidied cleaned
living_room   -         n Wohnzimmer   -        in/in   into/in  room tidied
bathroom      -         n Badezimmer   -        in/in   into/in  room cleaned
office        -         n Büro         -        in/in   to/in    room tidied
hotel         hotels    n Hotel        Hotels   in/in   to/zu    building
restaurant    -         n Restaurant   -        in/in   to/in    building
cinema        -         n Kino         -        at/in   to/in    building
theatre       -         n Theater      -        at/in   to/in    building
museum        museums   n Museum       Museen   in/in   to/in    building visited
school        schools   f Schule       Schulen  at/in   to/zu    building built
church        churches  f Kirche       Kirchen  in/in   to/zu    building visited
library       -         f Bibliothek   -        in/in   to/in    building
university    -         f Universität  -        at/an   to/zu    building
hospital      -         n Krankenhaus  -        in/in   to/in    building built
station       -         m Bahnhof      -        at/an   to/zu    building
airport       -         m Flughafen    -        at/an   to/zu    building
supermarket   -         m Supermarkt   -        in/in   to/zu    building
bakery        -         f Bäckerei     -        in/in   to/zu    building
pharmacy      -         f Apotheke     -        in/in   to/zu    building
market        -         m Markt        -        at/auf  to/zu    outside
zoo           -         m Zoo          -        at/in   to/in    outside visited
park          -         m Park         -        in/in   to/in    outside
street        streets   f Straße       Straßen  in/auf  -        outside
bridge        bridges   f Brücke       Brücken  on/auf  to/zu    outside built
bus_stop      -         f Haltestelle  -        at/an   to/zu    outside
swimming_pool -         n Schwimmbad   -        in/in   to/in    outside
beach         -         m Strand       -        on/an   to/an    outside
lake          -         m See          -        in/in   to/an    outside
forest        -         m Wald         -        in/in   into/in  outside
mountain      -         m Berg         -        on/auf  -        outside
village       villages  n Dorf         Dörfer   in/in   to/in    town visited
city          cities    f Stadt        Städte   in/in   to/in    town visited
"""


def _place(row: str) -> Place:
    english, plural, gender, german, german_plural, at, to, *classes = row.split()
    noun = Noun(
        english.replace("_", " "),
        "" if plural == "-" else plural.replace("_", " "),
        GENDERS[gender],
        german,
        "" if german_plural == "-" else german_plural,
        frozenset({"place", english, *classes}),
    )
    at_english, _, at_german = at.partition("/")
    to_english, _, to_german = to.strip("-").partition("/")
    case = Case.DATIVE if to_german == "zu" else Case.ACCUSATIVE
    return Place(noun, (at_english, at_german), (to_english, to_german), case)


PLACES: dict[str, Place] = {
    place.noun.english: place for place in (_place(row) for row in _PLACES.strip().splitlines())
}
"""Every place by its English name."""

CITIES: tuple[tuple[str, str], ...] = (
    ("Berlin", "Berlin"),
    ("Hamburg", "Hamburg"),
    ("Munich", "München"),
    ("Cologne", "Köln"),
    ("Vienna", "Wien"),
    ("Zurich", "Zürich"),
    ("Rome", "Rom"),
    ("London", "London"),
    ("Paris", "Paris"),
    ("Prague", "Prag"),
    ("Germany", "Deutschland"),
    ("Austria", "Österreich"),
    ("Italy", "Italien"),
    ("France", "Frankreich"),
    ("Spain", "Spanien"),
)
"""Cities and countries: one is ``in`` them and goes ``nach`` them, and they take no article."""

SPOTS: dict[str, tuple[str, ...]] = {
    "table": ("on", "under", "next to"),
    "chair": ("on", "under", "next to", "behind"),
    "bed": ("on", "under", "next to"),
    "sofa": ("on", "next to", "behind"),
    "desk": ("on", "under", "next to"),
    "cupboard": ("in", "on", "next to", "behind", "in front of"),
    "shelf": ("next to", "in front of", "behind"),
    "suitcase": ("in", "next to", "under"),
    "bag": ("in", "next to", "under"),
    "box": ("in", "next to", "behind", "under"),
    "door": ("next to", "behind", "in front of"),
    "window": ("next to", "in front of"),
    "car": ("in", "next to", "behind", "in front of"),
    "tree": ("under", "next to", "behind", "in front of"),
    "house": ("next to", "behind", "in front of"),
}
"""Where something can be with respect to a thing; two-way prepositions all."""

TWO_WAY: dict[str, tuple[str, str]] = {
    "on": ("on", "auf"),
    "in": ("into", "in"),
    "under": ("under", "unter"),
    "next to": ("next to", "neben"),
    "behind": ("behind", "hinter"),
    "in front of": ("in front of", "vor"),
}
"""English preposition of place to the English one of motion and the German one of both."""
