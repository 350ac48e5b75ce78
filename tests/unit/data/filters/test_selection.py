"""Filters together: how a recipe names them, in which order they judge, what they make of pairs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.config import StrictConfig
from mt.data.filters import STANDARD, Filters, Reason, Selection
from mt.data.filters.config import (
    CleaningConfig,
    CopiesConfig,
    DuplicatesConfig,
    LanguageConfig,
    LengthConfig,
    LengthRatioConfig,
)
from mt.data.pairs import read_pairs
from mt.errors import ConfigError


class Section(StrictConfig):
    filters: Filters = ()


def parse(filters):
    return Section.parse({"filters": filters}, where="recipe.yaml").filters


def test_names_sections_and_standard_may_be_mixed():
    assert parse([]) == Section().filters == ()
    assert parse("standard") == parse(["standard"]) == CleaningConfig().filters == STANDARD
    assert parse(["copies", {"kind": "length", "max_words": 9}]) == (
        CopiesConfig(), LengthConfig(max_words=9),
    )  # fmt: skip
    assert parse({"kind": "copies"}) == parse("copies") == (CopiesConfig(),)
    assert LanguageConfig() not in STANDARD


def test_of_one_kind_the_last_holds_in_the_place_of_the_first():
    filters = parse(["standard", "language", {"kind": "length_ratio", "max_ratio": 2}])
    kinds = [each.kind for each in STANDARD]
    assert [each.kind for each in filters] == [*kinds, "language"]
    assert filters[kinds.index("length_ratio")] == LengthRatioConfig(max_ratio=2)


def test_what_is_written_is_read_back(tmp_path):
    section = Section(filters=parse(["standard", "language"]))
    assert Section.parse(json.loads(section.model_dump_json()), "again") == section


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (["copys"], r"`filters\.0\.kind`: expected one of encoding, .* `copies`\?"),
        ([{"kind": "copies", "min": 3}], r"`filters\.0\.min`: expected a known key"),
        ([{"min_length": 3}], r"`filters\.0\.kind`: expected one of encoding"),
        (["copies", {"kind": "length", "max_words": 0}], r"`filters\.1\.max_words`"),
        ([{"kind": "letters", "min_share": 1.5}], r"`filters\.0\.min_share`"),
        ([3], r"`filters\.0`"),
        (3, "`filters`: expected a list"),
        ({"kind": "copys"}, r"`filters\.0\.kind`"),
    ],
)
def test_mistakes_name_their_key(filters, message):
    with pytest.raises(ConfigError, match=rf"^recipe\.yaml: {message}"):
        parse(filters)


def test_the_first_reason_counts_and_what_others_drop_is_not_remembered():
    pairs = [("a", "a"), ("a", ""), ("a", "a"), ("b", "c"), ("b", "c"), ("a b", "c"), ("b", "d")]
    filters = DuplicatesConfig(), CopiesConfig(min_length=1), LengthConfig(max_words=1)
    reasons = Selection(filters).start().reasons(pairs)
    names = [reason and reason.name for reason in reasons]
    assert names == ["copied", "blank", "copied", None, "duplicate", "too long", None]


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (2, 3, None),
        (2, 4, Reason("too long", "4 tokens")),
        (9, 1, Reason("blank", "target")),
        (1, 2, Reason("blank", "source")),
    ],
)
def test_tokens_are_bounded_with_their_end_mark(source, target, reason):
    assert Selection(max_tokens=3).reason_of_lengths(source, target) == reason


def test_languages_and_settings_change_what_is_kept_and_its_name():
    selections = [
        Selection(),
        Selection(max_tokens=9),
        Selection((CopiesConfig(),), "de", "en"),
        Selection((CopiesConfig(),), "de", "fr"),
        Selection((CopiesConfig(min_length=1),), "de", "en"),
        Selection((CopiesConfig(), DuplicatesConfig()), "de", "en"),
        Selection((DuplicatesConfig(), CopiesConfig()), "de", "en"),
    ]
    assert len({each.fingerprint() for each in selections}) == len(selections)
    assert Selection((), "de", "en").fingerprint() == Selection((), "fr", "en").fingerprint()


TEXT = st.text("aB1ü.<>&; \u200b\u4e2d", max_size=6)


@settings(max_examples=50)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=30), st.integers(1, 30))
def test_what_is_said_does_not_depend_on_the_parts(pairs, size):
    selection = Selection(STANDARD, "de", "en")
    whole, parts = selection.start(), selection.start()
    reasons = [
        reason
        for start in range(0, len(pairs), size)
        for reason in parts.reasons(pairs[start : start + size])
    ]
    assert reasons == list(whole.reasons(pairs))


def test_corpora_are_read_through_their_own_filters(write):
    corpora = [write("x\ny\n", "x\nz\n", name) for name in ("one", "two")]
    copies, all_of_them = Selection((CopiesConfig(min_length=0),)), Selection()
    assert list(read_pairs(corpora, [copies, all_of_them])) == [("y", "z"), ("x", "x"), ("y", "z")]
