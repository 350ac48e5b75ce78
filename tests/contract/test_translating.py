"""What every engine must keep, with the frozen bundle: lines, company, scores, constraints."""

import functools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.text.blanks import BLANKS
from mt.text.sentences import holds_words, split_sentences
from mt.translation import ConstrainedLine, load_translator
from mt.translation.config import BeamConfig, GreedyConfig
from mt.translation.constraints import Forbidden
from mt.translation.glossary import Glossary, holds_term
from tests.engines import ENGINES, available_engines, skip_without
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.tiny import mt

GOLDEN = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))
LINES = GOLDEN["source"]
WORDS = sorted({word for line in LINES for word in line.split()})
each_engine = pytest.mark.parametrize("engine", ENGINES)


@functools.cache
def load(engine):
    skip_without(engine)
    translator = load_translator(BUNDLE, "cpu", engine=engine, precision="float32")
    assert engine in type(translator.engine).__module__
    return translator


def texts(translations):
    return [each.text for each in translations]


def greedy(translator, longest=1.0):
    """Search fast: what the model does not know would run on and on."""
    search = GreedyConfig(max_length_ratio=longest)
    return translator.config.changed(search=search.model_dump())


ODD = [
    "", " ", "\t", "\u2028", "\x00", "\r", "\x1b[31m", "\u200b", "\ufeff", "<s>", "</s>", "<unk>",
    "<pad>", "▁", "<0x41>", "🙂🙂👩‍👩‍👧", "我的狗很大。", "مرحبا بالعالم", "\ud800", "a\u0301" * 30,
    "Mr. X? Yes!", "1,5 % (42)", "http://a.b/c", "\U000e0001", "\ufffe", "ß" * 40, '"', "\\n",
]  # fmt: skip
parts = st.one_of(st.sampled_from(ODD), st.sampled_from(WORDS), st.text(max_size=12))
lines = st.lists(st.lists(parts, max_size=4).map(" ".join), max_size=5)


@each_engine
@settings(max_examples=6, deadline=None)
@given(lines)
def test_as_many_lines_come_out_and_blank_ones_are_blank(engine, given_lines):
    translator = load(engine)
    config = greedy(translator)
    found = texts(translator.translate(given_lines, config))
    assert len(found) == len(given_lines)
    for line, text in zip(given_lines, found, strict=True):
        assert not set(text) & set(BLANKS)
        if not line.strip(BLANKS + " ").strip():
            assert text == ""
    alone = [texts(translator.translate_all([line], config)) for line in given_lines]
    assert [[text] for text in found] == alone


@each_engine
def test_odd_lines_keep_their_places(engine):
    mixed = [line for pair in zip(ODD, LINES, strict=False) for line in pair]
    found = texts(load(engine).translate(mixed))
    assert found[1::2] == texts(load(engine).translate_all(LINES[: len(ODD)]))
    for line, text in zip(ODD, found[::2], strict=True):
        if not holds_words(line) and "\ud800" not in line:
            assert text == line.strip(BLANKS + " ").replace("\x1b", " ").strip()


@pytest.mark.slow
@each_engine
def test_a_line_of_ten_thousand_words(engine):
    translator = load(engine)
    config = greedy(translator, longest=0.1)
    long = " ".join(WORDS[index % len(WORDS)] for index in range(10_000))
    one, found, other = translator.translate_all([LINES[0], long, LINES[1]], config)
    assert [one.text, other.text] == texts(translator.translate_all(LINES[:2], config))
    assert found.text


@settings(max_examples=6, deadline=None)
@given(lines)
def test_engines_agree(given_lines):
    config = greedy(load("torch"))
    one, *others = (
        texts(load(engine).translate_all(given_lines, config)) for engine in available_engines()
    )
    assert others == [one] * len(others)


@each_engine
def test_file_pipe_and_api_give_the_same(engine, tmp_path):
    text = "".join(f"{line}\n" for line in LINES)
    (tmp_path / "in.xx").write_text(text, encoding="utf-8")
    options = "--engine", engine, "--set", "precision=float32", "--device", "cpu"
    of_file = mt("translate", BUNDLE, "in.xx", *options, cwd=tmp_path).stdout
    assert of_file == mt("translate", BUNDLE, *options, stdin=text).stdout
    assert of_file.splitlines() == texts(load(engine).translate(LINES))
    assert of_file.splitlines() == [str(*load(engine).translate([line])) for line in LINES]


