"""The nouns of both languages, with their forms and their classes.

Each row reads: English singular and plural, German gender, singular and plural, then the classes.
A dash stands for a plural that is not used. Names of classes say what can be done with a thing
(``food`` is eaten, ``opened`` is opened); the name of the table and the noun itself are classes
too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from phrasebook.declension import Case, Gender


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun in both languages.

    Attributes:
        english: English singular, several words where it is a compound (``swimming pool``).
        english_plural: English plural, empty for what is not counted.
        gender: German gender of the singular.
        german: German nominative singular.
        german_plural: German nominative plural, empty for what is not counted.
        genitive: German genitive singular, known for persons, who own things.
        weak: Whether accusative and dative singular look like the genitive (``den Jungen``).
        natural: ``he`` or ``she`` where English fixes it and German agrees, else empty.
        classes: What verbs and adjectives choose the noun by.
    """

    english: str
    english_plural: str
    gender: Gender
    german: str
    german_plural: str
    classes: frozenset[str]
    genitive: str = ""
    weak: bool = False
    natural: str = ""

    def declined(self, case: Case, plural: bool) -> str:
        """Return the German form in ``case`` and number."""
        if plural:
            dative = case == Case.DATIVE and not self.german_plural.endswith(("n", "s"))
            return self.german_plural + "n" if dative else self.german_plural
        if case == Case.GENITIVE or (self.weak and case != Case.NOMINATIVE):
            return self.genitive
        return self.german


