"""Random clauses: a verb, who does it, to what, with whom and where."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from phrasebook.adverbials import AT_HOME, BY_VEHICLE, HABIT_TIMES, HERE, HOME, MANNERS, NEVER
from phrasebook.casting import Casting, Polarity, is_vague, noun_called
from phrasebook.clauses import Clause, Modal, Tense
from phrasebook.declension import MY, OUR, THE, A, Case
from phrasebook.english_verbs import Person
from phrasebook.nominals import IT, THEY, Name, Nominal, NounPhrase
from phrasebook.phrases import Argument
from phrasebook.places import CITIES, PLACES, SPOTS, TWO_WAY, Place
from phrasebook.verb_table import VERBS, Slot, Verb
from phrasebook.when import When, draw_when
from phrasebook.words import Fixed, Phrase

TOWNS = tuple(Name(english, german, IT) for english, german in CITIES)

_GAMES = {
    "sport": (
        Fixed.parse("football", "Fußball"),
        Fixed.parse("tennis", "Tennis"),
        Fixed.parse("chess", "Schach"),
        Fixed.parse("cards", "Karten"),
    ),
    # English plays an instrument with an article, German without.
    "instrument": (
        Fixed.parse("the piano/1", "Klavier/1"),
        Fixed.parse("the guitar/1", "Gitarre/1"),
        Fixed.parse("the violin/1", "Geige/1"),
    ),
}
_GOALS = tuple(name for name, place in PLACES.items() if place.to[0])
TRIPS = tuple(
    name for name in _GOALS if not PLACES[name].noun.classes & {"room", "garden", "forest"}
)
"""Names of the places that one asks the way to, or drives to."""

_CONTAINERS = frozenset({"suitcase", "bag", "box", "cupboard"})
_SEATS = frozenset({"chair", "bed", "sofa"})


class Composer(Casting):
    """Draws clauses at random."""

    def clause(
        self,
        verb: Verb | None = None,
        subject: Nominal | None = None,
        *,
        polarity: Polarity = "plain",
        when: When | None = None,
        front: bool = False,
        details: bool = True,
        vague: bool = False,
    ) -> Clause:
        """Return a clause.

        Args:
            verb: Its verb; drawn if ``None``.
            subject: Its subject; drawn to suit the verb if ``None``.
            polarity: Whether it is denied or asked.
            when: Its tense and time; drawn to suit the verb if ``None``.
            front: Whether the time may go first.
            details: Whether to add manner, company and place.
            vague: Whether the subject may be *nobody* or *every child*.
        """
        verb = verb or self.pick(VERBS)
        subject = subject or self.subject(verb, vague)
        human = is_human(subject)
        when = when or draw_when(self, verb, polarity, human)
        if when.often is NEVER and is_vague(subject):
            when = when._replace(often=None)
        denied = polarity == "negative"
        clause = Clause(subject, verb, when.tense, when.modal, denied, often=when.often)
        if when.time:
            clause = clause.at(when.time, first=front and self.chance(0.4))
        clause = self._filled(clause, "liked" if when.modal is Modal.LIKE else polarity)
        if details:
            clause = self._detailed(clause, human)
        return unambiguous(clause)

    def subject(self, verb: Verb, vague: bool = False) -> Nominal:
        """Return a subject that suits ``verb``; if ``vague``, perhaps *nobody* or *every child*."""
        others = tuple(name for name in verb.subjects if name != "human")
        if others != verb.subjects and (not others or self.chance(0.6)):
            return self.actor(vague)
        return self.phrase(self.noun(*others), known=True)

    def place(self, name: str) -> Argument:
        """Return being in the place called ``name``."""
        place = PLACES[name]
        return Argument(self._site(place), Case.DATIVE, *place.at)

    def place_to(self, name: str) -> Argument:
        """Return going to the place called ``name``."""
        place = PLACES[name]
        return Argument(self._site(place), place.to_case, *place.to)

    def goal(self, kind: str, subject: Nominal) -> Phrase:
        """Return somewhere to go: a town, a place, a person, or home.

        Args:
            kind: ``goal``, ``trip`` or ``far``, as in the table of verbs.
            subject: Who goes.
        """
        if kind == "far" or (kind == "trip" and self.chance(0.35)):
            return Argument(self.pick(TOWNS), Case.DATIVE, "to", "nach")
        if self.chance(0.1):
            return HOME
        if self.chance(0.15):
            whom = self.phrase(self.noun("kin", "known"), owner=subject, known=True)
            if not isinstance(subject, NounPhrase) or whom.noun is not subject.noun:
                return Argument(whom, Case.DATIVE, "to", "zu")
        return self.place_to(self.pick(TRIPS if kind == "trip" else _GOALS))

    def spot(self, moved: Nominal, kind: str) -> Argument:
        """Return a place beside some furniture, with a two-way preposition.

        Args:
            moved: What is there or gets there.
            kind: ``spot`` for being there, ``put`` and ``leap`` for getting there.
        """
        shape, name = "human", ""
        if isinstance(moved, NounPhrase) and not is_human(moved):
            name = moved.noun.english
            shapes = ("upright", "pet", "flat")
            shape = next((each for each in shapes if each in moved.noun.classes), "flat")
        furniture, relation = self.pick(_spots(shape, name))
        moving, german = TWO_WAY[relation]
        noun = noun_called(furniture)
        determiner = self.weighted(((THE, 8), (A, 1), (MY, 1), (OUR, 1)))
        phrase = NounPhrase(noun, determiner, adjective=self.adjective_for(noun, 0.05))
        if kind == "spot":
            return Argument(phrase, Case.DATIVE, relation, german)
        english = "onto" if kind == "leap" and relation == "on" else moving
        return Argument(phrase, Case.ACCUSATIVE, english, german)

    def _site(self, place: Place) -> NounPhrase:
        determiner = THE
        if place.noun.classes & {"room", "garden"} and self.chance(0.2):
            determiner = self.pick((MY, OUR))
        return NounPhrase(place.noun, determiner, adjective=self.adjective_for(place.noun, 0.03))

    def _filled(self, clause: Clause, polarity: Polarity) -> Clause:
        """Return ``clause`` with everything its verb takes."""
        objects: list[Argument] = []
        complement: Phrase | None = None
        for slot in clause.verb.slots:
            match slot.kind:
                case "object":
                    nominal = self._nominal(slot, clause.subject, polarity)
                    objects.append(Argument(nominal, slot.case, slot.english))
                case "preposition":
                    asking = clause.verb.german.name == "bitten"
                    nominal = self._nominal(slot, clause.subject, "plain", known=not asking)
                    complement = Argument(nominal, slot.case, slot.english, slot.german)
                case "bare":
                    complement = self.pick(_GAMES[slot.classes[0]])
                case "goal" | "trip" | "far":
                    complement = self.goal(slot.kind, clause.subject)
                case "home":
                    complement = self._home(clause.verb)
                case _:
                    moved = objects[0].nominal if objects else clause.subject
                    complement = self.spot(moved, slot.kind)
        return replace(clause, objects=tuple(objects), complement=complement)

    def _nominal(
        self, slot: Slot, subject: Nominal, polarity: Polarity, known: bool = False
    ) -> Nominal:
        things = tuple(name for name in slot.classes if name != "human")
        human = bool({"human", "person"}.intersection(slot.classes))
        if human and (len(slot.classes) == 1 or self.chance(0.6)):
            return self.somebody_else(subject, polarity)
        while True:
            noun = self.noun(*things)
            if not isinstance(subject, NounPhrase) or noun is not subject.noun:
                return self.phrase(noun, owner=subject, polarity=polarity, known=known)

    def _home(self, verb: Verb) -> Phrase:
        staying = verb.german.name == "bleiben"
        if staying and self.chance(0.5):
            inside: tuple[Phrase, ...] = (AT_HOME, HERE, self.place("hotel"))
            return self.pick(inside)
        if self.chance(0.65):
            return Argument(self.pick(TOWNS), Case.DATIVE, "in", "in")
        if staying or self.chance(0.5):
            return self.place(self.pick(("village", "city")))
        house = noun_called("house")
        phrase = NounPhrase(house, A, adjective=self.adjective_for(house, 0.5))
        return Argument(phrase, Case.DATIVE, "in", "in")

    def _detailed(self, clause: Clause, human: bool) -> Clause:
        verb = clause.verb
        plain = not clause.negated and clause.often is None
        if verb.manners and plain and self.chance(0.25):
            name = self.pick(verb.manners)
            if name != "together" or clause.subject.pronoun is THEY:
                return replace(clause, manner=MANNERS[name])
        if verb.places and (plain or not clause.objects) and self.chance(0.3):
            return replace(clause, place=self.place(self.pick(verb.places)))
        if verb.german.name == "reisen" and self.chance(0.3):
            return replace(clause, company=self.pick(BY_VEHICLE))
        shared = not verb.slots or verb.slots[0].kind in ("bare", "goal", "trip", "far")
        lonely = clause.negated or not human or is_vague(clause.subject)
        odd = verb.event or verb.german.reflexive
        if shared and not (lonely or odd) and self.chance(0.13):
            other = self.somebody_else(clause.subject)
            return replace(clause, company=Argument(other, Case.DATIVE, "with", "mit"))
        return clause


def is_human(nominal: Nominal) -> bool:
    """Tell whether this is somebody, not something."""
    return not isinstance(nominal, NounPhrase) or "human" in nominal.noun.classes


@cache
def _spots(shape: str, name: str) -> tuple[tuple[str, str], ...]:
    """Return the furniture and the prepositions that suit a ``shape``, except ``name``."""
    return tuple(
        (furniture, relation)
        for furniture, relations in SPOTS.items()
        for relation in relations
        if furniture != name and _suits(shape, furniture, relation)
    )


def _suits(shape: str, furniture: str, relation: str) -> bool:
    if shape == "human":
        seated = furniture in _SEATS or relation not in ("under", "on")
        return seated and furniture not in _CONTAINERS
    if shape == "flat":
        return relation in ("on", "in", "under")
    return relation != "in" or furniture not in _CONTAINERS


def unambiguous(clause: Clause) -> Clause:
    """Return ``clause`` in the progressive where English could not tell present from past.

    *I put* and *they read* are both; German has two sentences for them.
    """
    english = clause.verb.english
    same = english.past == english.base and clause.subject.pronoun.person is not Person.IT
    if not same or clause.tense is not Tense.PRESENT or clause.modal or clause.negated:
        return clause
    front = None if clause.front in HABIT_TIMES else clause.front
    return replace(clause, tense=Tense.PROGRESSIVE, often=None, time=None, front=front)