@each_engine
@pytest.mark.parametrize(
    "search",
    [
        GreedyConfig(),
        BeamConfig(size=4, length_penalty=0.6),
        BeamConfig(size=3, length_norm="gnmt"),
        GreedyConfig(max_length_ratio=0.3),
        BeamConfig(size=3, min_length_ratio=1.2, no_repeat_ngram=1),
    ],
    ids=["greedy", "beam", "gnmt", "cut", "forbidding"],
)
def test_a_score_is_that_of_forced_decoding(engine, search):
    translator = load(engine)
    sources = translator.tokenizers.source.encode(LINES)
    pools = translator.engine.submit(sources, search, search.kept)()
    pairs = [(source, each) for source, pool in zip(sources, pools, strict=True) for each in pool]
    forced = translator.engine.score(*zip(*((s, each.tokens) for s, each in pairs), strict=True))
    for (_, each), values in zip(pairs, forced, strict=True):
        # Sums of about ten float32 logarithms, each below 10, from batches of other shapes.
        assert each.log_probability == pytest.approx(sum(values), abs=2e-5)
        assert each.score == pytest.approx(search.score(sum(values), len(values)), abs=2e-5)


def test_the_coverage_penalty_is_in_all_scores():
    search = BeamConfig(size=3, coverage_penalty=0.3)
    for translator in (load("torch"), load("ctranslate2")):
        config = load("torch").config.changed(search=search.model_dump(), alternatives=2)
        line = f"{LINES[0].capitalize()}. {LINES[1].capitalize()}!"
        [found, both] = load("torch").translate_all([LINES[0], line], config)
        scored = config.changed(token_log_probabilities=True)
        again = load("torch").translate_all([LINES[0], line], scored)
        [forced] = translator.score([(LINES[0], found.text)], config)
        assert found.coverage < 0
        assert [each.score for each in (*again, forced)] == pytest.approx(
            [found.score, both.score, found.score], abs=2e-5
        )
        parts = load("torch").translate_all(
            [each.text for each in split_sentences(line, "xx")], config
        )
        assert both.coverage == pytest.approx(sum(each.coverage for each in parts))


@each_engine
def test_forbidden_words_are_avoided(engine):
    plain = texts(load(engine).translate_all(LINES))
    asked = [
        ConstrainedLine(line, forbidden=text.split())
        for line, text in zip(LINES, plain, strict=True)
    ]
    for line, text in zip(asked, texts(load(engine).translate(asked)), strict=True):
        assert text
        assert not Forbidden(line.forbidden).within(text)
    for_all = plain[0].split()
    for text in texts(load(engine).translate(LINES[:4], forbidden=for_all)):
        assert not Forbidden(for_all).within(text)


@each_engine
@pytest.mark.parametrize("whole", [True, False])
def test_a_prefix_begins_the_translation(engine, whole, caplog):
    others = GOLDEN["reference"][1:9]
    prefixes = [
        text.split()[0] + " " if whole else text[: len(text) // 2 + 1].strip() for text in others
    ]
    asked = [ConstrainedLine(line, pre) for line, pre in zip(LINES, prefixes, strict=False)]
    for text, prefix in zip(texts(load(engine).translate(asked)), prefixes, strict=True):
        assert f"{text} ".startswith(prefix)
    assert not caplog.records
    own = [
        ConstrainedLine(line, text[: len(text) // 2])
        for line, text in zip(LINES, GOLDEN["reference"], strict=True)
    ]
    found = texts(load(engine).translate(own))
    assert sum(one == other for one, other in zip(found, GOLDEN["reference"], strict=True)) > 36


@each_engine
def test_all_constraints_together(engine, caplog):
    reference = GOLDEN["reference"]
    line = f"{LINES[0]} {LINES[1]}"
    word = LINES[1].rsplit(maxsplit=1)[-1]
    terms = {word: reference[7].split()[0]}
    forbidden = texts(load(engine).translate_all([line]))[0].split()[1:2]
    [found] = texts(
        load(engine).translate(
            [ConstrainedLine(line, reference[9].split()[0], terms)],
            glossary=Glossary({word: "other"}),
            forbidden=forbidden,
        )
    )
    assert found.startswith(reference[9].split()[0])
    assert holds_term(found, terms[word])
    assert not Forbidden(forbidden).within(found)
    assert not caplog.records


@pytest.mark.parametrize(
    "line",
    [
        ConstrainedLine("", prefix="a"),
        ConstrainedLine("42", prefix="a"),
        ConstrainedLine(LINES[0], terms={"absent": "a"}),
        ConstrainedLine(LINES[0], prefix="ta ", forbidden=["ta"]),
    ],
)
def test_what_cannot_be_is_told(line, caplog):
    [_, found] = texts(load("torch").translate([LINES[0], line]))
    assert found == texts(load("torch").translate_all([line.text]))[0]
    [told] = caplog.messages
    assert told.startswith("1 line (2): the translation is not as asked")


def test_sentences_are_split_without_an_engine():
    line = f"{LINES[0].capitalize()}. {LINES[1].capitalize()}!"
    assert len(split_sentences(line, "xx")) == 2
    for engine in ENGINES:
        apart = texts(
            load(engine).translate_all([each.text for each in split_sentences(line, "xx")])
        )
        assert texts(load(engine).translate_all([line])) == [" ".join(apart)]
