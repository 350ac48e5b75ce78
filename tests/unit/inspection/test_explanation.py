"""Explanations: against full passes, softmax by hand and search with a prefix."""

import itertools
import math
from typing import get_args

import pytest
import torch

from mt.inspection.explanation import _cut, _variants, explain_translation
from mt.inspection.forced_decoding import force_decode
from mt.model.attention.config import ScopeConfig, ScoreConfig
from mt.model.config import RecurrentConfig, TransformerConfig
from mt.text.tokenizer import END, PAD, START, UNKNOWN
from mt.translation.config import BeamConfig, TranslationConfig
from mt.translation.engines.torch import NEVER, TorchEngine
from mt.translation.search import ForcePrefix, Limits, Suppress, run_search
from mt.translation.translator import Translator

SENTENCE = "abc hgfe dcba"
TARGET = "bad cäfe"


@pytest.fixture
def explanation(translator):
    return explain_translation(translator, force_decode(translator, SENTENCE, TARGET))


def ids(tokenizers, *texts):
    return [tokenizers.source.encode([text])[0] for text in texts]


def test_probabilities_are_those_of_a_softmax_by_hand(explanation, model, tokenizers):
    read, written = ids(tokenizers, SENTENCE, TARGET)
    with torch.no_grad():
        outputs = model(torch.tensor([[*read, END]]), torch.tensor([[START, *written]]))[0]
        logits = (outputs.double() @ model.output.weight.double().T).tolist()
    assert len(explanation.choices) == len(written) + 1
    for choice, row, token in zip(explanation.choices, logits, [*written, END], strict=True):
        total = sum(map(math.exp, row))
        assert choice.probability == pytest.approx(math.exp(row[token]) / total, abs=6e-5)
        others = [other for other in range(len(row)) if other not in {PAD, UNKNOWN, START, token}]
        best = sorted(others, key=lambda other: -row[other])[:5]
        assert choice.rank == 1 + sum(row[other] > row[token] for other in others)
        assert [each.token for each in choice.alternatives] == tokenizers.target.tokens(best)
        for each, other in zip(choice.alternatives, best, strict=True):
            assert each.probability == pytest.approx(math.exp(row[other]) / total, abs=6e-5)


def test_alternatives_go_on_as_a_search_forced_from_the_start(explanation, model, tokenizers):
    read, written = ids(tokenizers, SENTENCE, TARGET)
    names = tokenizers.target.tokens(range(tokenizers.target.size))
    for place in range(0, len(explanation.choices), 4):
        alternative = explanation.choices[place].alternatives[place % 5]
        prefix = (*written[:place], names.index(alternative.token))
        length = max(3 * len(read) + 20, len(prefix) + 1)
        limits, cpu = Limits(START, END, (length,)), torch.device("cpu")
        processors = [Suppress(NEVER), ForcePrefix.of([prefix], 3, cpu)]
        with torch.no_grad():
            state = model.start(torch.tensor([[*read, END]]), 3)
            ((found, *_),) = run_search(BeamConfig(size=3), model, state, limits, cpu, processors)
        (text,) = tokenizers.target.decode([found.tokens])
        assert alternative.before + alternative.forced + alternative.after == text
        assert text.startswith(alternative.before)


def test_an_alternative_that_ends_the_sentence_keeps_what_was_before(translator, tokenizers):
    decoding = force_decode(translator, SENTENCE, TARGET)
    variants = _variants(translator, decoding, [[], *([END] for _ in decoding.target[1:-1])])
    texts = tokenizers.target.decode(
        [decoding.target[:n] for n in range(1, len(decoding.target) - 1)]
    )
    assert [before + forced + after for before, forced, after in variants] == texts


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        (("Der", "Der Hund", "Der Hund geht"), ("Der", " Hund", " geht")),
        (("", "D", "Der"), ("", "D", "er")),
        (("Der", "Der", "Der"), ("Der", "", "")),
        (("caf", "caf\ufffd", "café"), ("", "", "café")),
    ],
)
def test_a_text_is_cut_where_its_beginnings_end(texts, parts):
    assert _cut(*texts) == parts


