"""Let a model translate what people wrote."""

from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from mt.data.corpora import Pair
from mt.evaluation.metrics import sentence_chrf
from mt.synthesis.originals import Original, Side
from mt.translation import Translation

_REMEMBERED = 100_000
"""Different lines whose translations are remembered, the latest, so that memory is bounded."""

Translate = Callable[[Iterable[str], Iterator[int]], Generator[Translation, None, None]]
"""Translates a stream of lines that have numbers, for warnings; see `Translator.translate`."""


class Translated(NamedTuple):
    """A line with its translations by a model."""

    number: int
    original: Original
    hypotheses: Sequence[str]
    """The best first."""


def translate_originals(
    originals: Iterable[Original], translate: Translate, first: int = 1
) -> Generator[Translated, None, None]:
    """Translate lines, those that come again once.

    What is found for a line depends on the line alone, samples included, so nothing is lost.

    Args:
        originals: A stream; a thread reads ahead.
        translate: Translates lines in their order.
        first: The number of the first of them.

    Returns:
        All lines, in their order.
    """
    waiting, numbers = deque[tuple[int, Original, _Found]](), deque[int]()

    def new_lines() -> Iterator[str]:
        known = OrderedDict[str, _Found]()
        for number, original in enumerate(originals, first):
            found = known.pop(original.text, None)
            is_new = found is None or len(waiting) > _REMEMBERED
            if found is None or is_new:
                found = _Found()
            known[original.text] = found
            if len(known) > _REMEMBERED:
                known.popitem(last=False)
            waiting.append((number, original, found))
            if is_new:
                numbers.append(number)
                yield original.text

    def finished() -> Iterator[Translated]:
        while waiting and waiting[0][2].hypotheses:
            number, original, found = waiting.popleft()
            yield Translated(number, original, found.hypotheses)

    with closing(translate(new_lines(), iter(numbers.popleft, None))) as translations:
        for translation in translations:
            yield from finished()  # what waits behind those is the line of this translation
            each = translation, *translation.alternatives
            waiting[0][2].hypotheses = tuple(one.text for one in each)
            yield from finished()
    yield from finished()


@dataclass
class _Found:
    """The translations of a line, as soon as they are there."""

    hypotheses: Sequence[str] = ()


def closest(hypotheses: Sequence[str], reference: str) -> str:
    """Return the hypothesis most like a reference, of equals the better one.

    This is sequence-level interpolation (Kim and Rush 2016, 3.3), with chrF as the likeness.
    """
    return max(hypotheses, key=lambda each: sentence_chrf(each, reference))


def make_pairs(translated: Translated, side: Side, *, interpolate: bool = False) -> list[Pair]:
    """Pair a line with its translations.

    Args:
        translated: The line.
        side: Which side of the pairs the line is.
        interpolate: Use the translation that is closest to the reference, which must be there.
    """
    _, original, hypotheses = translated
    if interpolate:
        assert original.reference is not None
        hypotheses = [closest(hypotheses, original.reference)]
    pairs = (Pair(original.text, each) for each in hypotheses)
    return list(pairs) if side == "source" else [Pair(*reversed(pair)) for pair in pairs]
