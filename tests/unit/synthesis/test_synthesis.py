"""Lines that come again are translated once, and all come back in their order."""

from itertools import count, islice

from hypothesis import given
from hypothesis import strategies as st

from mt.data.corpora import Pair
from mt.synthesis import synthesis
from mt.synthesis.originals import Original
from mt.synthesis.synthesis import Translated, make_pairs, translate_originals
from mt.translation import Translation


def translator(asked, ahead=3):
    """Return what translates into capitals, reads ahead and keeps what it is asked for."""

    def translate(lines, numbers):
        while block := list(islice(lines, ahead)):
            for line in block:
                asked.append((next(numbers), line))
                yield Translation(line.upper(), alternatives=(Translation(line[::-1]),))

    return translate


@given(st.lists(st.sampled_from(["a", "b", "c", "", "ab"])), st.integers(1, 5))
def test_each_line_once_and_all_in_order(lines, first):
    asked = []
    found = list(translate_originals(map(Original, lines), translator(asked), first))
    assert [each.number for each in found] == list(range(first, first + len(lines)))
    assert [each.original.text for each in found] == lines
    assert all(
        each.hypotheses == (t.upper(), t[::-1]) for each, t in zip(found, lines, strict=True)
    )
    # Warnings name lines as the text has them: each where it stands first.
    assert asked == [(first + lines.index(line), line) for line in dict.fromkeys(lines)]


@given(st.lists(st.sampled_from("abcdef"), max_size=40))
def test_few_lines_are_remembered(lines):
    asked, most = [], synthesis._REMEMBERED
    synthesis._REMEMBERED = 2
    try:
        found = list(translate_originals(map(Original, lines), translator(asked, ahead=1)))
    finally:
        synthesis._REMEMBERED = most
    assert [each.hypotheses[0] for each in found] == [line.upper() for line in lines]


def test_a_line_that_goes_on_without_end_is_read_in_parts():
    endless = map(Original, ("a" for _ in count()))
    found = translate_originals(endless, translator([]))
    assert next(found).number == 1
    found.close()


def test_pairs_have_the_original_on_its_side():
    translated = Translated(1, Original("o", "hyp b"), ("hyp a", "hyp b"))
    assert make_pairs(translated, "source") == [Pair("o", "hyp a"), Pair("o", "hyp b")]
    assert make_pairs(translated, "target") == [Pair("hyp a", "o"), Pair("hyp b", "o")]
    assert make_pairs(translated, "source", interpolate=True) == [Pair("o", "hyp b")]
