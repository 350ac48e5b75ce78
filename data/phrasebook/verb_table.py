"""The verbs, with what each one takes, who does it, where and how.

Each row reads: English | German | what it takes | remarks.

What it takes is a list of slots: ``acc:`` and ``dat:`` objects by class of noun, ``for=auf+acc:``
an object with prepositions, ``bare:`` a game or an instrument, ``goal``, ``trip`` and ``far``
somewhere to go, ``home`` somewhere to live, ``spot`` a two-way preposition with the dative,
``put`` and ``leap`` one with the accusative.

Remarks name who does it (persons if none), ``in:`` which places and ``how:`` in which manner;
``state`` and ``event`` verbs have no progressive.
"""

from __future__ import annotations

from dataclasses import dataclass

from phrasebook.declension import Case
from phrasebook.english_verbs import EnglishVerb, english_verb
from phrasebook.german_verbs import GermanVerb, german_verb


@dataclass(frozen=True, slots=True)
class Slot:
    """A place beside the verb that a noun phrase fills.

    Attributes:
        kind: ``object``, ``preposition``, or one of the names above.
        case: The German case, for objects and prepositions.
        classes: The classes of nouns that fit.
        english: The English preposition, if any.
        german: The German preposition, if any.
    """

    kind: str
    case: Case = Case.ACCUSATIVE
    classes: tuple[str, ...] = ()
    english: str = ""
    german: str = ""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb in both languages.

    Attributes:
        english: English forms.
        german: German forms.
        slots: What it takes.
        subjects: The classes of nouns that can be its subject.
        places: Names of places where it is done.
        manners: Adverbs of manner that suit it.
        state: Whether it tells how things are, so that it has no progressive and no imperative.
        event: Whether it tells of a moment, so that it has no progressive.
    """

    english: EnglishVerb
    german: GermanVerb
    slots: tuple[Slot, ...] = ()
    subjects: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    manners: tuple[str, ...] = ()
    state: bool = False
    event: bool = False

    @property
    def name(self) -> str:
        """The English infinitive with its particle and preposition, such as ``wait for``."""
        words = [self.english.base, *self.english.tail, self.english.particle]
        words += [slot.english for slot in self.slots[:1] if slot.kind == "preposition"]
        return " ".join(word for word in words if word)


_TABLE = """
buy              | kaufen          | acc:goods,clothes,fruit,own | in:supermarket,market
sell             | verkaufen       | acc:sold,furniture,fruit | in:market
need             | brauchen        | acc:goods,clothes,device,own,key,money,time | state
order            | bestellen       | acc:ordered,cake         | in:restaurant,hotel
pay_for          | bezahlen        | acc:ordered,goods
eat              | essen           | acc:food | in:kitchen,garden,restaurant how:slowly,quickly
drink            | trinken         | acc:drink | in:kitchen,garden,restaurant how:slowly
cook             | kochen          | acc:cooked               | in:kitchen
bake             | backen          | acc:baked                | in:kitchen
cut              | schneiden       | acc:cut                  | in:kitchen how:carefully
read             | lesen           | acc:reading              | in:garden,library,park
write            | schreiben       | acc:written              | in:library,office
translate        | übersetzen      | acc:text                 | in:library,office
open             | auf-machen      | acc:opened               | how:carefully,quietly
close            | zu-machen       | acc:closed               | how:quietly
turn~on          | ein-schalten    | acc:switched
turn~off         | aus-schalten    | acc:switched
repair           | reparieren      | acc:repaired
wash             | waschen         | acc:washed
clean            | putzen          | acc:cleaned
tidy~up          | auf-räumen      | acc:tidied
paint            | malen           | acc:tree,flower,picture,animal | in:garden,park
draw             | zeichnen        | acc:tree,house,animal    | in:garden,park
build            | bauen           | acc:built
hang~up          | auf-hängen      | acc:picture,coat,jacket,lamp | how:carefully
look_for         | suchen          | acc:lost,person,pet      | in:park,station
find             | finden          | acc:lost,pet             | event in:park,street,beach
lose             | verlieren       | acc:lost                 | event in:park,station,street
forget           | vergessen       | acc:lost,word            | event
hide             | verstecken      | acc:kept
carry            | tragen          | acc:carried              | how:carefully
wear             | tragen          | acc:clothes
put~on           | an-ziehen       | acc:clothes
take~off         | aus-ziehen      | acc:clothes
try~on           | an-probieren    | acc:clothes
pack             | ein-packen      | acc:packed               | how:carefully
bring~along      | mit-bringen     | acc:cake,salad,present,wine,umbrella
take             | nehmen          | acc:public
see              | sehen           | acc:person,animal,ship,train | state in:park,street,station
hear             | hören           | acc:heard,song,child,dog | state
look_at          | an-sehen        | acc:viewed               | in:museum
know             | kennen          | acc:person,song,story,town,museum | state
love             | lieben          | acc:human,pet            | state
like             | mögen           | acc:human,pet,drink,food,town,song,film | state
understand       | verstehen       | acc:understood,person    | state
learn            | lernen          | acc:learned,language     | in:school,university how:quickly
speak            | sprechen        | acc:language             | how:well
play             | spielen         | bare:sport               | in:park,garden
play             | spielen         | bare:instrument          | how:well
sing             | singen          | acc:sung | in:church,school,garden how:loudly,quietly,together
call             | an-rufen        | acc:human
pick~up          | ab-holen        | acc:human                | in:station,airport,school
invite           | ein-laden       | acc:human
visit            | besuchen        | acc:human,visited
meet             | treffen         | acc:human                | in:park,station,restaurant,market
ask              | fragen          | acc:human
photograph       | fotografieren   | acc:person,animal,church,bridge,tree | in:park,zoo,beach
feed             | füttern         | acc:animal               | in:garden,zoo
water            | gießen          | acc:watered              | in:garden
win              | gewinnen        | acc:won                  | event
break            | zerbrechen      | acc:broken               | event
answer           | beantworten     | acc:answered             | how:quickly
answer           | antworten       | dat:human                | how:quickly
help             | helfen          | dat:human                | in:garden,kitchen,office
thank            | danken          | dat:human
listen_to        | zu-hören        | dat:human
trust            | vertrauen       | dat:human                | state
follow           | folgen          | dat:person,dog           | how:quickly,slowly
congratulate     | gratulieren     | dat:human
forgive          | verzeihen       | dat:human                | event
believe          | glauben         | dat:human                | state
belong           | gehören         | to=+dat:human | state who:thing,own,clothes,house,pet
fit              | passen          | dat:human                | state who:clothes
give             | geben           | dat:human acc:given,kept,fruit
show             | zeigen          | dat:human acc:viewed,lost,town,house
send             | schicken        | dat:human acc:sent
bring            | bringen         | dat:human acc:goods,upright
lend             | leihen          | dat:human acc:lent,money
tell             | erzählen        | dat:human acc:told
explain          | erklären        | acc:explained to=+dat:human
wait             | warten          | for=auf+acc:human,public | in:station,airport,park
think            | denken          | of=an+acc:human,awaited  | state
talk             | sprechen        | about=über+acc:topic,human | in:office,park how:quietly,loudly
talk             | sprechen        | to=mit+dat:human         | in:garden,office,park how:quietly
dream            | träumen         | of=von+dat:awaited,own,horse | state
laugh            | lachen          | about=über+acc:film,story,question | how:loudly
ask              | bitten          | for=um+acc:drink,money
be_interested    | sich interessieren | in=für+acc:topic,museum,music | state
remember         | sich erinnern   | =an+acc:human,topic,word | state
look_forward     | sich freuen     | to=auf+acc:awaited       | state
look             | sich kümmern    | after=um+acc:person,elder,animal
complain         | sich beschweren | about=über+acc:meat,soup,hotel,room | how:loudly
sleep            | schlafen        | - | who:human,animal in:garden,hotel,room how:well
work             | arbeiten        | - | in:office,garden,hospital,library how:slowly,alone,together
laugh            | lachen          | -                        | how:loudly,quietly
cry              | weinen          | -                        | how:loudly,quietly
swim             | schwimmen       | - | in:lake,swimming_pool how:quickly,slowly,well
dance            | tanzen          | - | in:kitchen,street,garden how:together,well,alone
get_up           | auf-stehen      | -                        | how:slowly,quickly
wake_up          | auf-wachen      | -                        | event who:human,pet
fall_asleep      | ein-schlafen    | -                        | event who:human,pet how:quickly
arrive           | an-kommen       | - | event who:human,public in:station,airport
come_back        | zurück-kommen   | -                        | event
come_along       | mit-kommen      | -
go_out           | aus-gehen       | -
go_shopping      | ein-kaufen      | - | in:supermarket,market,city how:together,alone
watch_television | fern-sehen      | - | in:living_room,hotel how:together,alone
hurry            | sich beeilen    | -
rest             | sich aus-ruhen  | -                        | in:garden,beach,park
get_dressed      | sich an-ziehen  | -                        | how:slowly,quickly
celebrate        | feiern          | - | in:garden,restaurant how:loudly,together
study            | studieren       | -                        | in:city,university
smoke            | rauchen         | -                        | in:garden,street
depart           | ab-fahren       | -                        | event who:public
start            | an-fangen       | -                        | event who:event
live             | wohnen          | home                     | state
go               | gehen           | goal                     | how:slowly,quickly
drive            | fahren          | trip                     | how:slowly,quickly
run              | laufen          | goal                     | who:human,dog,horse how:quickly
travel           | reisen          | far
fly              | fliegen         | far
stay             | bleiben         | home
sit              | sitzen          | spot                     | who:human,pet
stand            | stehen          | spot                     | who:human,upright
lie              | liegen          | spot                     | who:flat,pet
put              | legen           | acc:flat put             | how:carefully
put              | stellen         | acc:upright put          | how:carefully
jump             | springen        | leap                     | who:pet
"""

_CASES = {"acc": Case.ACCUSATIVE, "dat": Case.DATIVE}


def _slot(written: str) -> Slot:
    head, _, classes = written.partition(":")
    names = tuple(classes.split(",")) if classes else ()
    if head in _CASES:
        return Slot("object", _CASES[head], names)
    if "=" not in head:
        return Slot(head, classes=names)
    english, _, rest = head.partition("=")
    german, _, case = rest.partition("+")
    kind = "preposition" if german else "object"
    return Slot(kind, _CASES[case], names, english, german)


def _verb(row: str) -> Verb:
    english, german, takes, remarks, *_ = (cell.strip() for cell in [*row.split("|"), ""])
    named = dict(part.split(":") for part in remarks.split() if ":" in part)
    return Verb(
        english_verb(english),
        german_verb(german),
        tuple(_slot(slot) for slot in takes.strip("-").split()),
        _names(named.get("who", "human")),
        tuple(name.replace("_", " ") for name in _names(named.get("in", ""))),
        _names(named.get("how", "")),
        state="state" in remarks.split(),
        event="event" in remarks.split(),
    )


def _names(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(",")) if cell else ()


VERBS: tuple[Verb, ...] = tuple(_verb(row) for row in _TABLE.strip().splitlines())
"""Every verb that clauses are made of by chance, in the order of the table."""


BE = Verb(english_verb("be"), german_verb("sein"), state=True)
HAVE = Verb(english_verb("have"), german_verb("haben"), state=True)
KNOW = Verb(english_verb("know"), german_verb("wissen"), state=True)
BELIEVE = Verb(english_verb("believe"), german_verb("glauben"), state=True)
HOPE = Verb(english_verb("hope"), german_verb("hoffen"), state=True)
SAY = Verb(english_verb("say"), german_verb("sagen"), state=True)
ASK = Verb(english_verb("ask"), german_verb("fragen"))
TRY = Verb(english_verb("try"), german_verb("versuchen"))
PROMISE = Verb(english_verb("promise"), german_verb("versprechen"), event=True)
FORGET_TO = Verb(english_verb("forget"), german_verb("vergessen"), event=True)
BEGIN = Verb(english_verb("begin"), german_verb("beginnen"), event=True)
COST = Verb(english_verb("cost"), german_verb("kosten"), state=True)
LAST = Verb(english_verb("last"), german_verb("dauern"), state=True)
RAIN = Verb(english_verb("rain"), german_verb("regnen"))
SNOW = Verb(english_verb("snow"), german_verb("schneien"))
GET = Verb(english_verb("get"), german_verb("kommen"))


def find_verb(name: str, german: str = "") -> Verb:
    """Return the verb with this English name, and this German one if several share it.

    Args:
        name: As :attr:`Verb.name` has it: ``turn on``, ``wait for``.
        german: The German infinitive, with a hyphen after a separable prefix.

    Raises:
        LookupError: If there is no such verb.
    """
    for verb in VERBS:
        if verb.name == name and german in ("", verb.german.name):
            return verb
    raise LookupError(f"verb: nothing known of {name!r}")
