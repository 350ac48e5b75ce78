"""German verbs: regular forms computed from the infinitive.

The tables name only what is irregular. A verb has a hyphen where its prefix separates
(``auf-machen``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GermanVerb:
    """The forms of a German verb.

    Attributes:
        infinitive: Without its separable prefix.
        prefix: The separable prefix, or empty.
        present: Forms for ich, du, er, and the plural.
        preterite: The same in the past, for verbs whose past is not said with haben or sein.
        participle: Past participle with the prefix.
        auxiliary: ``haben`` or ``sein``.
        imperative: Said to a friend.
        reflexive: Whether it takes ``sich``.
    """

    infinitive: str
    prefix: str
    present: tuple[str, str, str, str]
    preterite: tuple[str, str, str, str] | None
    participle: str
    auxiliary: str
    imperative: str
    reflexive: bool = False

    @property
    def name(self) -> str:
        """The infinitive with a hyphen after its separable prefix."""
        return f"{self.prefix}-{self.infinitive}" if self.prefix else self.infinitive


# Infinitive, du, er, participle, imperative; a star marks the perfect with sein.
_STRONG = """
backen       bäckst     bäckt     gebacken    back
bitten       bittest    bittet    gebeten     bitte
bleiben      bleibst    bleibt    geblieben*  bleib
bringen      bringst    bringt    gebracht    bring
denken       denkst     denkt     gedacht     denk
essen        isst       isst      gegessen    iss
fahren       fährst     fährt     gefahren*   fahr
fangen       fängst     fängt     gefangen    fang
finden       findest    findet    gefunden    finde
fliegen      fliegst    fliegt    geflogen*   flieg
geben        gibst      gibt      gegeben     gib
gehen        gehst      geht      gegangen*   geh
gewinnen     gewinnst   gewinnt   gewonnen    gewinn
gießen       gießt      gießt     gegossen    gieß
hängen       hängst     hängt     gehangen    häng
helfen       hilfst     hilft     geholfen    hilf
kennen       kennst     kennt     gekannt     kenn
kommen       kommst     kommt     gekommen*   komm
laden        lädst      lädt      geladen     lad
laufen       läufst     läuft     gelaufen*   lauf
leihen       leihst     leiht     geliehen    leih
lesen        liest      liest     gelesen     lies
liegen       liegst     liegt     gelegen     lieg
nehmen       nimmst     nimmt     genommen    nimm
rufen        rufst      ruft      gerufen     ruf
schlafen     schläfst   schläft   geschlafen  schlaf
schneiden    schneidest schneidet geschnitten schneide
schreiben    schreibst  schreibt  geschrieben schreib
schwimmen    schwimmst  schwimmt  geschwommen* schwimm
sehen        siehst     sieht     gesehen     sieh
singen       singst     singt     gesungen    sing
sitzen       sitzt      sitzt     gesessen    sitz
beginnen     beginnst   beginnt   begonnen    beginn
versprechen  versprichst verspricht versprochen versprich
sprechen     sprichst   spricht   gesprochen  sprich
springen     springst   springt   gesprungen* spring
stehen       stehst     steht     gestanden   steh
tragen       trägst     trägt     getragen    trag
treffen      triffst    trifft    getroffen   triff
trinken      trinkst    trinkt    getrunken   trink
vergessen    vergisst   vergisst  vergessen   vergiss
verlieren    verlierst  verliert  verloren    verlier
verstehen    verstehst  versteht  verstanden  versteh
verzeihen    verzeihst  verzeiht  verziehen   verzeih
waschen      wäschst    wäscht    gewaschen   wasch
zerbrechen   zerbrichst zerbricht zerbrochen  zerbrich
ziehen       ziehst     zieht     gezogen     zieh
"""
_STRONG_FORMS = {row.split()[0]: row.split()[1:] for row in _STRONG.strip().splitlines()}
_SEIN_VERBS = frozenset({"auf-stehen", "auf-wachen", "ein-schlafen", "folgen", "reisen"})
_WEAK_TWINS = frozenset({"auf-hängen"})
_INSEPARABLE = ("be", "er", "ge", "ver", "über", "zer")

# Said in the Präteritum rather than with haben or sein, as Germans do.
_IRREGULAR: dict[str, tuple[str, str, str]] = {
    "sein": ("bin bist ist sind", "war warst war waren", "gewesen sein sei"),
    "haben": ("habe hast hat haben", "hatte hattest hatte hatten", "gehabt haben hab"),
    "mögen": ("mag magst mag mögen", "mochte mochtest mochte mochten", "gemocht haben mag"),
    "wissen": ("weiß weißt weiß wissen", "wusste wusstest wusste wussten", "gewusst haben wisse"),
    "kennen": ("kenne kennst kennt kennen", "kannte kanntest kannte kannten", "gekannt haben kenn"),
}


def german_verb(written: str) -> GermanVerb:
    """Inflect a verb of the table, such as ``an-rufen`` or ``sich aus-ruhen``."""
    name = written.removeprefix("sich ")
    reflexive = name != written
    prefix, _, infinitive = name.rpartition("-")
    if infinitive in _IRREGULAR:
        present, preterite, rest = _IRREGULAR[infinitive]
        participle, auxiliary, imperative = rest.split()
        return GermanVerb(
            infinitive,
            prefix,
            _four(present),
            _four(preterite),
            participle,
            auxiliary,
            imperative,
        )
    stem = infinitive.removesuffix("n").removesuffix("e")
    first = stem + "e"
    if infinitive in _STRONG_FORMS and name not in _WEAK_TWINS:
        second, third, participle, imperative = _STRONG_FORMS[infinitive]
        auxiliary = "sein" if participle.endswith("*") else "haben"
    else:
        # A stem in -t, -d or a consonant before -n keeps an e; after a hiss, du drops its s.
        link = "e" if stem.endswith(("t", "d", "chn", "gn")) else ""
        second = stem + (link + "st" if not stem.endswith(("s", "ß", "z")) else "t")
        third = f"{stem}{link}t"
        bare = infinitive.startswith(_INSEPARABLE) or infinitive.endswith("ieren")
        participle = third if bare else "ge" + third
        imperative = stem + "e" if link or infinitive.endswith("ern") else stem
        auxiliary = "haben"
    if name in _SEIN_VERBS:
        auxiliary = "sein"
    return GermanVerb(
        infinitive,
        prefix,
        (first, second, third, infinitive),
        None,
        prefix + participle.rstrip("*"),
        auxiliary,
        imperative,
        reflexive,
    )


def _four(forms: str) -> tuple[str, str, str, str]:
    first, second, third, plural = forms.split()
    return first, second, third, plural