def test_weights_scores_and_axes_fit_each_other(explanation):
    assert [
        len(explanation.layers[role]) for role in ("cross", "decoder_self", "encoder_self")
    ] == [3, 3, 2]
    assert explanation.read.tokens == ["<s>", *explanation.target.tokens[:-1]]
    for axis in (explanation.source, explanation.target, explanation.read):
        assert sum(axis.sizes) == len(axis.tokens)
        assert len(axis.sizes) == len(axis.words)
    assert explanation.source.words == [*SENTENCE.split(), "</s>"]
    assert explanation.target.words == [*TARGET.split(), "</s>"]
    sides = {
        "cross": (explanation.target, explanation.source),
        "decoder_self": (explanation.target, explanation.read),
        "encoder_self": (explanation.source, explanation.source),
    }
    for role, layers in explanation.layers.items():
        queries, keys = (len(axis.tokens) for axis in sides[role])
        for layer in layers:
            assert layer.dims == (4, 4, 4)
            weights = torch.tensor(layer.weights)
            assert tuple(weights.shape) == (4, queries, keys)
            for row, scores in zip(
                itertools.chain(*layer.weights), itertools.chain(*layer.scores), strict=True
            ):
                shares = [0.0 if score is None else math.exp(score) for score in scores]
                total = sum(shares)
                assert row == pytest.approx([share / total for share in shares], abs=6e-3)


def test_numbers_are_those_of_the_record_and_short(explanation, translator):
    record = force_decode(translator, SENTENCE, TARGET).attention
    for layer, call in zip(explanation.layers["cross"], record.cross, strict=True):
        torch.testing.assert_close(torch.tensor(layer.weights), call.weights[0], atol=6e-5, rtol=0)
        numbers = itertools.chain(*itertools.chain(*layer.weights))
        assert max(len(str(number)) for number in numbers) <= 6
    hidden = explanation.layers["decoder_self"][0].scores[0]
    assert [[score is None for score in row].count(True) for row in hidden] == [
        len(hidden) - 1 - row for row in range(len(hidden))
    ]


@pytest.mark.parametrize("beam", [1, 3])
def test_the_models_own_translation_is_what_it_translates(translator, beam, monkeypatch):
    if beam == 1:  # what a random model repeats is as good as anything
        monkeypatch.setattr("mt.translation.translator.runs_on", lambda *_: False)
    translator.config = translator.config.with_beam(beam)
    explanation = explain_translation(
        translator, force_decode(translator, SENTENCE), alternatives=2
    )
    assert [explanation.text] == [each.text for each in translator.translate_all([SENTENCE])]
    assert {len(choice.alternatives) for choice in explanation.choices} == {2}
    if beam == 1:
        assert {choice.rank for choice in explanation.choices[:-1]} == {1}


@pytest.mark.parametrize("score", get_args(ScoreConfig))
@pytest.mark.parametrize("scope", get_args(ScopeConfig))
def test_every_kind_of_attention_can_be_explained(tokenizers, score, scope):
    kind = {"score": score(), "scope": scope()}
    config = TransformerConfig(
        dim=16, encoder_layers=1, decoder_layers=1, heads=2, feed_forward=16,
        self_attention=kind, cross_attention=kind,
    )  # fmt: skip
    explanation = explanation_by(config, tokenizers)
    assert [*explanation.layers] == ["cross", "encoder_self", "decoder_self"]


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"attention_query": "previous_state"},
        {"input_feeding": True, "heads": 2},
        {"attention": None},
    ],
    ids=["after", "before", "fed", "without"],
)
def test_a_recurrent_model_shows_what_it_has(tokenizers, choices):
    explanation = explanation_by(RecurrentConfig(dim=16, **choices), tokenizers)
    assert [*explanation.layers] == ([] if "attention" in choices else ["cross"])
    for layer in explanation.layers.get("cross", ()):
        assert len(layer.weights) == choices.get("heads", 1)
        assert len(layer.weights[0]) == len(explanation.target.tokens)
        assert len(layer.weights[0][0]) == len(explanation.source.tokens)


def explanation_by(config, tokenizers):
    size = tokenizers.source.size
    engine = TorchEngine(config.build(size, size), torch.device("cpu"))
    translator = Translator(
        engine, tokenizers, TranslationConfig(search=BeamConfig(size=2)), 40, ("xx", "yy")
    )
    explanation = explain_translation(
        translator, force_decode(translator, SENTENCE, TARGET), alternatives=1
    )
    for layer in itertools.chain(*explanation.layers.values()):
        assert torch.tensor(layer.weights).sum(-1).sub(1).abs().max() < 1e-3
    return explanation


def test_what_a_model_does_not_have_is_left_out(translator):
    decoding = force_decode(translator, SENTENCE, TARGET)
    for path in [path for path in decoding.attention.calls if "cross" not in path]:
        del decoding.attention.calls[path]
    assert [*explain_translation(translator, decoding, 1).layers] == ["cross"]
    decoding.attention.calls.clear()
    explanation = explain_translation(translator, decoding, 1)
    assert explanation.layers == {}
    assert len(explanation.choices) == len(explanation.target.tokens)