_THINGS = """
fruit
    apple       apples      m  Apfel      Äpfel       food goods
    pear        pears       f  Birne      Birnen      food goods
    banana      bananas     f  Banane     Bananen     food goods
    tomato      tomatoes    f  Tomate     Tomaten     food goods cut
    carrot      carrots     f  Karotte    Karotten    food goods cut
    potato      potatoes    f  Kartoffel  Kartoffeln  food goods cooked
    egg         eggs        n  Ei         Eier        food goods cooked
    roll        rolls       n  Brötchen   Brötchen    food goods baked
    cake        cakes       m  Kuchen     Kuchen      food goods baked cut
    sausage     sausages    f  Wurst      Würste      food goods
dish
    bread       -           n  Brot       -           food goods baked cut
    cheese      -           m  Käse       -           food goods cut
    rice        -           m  Reis       -           food cooked
    meat        -           n  Fleisch    -           food goods cooked cut
    soup        -           f  Suppe      -           food cooked ordered
    salad       -           m  Salat      -           food ordered
    chocolate   -           f  Schokolade -           food goods
drink
    water       -           n  Wasser     -           ordered
    milk        -           f  Milch      -           goods
    coffee      -           m  Kaffee     -           ordered
    tea         -           m  Tee        -           ordered
    wine        -           m  Wein       -           ordered goods
    juice       -           m  Saft       -           ordered
clothes
    shirt       shirts      n  Hemd       Hemden      goods washed packed
    jacket      jackets     f  Jacke      Jacken      goods packed
    coat        coats       m  Mantel     Mäntel      goods
    hat         hats        m  Hut        Hüte        goods
    dress       dresses     n  Kleid      Kleider     goods washed packed
    skirt       skirts      m  Rock       Röcke       goods washed packed
    pullover    pullovers   m  Pullover   Pullover    goods washed packed
    shoe        shoes       m  Schuh      Schuhe      goods cleaned paired
    glove       gloves      m  Handschuh  Handschuhe  goods paired
reading
    book        books       n  Buch       Bücher      goods text written flat lent kept
    letter      letters     m  Brief      Briefe      text written sent flat opened kept
    newspaper   newspapers  f  Zeitung    Zeitungen   flat goods
    postcard    postcards   f  Postkarte  Postkarten  written sent flat
    story       stories     f  Geschichte Geschichten text written told topic
    novel       novels      m  Roman      Romane      text written topic
opening
    door        doors       f  Tür        Türen       opened closed painted
    window      windows     n  Fenster    Fenster     opened closed cleaned
    suitcase    suitcases   m  Koffer     Koffer      opened closed carried upright lost container
    bag         bags        f  Tasche     Taschen     opened closed carried lost container goods
    box         boxes       f  Kiste      Kisten      opened closed carried upright container
    bottle      bottles     f  Flasche    Flaschen    opened upright
device
    lamp        lamps       f  Lampe      Lampen      switched goods upright
    radio       radios      n  Radio      Radios      switched goods repaired upright
    television  televisions m  Fernseher  Fernseher   switched goods repaired
    computer    computers   m  Computer   Computer    switched goods repaired
vehicle
    car         cars        n  Auto       Autos       own washed repaired sold topic
    bicycle     bicycles    n  Fahrrad    Fahrräder   own washed repaired sold lent
    boat        boats       n  Boot       Boote       own repaired sold built
    bus         buses       m  Bus        Busse       public
    train       trains      m  Zug        Züge        public
    tram        trams       f  Straßenbahn Straßenbahnen public
    ship        ships       n  Schiff     Schiffe     public
thing
    key         keys        m  Schlüssel  Schlüssel   lost flat kept
    umbrella    umbrellas   m  Regenschirm Regenschirme lost goods lent
    watch       watches     f  Uhr        Uhren       lost goods repaired given kept
    ring        rings       m  Ring       Ringe       lost goods given kept flat
    camera      cameras     f  Kamera     Kameras     lost goods repaired given lent
    ticket      tickets     f  Fahrkarte  Fahrkarten  lost goods flat
    passport    passports   m  Pass       Pässe       lost flat kept
    photo       photos      n  Foto       Fotos       viewed sent flat kept
    picture     pictures    n  Bild       Bilder      viewed painted given hung goods
    map         maps        f  Landkarte  Landkarten  viewed goods flat lent
    present     presents    n  Geschenk   Geschenke   given sent kept packed
    flower      flowers     f  Blume      Blumen      goods given painted watered
    tree        trees       m  Baum       Bäume       painted watered
    cup         cups        f  Tasse      Tassen      upright broken washed goods
    glass       glasses     n  Glas       Gläser      upright broken washed
    plate       plates      m  Teller     Teller      upright broken washed
    vase        vases       f  Vase       Vasen       upright broken goods given
    knife       knives      n  Messer     Messer      flat washed
    fork        forks       f  Gabel      Gabeln      flat washed
    spoon       spoons      m  Löffel     Löffel      flat washed
furniture
    table       tables      m  Tisch      Tische      built sold carried
    chair       chairs      m  Stuhl      Stühle      built sold carried
    bed         beds        n  Bett       Betten      built sold
    sofa        sofas       n  Sofa       Sofas       sold
    cupboard    cupboards   m  Schrank    Schränke    built sold opened closed
    shelf       shelves     n  Regal      Regale      built sold
    desk        desks       m  Schreibtisch Schreibtische sold tidied
matter
    question    questions   f  Frage      Fragen      hard explained understood answered
    word        words       n  Wort       Wörter      hard explained understood learned
    sentence    sentences   m  Satz       Sätze       hard explained understood text written
    exercise    exercises   f  Übung      Übungen     hard explained understood written
    problem     problems    n  Problem    Probleme    hard explained understood topic
    plan        plans       m  Plan       Pläne       explained understood topic
    dream       dreams      m  Traum      Träume      topic told
    game        games       n  Spiel      Spiele      explained understood won event
    song        songs       n  Lied       Lieder      heard learned sung topic written
    film        films       m  Film       Filme       viewed topic event
    concert     concerts    n  Konzert    Konzerte    event topic awaited
    party       parties     n  Fest       Feste       event topic awaited
    journey     journeys    f  Reise      Reisen      topic awaited
    music       -           f  Musik      -           heard
    money       -           n  Geld       -           lost
    time        -           f  Zeit       -           -
animal
    dog         dogs        m  Hund       Hunde       pet
    cat         cats        f  Katze      Katzen      pet
    rabbit      rabbits     n  Kaninchen  Kaninchen   pet
    bird        birds       m  Vogel      Vögel       pet heard
    horse       horses      n  Pferd      Pferde      large
    cow         cows        f  Kuh        Kühe        large
    pig         pigs        n  Schwein    Schweine    large
"""

