"""The adjectives of both languages, and the classes of nouns they suit.

Each row reads: English adjective and comparative, German adjective and comparative, then the
classes of nouns. A star on the English comparative stands for ``more ...``; a dash means that the
adjective is not compared. ``|`` separates the German form before an ending where it differs
(``teuer|teur``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Adjective:
    """An adjective in both languages.

    Attributes:
        english: The English form.
        english_comparative: ``bigger``, or ``more famous``; empty where it is not compared.
        german: The German form after a verb.
        german_stem: The German form before an ending.
        german_comparative: ``größer``, which takes endings as it is.
        classes: The classes of nouns it suits.
    """

    english: str
    english_comparative: str
    german: str
    german_stem: str
    german_comparative: str
    classes: frozenset[str]


_ADJECTIVES = """
tired        *            müde         müder         human
happy        happier      glücklich    glücklicher   human
sad          sadder       traurig      trauriger     human
hungry       hungrier     hungrig      hungriger     human animal
thirsty      thirstier    durstig      durstiger     human animal
friendly     friendlier   freundlich   freundlicher  human dog
young        younger      jung         jünger        known man woman animal
old          older        alt          älter         known guest animal clothes device own furniture
little       -            klein        -             sibling young pet
strong       stronger     stark        stärker       human large
clever       cleverer     klug         klüger        human pet
lazy         lazier       faul         fauler        human cat dog
famous       *            berühmt      berühmter     known building city
rich         richer       reich        reicher       known man woman
poor         poorer       arm          ärmer         known man woman
polite       *            höflich      höflicher     human
patient      *            geduldig     geduldiger    human
funny        funnier      lustig       lustiger      human story film song game
big          bigger       groß         größer        animal furniture opening own building room town
small        smaller      klein        kleiner       animal furniture opening own room town thing
new          newer        neu          neuer         clothes device own furniture reading building
expensive    *            teuer|teur   teurer        clothes device own furniture goods wine
cheap        cheaper      billig       billiger      clothes device own furniture goods wine
beautiful    *            schön        schöner       clothes given town building outside heard own
ugly         uglier       hässlich     hässlicher    clothes furniture building
long         longer       lang         länger        reading event journey street
short        shorter      kurz         kürzer        reading event journey word
heavy        heavier      schwer       schwerer      container furniture device
warm         warmer       warm         wärmer        coat jacket pullover room
cold         colder       kalt         kälter        drink room soup meat lake
hot          hotter       heiß         heißer        soup coffee tea potato milk
fresh        fresher      frisch       frischer      food milk juice
sweet        sweeter      süß          süßer         apple pear banana cake wine
delicious    -            lecker       -             food drink
clean        cleaner      sauber       sauberer      clothes room upright washed
dirty        dirtier      schmutzig    schmutziger   clothes room upright own washed
broken       -            kaputt       -             device vehicle repaired door window
empty        -            leer         -             container bottle cupboard room
full         -            voll         -             container bus train bottle restaurant
interesting  *            interessant  interessanter reading film game plan question town museum
boring       *            langweilig   langweiliger  reading film concert party game journey town
difficult    *            schwierig    schwieriger   hard game language
easy         easier       einfach      einfacher     hard game
important    *            wichtig      wichtiger     hard letter plan
good         better       gut          besser        reading food known film song game hotel
bad          worse        schlecht     schlechter    reading known film song concert restaurant
fast         faster       schnell      schneller     vehicle horse
slow         slower       langsam      langsamer     vehicle horse
modern       *            modern       moderner      building device furniture
dark         darker       dunkel|dunkl dunkler       room street forest
bright       brighter     hell         heller        room
red          -            rot          -             clothes vehicle apple upright furniture
green        -            grün         -             clothes vehicle upright furniture
blue         -            blau         -             clothes vehicle upright furniture
yellow       -            gelb         -             clothes vehicle upright flower
black        -            schwarz      -             clothes vehicle pet horse
white        -            weiß         -             clothes vehicle pet horse
"""


def _adjective(row: str) -> Adjective:
    english, comparative, german, german_comparative, *classes = row.split()
    base, _, stem = german.partition("|")
    return Adjective(
        english,
        f"more {english}" if comparative == "*" else comparative.strip("-"),
        base,
        stem or base.removesuffix("e"),
        german_comparative.strip("-"),
        frozenset(classes),
    )


ADJECTIVES: tuple[Adjective, ...] = tuple(
    _adjective(row) for row in _ADJECTIVES.strip().splitlines()
)
"""Every adjective, in the order of the table."""

ILL = Adjective("ill", "", "krank", "krank", "", frozenset())
"""Stands only after a verb in English."""
