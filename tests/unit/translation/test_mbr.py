"""Minimum Bayes risk beside its definition, for samples and for beams, on both engines."""

import json
import math
import random

import pytest

from mt.errors import ConfigError
from mt.evaluation.metrics import sentence_chrf
from mt.translation.config import BeamConfig, TranslationConfig
from mt.translation.loading import load_translator
from mt.translation.mbr import by_expected_chrf, pairwise_chrf, shares
from tests.engines import ENGINES, skip_without
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS

SOURCES = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]
LINES = [line[::-1] for line in SOURCES]
"""Of no language, so that the model is in doubt."""


def expected_chrf(text, references, weights):
    gains = [
        sentence_chrf(text, other) * weight
        for other, weight in zip(references, weights, strict=True)
    ]
    return sum(gains) / sum(weights)


def test_chrf_of_pairs_is_that_of_sacrebleu():
    draw = random.Random(1)
    texts = ["".join(draw.choices("aab c\u3000ß", k=draw.randint(0, 30))) for _ in range(20)]
    texts += ["", "  ", texts[3], "ab" * 40]
    expected = [[sentence_chrf(text, other) for other in texts] for text in texts]
    assert pairwise_chrf(texts).tolist() == [pytest.approx(row, abs=1e-9) for row in expected]


def test_ranks_are_those_of_the_definition():
    draw = random.Random(1)
    for _ in range(50):
        texts = ["".join(draw.choices("ab c", k=draw.randint(0, 12))) for _ in range(7)]
        texts += texts[:2]
        weights = [draw.random() for _ in texts]
        order = by_expected_chrf(texts, weights)
        gains = [expected_chrf(texts[index], texts, weights) for index in order]
        assert gains == pytest.approx(sorted(gains, reverse=True), abs=1e-9)
        assert sorted(order) == list(range(9))


def test_without_a_length_penalty_shares_are_probabilities():
    found = [math.log(0.4), math.log(0.1)]
    assert shares([(each, each) for each in found]) == pytest.approx([0.8, 0.2])


def test_a_penalty_changes_shares_in_nats():
    # Means over 4 and 8 tokens of -1 and -0.5: both sums are -4, which is 8 / 1.5 times as much.
    short, long = shares([(-4.0, -1.0), (-4.0, -0.5)])
    assert long / short == pytest.approx(math.exp(0.5 * 8 / 1.5))
    assert short + long == pytest.approx(1)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_hypothesis_most_like_the_whole_beam_is_taken(engine):
    skip_without(engine)
    translator = load_translator(BUNDLE, "cpu", engine=engine, precision="float32")
    beam = TranslationConfig(search=BeamConfig(size=6, length_penalty=0), alternatives=5)
    differ = 0
    for line in LINES:
        [source] = translator.tokenizers.source.encode([line])
        found = translator.search(source, beam)
        texts = translator.tokenizers.target.decode([each.tokens for each in found])
        weights = [math.exp(each.log_probability) for each in found]
        gains = {text: expected_chrf(text, texts, weights) for text in texts}
        [chosen] = translator.translate_all([line], beam.changed(decision="mbr"))
        ranked = [chosen.text, *(each.text for each in chosen.alternatives)]
        best = sorted(gains.values(), reverse=True)
        assert [gains[text] for text in ranked] == pytest.approx(best, abs=1e-6)
        differ += chosen.text != texts[0]
    assert 0 < differ < len(LINES)


def test_samples_count_as_often_as_they_are_drawn():
    translator = load_translator(BUNDLE, "cpu", overrides=["search.kind=sampling", "search.size=9"])
    for line in LINES[:10]:
        drawn = translator.config.changed(alternatives=8)
        [first] = translator.translate_all([line], drawn)
        texts = [first.text, *(each.text for each in first.alternatives)]
        gains = {text: expected_chrf(text, texts, [1] * 9) for text in texts}
        [found] = translator.translate_all([line], translator.config.changed(decision="mbr"))
        assert gains[found.text] == pytest.approx(max(gains.values()))
        [best, *_] = translator.search(
            translator.tokenizers.source.encode([line])[0], drawn.changed(decision="mbr")
        )
        assert translator.tokenizers.target.decode([best.tokens]) == [found.text]


def test_texts_that_differ_in_blanks_stay_in_their_order():
    for count in range(2, 40):
        texts = ["ab c" + " " * blanks + "d" for blanks in range(count)]
        assert by_expected_chrf(texts, [1 / 3] * count) == list(range(count))


def test_each_sentence_of_a_line_is_decided_by_itself():
    translator = load_translator(BUNDLE, "cpu", engine="ctranslate2", precision="float32")
    config = TranslationConfig(search=BeamConfig(size=6, length_penalty=0), alternatives=2)
    chosen = config.changed(decision="mbr")
    first, second = f"{LINES[0]}.", f"{LINES[1].capitalize()}."
    pair = [translator.translate_all([line], chosen)[0] for line in (first, second)]
    [both] = translator.translate_all([f"{first} {second}"], chosen)
    ranked = [[each.text, *(other.text for other in each.alternatives)] for each in pair]
    assert [both.text, *(each.text for each in both.alternatives)] == [
        " ".join(texts) for texts in zip(*ranked, strict=True)
    ]
    assert translator.translate_all([f"{first} {second}"], config)[0].text != both.text


def test_scores_do_not_change_what_is_chosen():
    translator = load_translator(BUNDLE, "cpu", precision="float32")
    config = TranslationConfig(search=BeamConfig(size=6), decision="mbr", alternatives=1)
    scored = config.changed(token_log_probabilities=True)
    texts = [
        [each.text for each in translator.translate_all(LINES, one)] for one in (config, scored)
    ]
    assert texts[0] == texts[1]


def test_one_hypothesis_is_no_choice():
    translator = load_translator(BUNDLE, "cpu", overrides=["search.kind=greedy", "decision=mbr"])
    with pytest.raises(ConfigError, match="decision: expected map where search keeps one"):
        list(translator.translate(LINES[:1]))
    assert list(translator.translate(LINES[:1], translator.config.with_beam(3)))