# Persons read: ... German plural, genitive (a star marks the weak declension), he or she, classes.
_PERSONS = """
person
    man         men         m  Mann       Männer      Mannes      he   -
    woman       women       f  Frau       Frauen      Frau        she  -
    child       children    n  Kind       Kinder      Kindes      -    young ours
    boy         boys        m  Junge      Jungen      Jungen*     he   young
    girl        girls       n  Mädchen    Mädchen     Mädchens    -    young
    guest       guests      m  Gast       Gäste       Gastes      -    ours
    neighbour   neighbours  m  Nachbar    Nachbarn    Nachbarn*   -    known close
    friend      friends     m  Freund     Freunde     Freundes    -    known close
    teacher     teachers    m  Lehrer     Lehrer      Lehrers     -    known ours
    doctor      doctors     m  Arzt       Ärzte       Arztes      -    known ours
    student     students    m  Student    Studenten   Studenten*  -    -
    waiter      waiters     m  Kellner    Kellner     Kellners    he   -
kin
    father      -           m  Vater      -           Vaters      he   elder
    mother      -           f  Mutter     -           Mutter      she  elder
    brother     brothers    m  Bruder     Brüder      Bruders     he   sibling
    sister      sisters     f  Schwester  Schwestern  Schwester   she  sibling
    son         sons        m  Sohn       Söhne       Sohnes      he   sibling
    daughter    daughters   f  Tochter    Töchter     Tochter     she  sibling
    uncle       uncles      m  Onkel      Onkel       Onkels      he   elder
    aunt        aunts       f  Tante      Tanten      Tante       she  elder
    grandfather -           m  Großvater  -           Großvaters  he   elder
    grandmother -           f  Großmutter -           Großmutter  she  elder
"""

# What somebody is by profession reads: English, German for him, German for her.
_PROFESSIONS = """
    doctor      Arzt        Ärztin
    teacher     Lehrer      Lehrerin
    student     Student     Studentin
    waiter      Kellner     -
    baker       Bäcker      Bäckerin
    farmer      Landwirt    Landwirtin
    cook        Koch        Köchin
    nurse       -           Krankenschwester
"""

GENDERS: dict[str, Gender] = {"m": "m", "f": "f", "n": "n"}
"""The genders by the letter that the tables write."""


def _rows(table: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each row with the name of the table it stands in."""
    name = ""
    for line in table.strip("\n").splitlines():
        if line.startswith(" "):
            yield name, ["" if cell == "-" else cell for cell in line.split()]
        else:
            name = line.strip()


def _thing(name: str, cells: list[str]) -> Noun:
    english, plural, gender, german, german_plural, *classes = cells
    return Noun(
        english,
        plural,
        GENDERS[gender],
        german,
        german_plural,
        frozenset({name, english, *classes}),
    )


def _person(name: str, cells: list[str]) -> Noun:
    english, plural, gender, german, german_plural, genitive, natural, *classes = cells
    return Noun(
        english,
        plural,
        GENDERS[gender],
        german,
        german_plural,
        frozenset({name, "human", english, *classes}),
        genitive.rstrip("*"),
        genitive.endswith("*"),
        natural,
    )


def profession(english: str, german: str, gender: Gender) -> Noun:
    """Return a noun for what somebody is by profession."""
    return Noun(english, "", gender, german, "", frozenset({"profession"}))


NOUNS: tuple[Noun, ...] = (
    *(_person(name, cells) for name, cells in _rows(_PERSONS)),
    *(_thing(name, cells) for name, cells in _rows(_THINGS)),
)
"""Every noun except places, in the order of the tables."""

PROFESSIONS: dict[str, tuple[Noun, ...]] = {
    "he": tuple(profession(row[0], row[1], "m") for _, row in _rows(_PROFESSIONS) if row[1]),
    "she": tuple(profession(row[0], row[2], "f") for _, row in _rows(_PROFESSIONS) if row[2]),
}
"""What he is, and what she is."""
