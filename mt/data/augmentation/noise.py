"""What people do to text: capitals, no full stop, typing mistakes.

Kinds and rates are those of OpusTrainer's modifiers in Mozilla's recipes for teachers and students.
"""

import random
from collections.abc import Callable, Collection, Iterable, Iterator

from mt.data.augmentation.config import AugmentationConfig
from mt.data.corpora import Pair
from mt.text.casing import title_case, upper_case
from mt.text.tags import put_tag, take_tag

_END_MARKS = (".。．｡।۔։።။", "!！՜", "?？؟՞;")
"""Signs that end a sentence, by kind: statements, exclamations, questions."""

_WORDS_A_TYPO = 10


class Noise:
    """Changes the text of pairs by chance."""

    def __init__(self, config: AugmentationConfig, languages: tuple[str, str]) -> None:
        self._config = config
        self._languages = languages

    def __call__(self, pair: Pair, generator: random.Random) -> Pair:
        """Apply every kind, each with its rate."""
        pair = self.recase(pair, generator)
        if generator.random() < self._config.end_marks:
            pair = without_end_mark(pair)
        if generator.random() < self._config.typos:
            pair = pair._replace(source=misspell(pair.source, generator))
        return pair

    def recase(self, pair: Pair, generator: random.Random) -> Pair:
        """Write a pair in capitals or title case, or leave it as it is.

        A source without case would not tell how the target has to be written.
        """
        drawn, upper = generator.random(), self._config.upper_case
        if drawn >= upper + self._config.title_case:
            return pair
        change = upper_case if drawn < upper else title_case
        source, target = map(change, pair, self._languages)
        return pair if source == pair.source else Pair(source, target)


def pair_generator(seed: int, epoch: int, pair: int) -> random.Random:
    """Return the random numbers of a pair in an epoch."""
    return random.Random((seed << 64 | epoch) << 64 | pair)  # noqa: S311 - nothing secret


def recased(
    pairs: Iterable[Pair],
    config: AugmentationConfig,
    languages: tuple[str, str],
    tags: Collection[str],
    seed: int,
) -> Iterator[Pair]:
    """Write as many pairs in capitals or title case as an epoch has: what a tokenizer learns from.

    Args:
        pairs: As they are.
        config: What happens how often.
        languages: Source and target language tags.
        tags: Stay in front of sources as they are.
        seed: Of the run.
    """
    noise = Noise(config, languages)
    for number, pair in enumerate(pairs):
        tag, source = take_tag(pair.source, tags)
        changed = noise.recase(Pair(source, pair.target), pair_generator(seed, 0, number))
        yield changed._replace(source=put_tag(tag, changed.source))


def without_end_mark(pair: Pair) -> Pair:
    """Take away the mark that ends both sides, if it is of the same kind."""
    for marks in _END_MARKS:
        source, target = (side.rstrip(marks).rstrip() for side in pair)
        if source and target and pair.source[-1] in marks and pair.target[-1] in marks:
            return Pair(source, target)
    return pair


def misspell(text: str, generator: random.Random) -> str:
    """Slip once in ten words, at least once, at letters drawn evenly."""
    for _ in range(1 + text.count(" ") // _WORDS_A_TYPO):
        places = [place for place, sign in enumerate(text) if sign.isalpha()]
        if len(places) > 1:
            slip, letter = generator.choice(_SLIPS), text[generator.choice(places)]
            text = slip(text, generator.choice(places), letter)
    return text


def _swap(text: str, place: int, _letter: str) -> str:
    return text[:place] + text[place + 1 : place + 2] + text[place] + text[place + 2 :]


def _omit(text: str, place: int, _letter: str) -> str:
    return text[:place] + text[place + 1 :]


def _double(text: str, place: int, _letter: str) -> str:
    return text[:place] + text[place] + text[place:]


def _replace(text: str, place: int, letter: str) -> str:
    return text[:place] + letter + text[place + 1 :]


def _join(text: str, place: int, _letter: str) -> str:
    return text[:place] + text[place:].replace(" ", "", 1)


_SLIPS: tuple[Callable[[str, int, str], str], ...] = (_swap, _omit, _double, _replace, _join)
"""Ways to slip at a letter, given another letter of the text, which is of its script."""
