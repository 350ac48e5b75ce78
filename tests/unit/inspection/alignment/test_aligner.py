"""N pairs in, N lines of links out."""

import itertools
import logging
import random

import pytest
import torch

from mt.data.corpora.contract import Pair
from mt.errors import BundleError, DataError
from mt.inspection.alignment import aligner as module
from mt.inspection.alignment.aligner import Aligner, AlignmentConfig, word_weights
from mt.inspection.alignment.reader import TokenizedPair
from mt.inspection.alignment.views import View
from mt.text.words import TokenizedLine

VIEW, BACK = View.parse("plain:2"), View.parse("plain:1")
FIXED = AlignmentConfig(view=VIEW, reverse_view=BACK)


def some_pairs(count=30):
    draw = random.Random(8)

    def line():
        words = ["".join(draw.choices("abcdefghä,", k=draw.randint(1, 7))) for _ in range(4)]
        return " ".join(words[: draw.randint(1, 4)])

    return [Pair(line(), line()) for _ in range(count)]


def align(pairs, *models, config=None):
    return list(Aligner(*models, config=config).align(pairs))


@pytest.mark.slow
@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("words", ["spaces", "marks"])
def test_pools_and_batches_change_nothing(reader, back, monkeypatch, two, words):
    models = (reader, back) if two else (reader,)
    config = AlignmentConfig(words, view=VIEW, reverse_view=BACK)
    pairs = some_pairs()
    together = align(pairs, *models, config=config)
    monkeypatch.setattr(module, "POOL", 7)
    assert [list(line) for line in align(pairs, *models, config=config)] == [
        list(line) for line in together
    ]
    alone = [align([pair], *models, config=config)[0] for pair in pairs]
    assert [list(line) for line in alone] == [list(line) for line in together]
    for one, other in zip(alone, together, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert all(together)


def test_links_are_within_the_words_sorted_and_weighted(reader, back):
    pairs = some_pairs()
    for pair, line in zip(pairs, align(pairs, reader, back), strict=True):
        assert list(line) == sorted(line)
        for (source, target), weight in line.items():
            assert source < len(pair.source.split())
            assert target < len(pair.target.split())
            assert 0 < weight <= 1 + 1e-6


def test_blank_lines_stay_blank_and_in_place(reader):
    pairs = [
        Pair("", ""),
        Pair("abc", " "),
        Pair("abc", "abc"),
        Pair("\t", "a"),
        Pair("\u200b", "a"),
    ]
    assert [list(line) for line in align(pairs, reader)] == [[], [], [(0, 0)], [], []]
    assert align([], reader) == []
    assert align([Pair("", "")], reader) == [{}]


def test_pairs_are_read_as_they_are_needed(reader, monkeypatch):
    monkeypatch.setattr(module, "POOL", 5)
    endless = itertools.count()
    (pair,) = some_pairs(1)
    found = Aligner(reader, config=FIXED).align(pair for _ in endless)
    for _ in range(5):
        next(found)
    assert next(endless) == 5


def test_a_pair_too_long_has_no_links_and_a_warning(reader, caplog):
    pairs = [Pair("abc", "abc"), Pair("ab " * 60, "abc"), Pair("abc", "ab " * 60)]
    with caplog.at_level(logging.WARNING, "mt"):
        found = align(pairs, reader, config=FIXED)
    assert [bool(line) for line in found] == [True, False, False]
    messages = [record.getMessage() for record in caplog.records]
    assert [message.split(":")[0] for message in messages] == ["line 2", "line 3"]
    assert "more than the 39 that run was trained for" in messages[0]


def test_the_choice_is_logged_and_can_be_repeated(reader, back, caplog):
    pairs = some_pairs(120)
    with caplog.at_level(logging.INFO, "mt"):
        chosen = align(pairs, reader, back)
    (message,) = [record.getMessage() for record in caplog.records]
    assert "whose links agree by" in message
    assert "in the first 120 pairs" in message
    _, _, view, _, reverse_view, *_ = message.replace(",", "").split()
    config = AlignmentConfig(view=View.parse(view), reverse_view=View.parse(reverse_view))
    caplog.clear()
    assert align(pairs, reader, back, config=config) == chosen
    assert caplog.records == []
    assert align(pairs, reader, back) == chosen


def test_a_choice_on_few_pairs_is_a_warning(reader, caplog):
    with caplog.at_level(logging.WARNING, "mt"):
        align(some_pairs(10), reader)
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith("in only 10 pairs")


@pytest.mark.parametrize("two", [False, True])
def test_too_few_pairs_to_choose_on_take_the_mean_of_all(reader, back, caplog, two):
    models = (reader, back) if two else (reader,)
    pairs = [*some_pairs(9), Pair("", "")]
    with caplog.at_level(logging.WARNING, "mt"):
        links = align(pairs, *models)
    (message,) = [record.getMessage() for record in caplog.records]
    assert "expected 10 pairs or more to choose a layer and head on, but got 9" in message
    assert message.count("plain:all" if not two else "--view plain:all --reverse-view plain:") == 1
    first, other = View.parse("plain:all"), back.views()[0]
    config = AlignmentConfig(view=first, reverse_view=other if two else None)
    assert align(pairs, *models, config=config) == links


def test_a_view_that_is_given_stays_where_pairs_are_few(reader, back):
    pairs = some_pairs(3)
    given = AlignmentConfig(view=VIEW)
    full = AlignmentConfig(view=VIEW, reverse_view=back.views()[0])
    assert align(pairs, reader, back, config=given) == align(pairs, reader, back, config=full)


def test_a_threshold_leaves_out_light_links(reader):
    pairs = some_pairs()
    full = align(pairs, reader, config=FIXED)
    config = AlignmentConfig(view=VIEW, threshold=0.3)
    expected = [{link: weight for link, weight in line.items() if weight >= 0.3} for line in full]
    assert align(pairs, reader, config=config) == expected


def test_a_recurrent_model_aligns_too(recurrent):
    assert all(align(some_pairs(5), recurrent()))


def test_what_a_model_does_not_have_is_refused(reader, back):
    with pytest.raises(
        DataError, match="^--view: .* run, plain:all to plain:3.4 or .*, but got plain:9;"
    ):
        Aligner(reader, config=AlignmentConfig(view=View.parse("plain:9")))
    with pytest.raises(DataError, match="^--reverse-view: expected a view of back"):
        Aligner(reader, back, AlignmentConfig(reverse_view=View.parse("plain:1.3")))


def test_the_other_model_must_translate_back(reader):
    with pytest.raises(BundleError, match="^run: expected a model from yy to xx, but .*xx to yy;"):
        Aligner(reader, reader)


def test_a_model_without_cross_attention_is_refused(recurrent):
    with pytest.raises(BundleError, match="no cross-attention"):
        Aligner(recurrent(attends=False))


def test_tokens_become_words_and_the_end_is_left_out():
    class Reader:
        def cross_attention(self, *_):
            rows = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.4, 0.4]]
            yield from ((index, torch.tensor([rows])) for index in (1, 0))

    source = TokenizedLine([10, 11, 12], [range(2), range(2, 3)])
    target = TokenizedLine([20, 21, 22], [range(1), range(1, 3)])
    one, other = word_weights(Reader(), [TokenizedPair(source, target)] * 2, [VIEW])
    torch.testing.assert_close(one, torch.tensor([[[0.3, 0.3], [0.5, 0.3]]]))
    torch.testing.assert_close(other, one)
