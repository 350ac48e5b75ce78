"""The penalties of Wu et al. (2016), equation 14."""

import math

import pytest
import torch

from mt.errors import ConfigError
from mt.inspection.recorder import record_attention
from mt.text.tokenizer import END, START
from mt.translation.config import BeamConfig, DiverseBeamConfig
from mt.translation.engines.torch import TorchEngine
from mt.translation.search import Limits, beam_search
from tests import models
from tests.unit.translation.test_search import (
    CPU,
    NAMES,
    PERMITTED,
    WORDS,
    Table,
    brute_force,
    normalised,
)

SOURCES = [source[:-1] for source in models.SOURCES]
BETA = 0.4
KINDS = {
    "transformer": models.transformer(),
    "luong": models.recurrent(),
    "bahdanau": models.recurrent(attention_query="previous_state"),
}


def by_the_paper(engine, source, target):
    """Compute cp(X; Y) from the attention of one pass over the pair."""
    with torch.no_grad(), record_attention(engine.model, ["cross"]) as record:
        engine.model(torch.tensor([[*source, END]]), torch.tensor([[START, *target]]))
    weights = record.cross[-1].weights[0].mean(dim=0).tolist()
    return BETA * sum(math.log(min(sum(paid), 1.0)) for paid in zip(*weights, strict=True))


@pytest.mark.parametrize("config", [BeamConfig(size=1), BeamConfig(), DiverseBeamConfig(size=4)])
@pytest.mark.parametrize("kind", KINDS)
def test_hypotheses_are_ranked_with_their_coverage(kind, config):
    engine = TorchEngine(models.build(KINDS[kind]), CPU)
    config = config.model_copy(update={"coverage_penalty": BETA, "length_norm": "gnmt"})
    plain = config.model_copy(update={"coverage_penalty": 0.0})
    found = engine.submit(SOURCES, config, 9)()
    for source, pool, known in zip(SOURCES, found, engine.submit(SOURCES, plain, 9)(), strict=True):
        assert {each.tokens for each in pool} == {each.tokens for each in known}
        assert [each.score for each in pool] == sorted((e.score for e in pool), reverse=True)
        for each in pool:
            added = by_the_paper(engine, source, each.tokens)
            assert each.coverage == pytest.approx(added, abs=1e-5)
            length = len(each.tokens) + 1
            normalised = each.log_probability / ((5 + length) / 6)
            assert each.score == pytest.approx(normalised + added, abs=1e-5)
        forced = engine.coverage([source] * len(pool), [each.tokens for each in pool], config)
        assert forced == pytest.approx([each.coverage for each in pool], abs=1e-5)


def test_a_wide_beam_finds_the_best_covering_of_all():
    def added(tokens):
        return -0.7 * len({4, 5} - set(tokens))

    def coverage(state):
        return torch.tensor([added(row) for row in state.rows])

    names, length, table = NAMES[:6], 4, Table()
    width = sum(len(WORDS) ** words for words in range(length))  # every sequence there is
    limits = Limits(START, END, (length,) * len(names))
    pools = beam_search(
        table, table.start(names, width), limits, CPU, width, PERMITTED, normalised(1), coverage
    )
    changed = 0
    for name, pool in zip(names, pools, strict=True):
        known = brute_force(name, length, 1.0)
        expected = sorted(known, key=lambda each: -each.score - added(each.tokens))
        assert [each.tokens for each in pool] == [each.tokens for each in expected]
        changed += expected[0] != known[0]
    assert changed


def test_models_together_share_their_attention():
    config = BeamConfig(size=3, coverage_penalty=BETA)
    [alone] = TorchEngine(models.build(models.transformer()), CPU).submit(SOURCES[:1], config, 3)()
    model, twin = (models.build(models.transformer()) for _ in range(2))
    [together] = TorchEngine(model, CPU, [twin]).submit(SOURCES[:1], config, 3)()
    assert [each.tokens for each in together] == [each.tokens for each in alone]
    assert [each.coverage for each in together] == pytest.approx([each.coverage for each in alone])


def test_a_model_without_attention_is_refused():
    engine = TorchEngine(models.build(models.recurrent(attention=None)), CPU)
    with pytest.raises(ConfigError, match="this one has no attention; leave it at 0"):
        engine.submit(SOURCES, BeamConfig(coverage_penalty=BETA))()


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("length", [1, 7, 40])
def test_the_length_penalty_of_the_paper(alpha, length):
    config = BeamConfig(length_penalty=alpha, length_norm="gnmt")
    assert config.score(-3.0, length) == pytest.approx(-3.0 * 6**alpha / (5 + length) ** alpha)
