"""Sampling against the probabilities it draws from, ensembles against their mean."""

import bisect
import hashlib
import itertools
import json
import math
import random
import shutil
from collections import Counter

import pytest
import torch

from mt.errors import BundleError, ConfigError
from mt.model.config import TransformerConfig
from mt.text.tokenizer import END, START
from mt.translation.config import (
    BeamConfig,
    GreedyConfig,
    SamplingConfig,
    TranslationConfig,
)
from mt.translation.engines.ensemble import Ensemble
from mt.translation.engines.torch import TorchEngine
from mt.translation.loading import load_translator
from mt.translation.search.sampling import Sampler
from tests.golden.test_frozen_bundle import BUNDLE

CPU = torch.device("cpu")
SHARES = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05])
DRAWS = 20_000


def model(seed):
    torch.manual_seed(seed)
    config = TransformerConfig(
        dim=16, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=1, tie="none"
    )
    return config.build(60, 60).eval()


GENERATOR = random.Random(1)
SOURCES = [GENERATOR.choices(range(4, 60), k=length) for length in (3, 1, 6, 4, 1, 9)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [0.4, 0.3, 0.15, 0.1, 0.05]),
        ({"top_k": 2}, [4 / 7, 3 / 7, 0, 0, 0]),
        ({"top_p": 0.7}, [4 / 7, 3 / 7, 0, 0, 0]),
        ({"top_p": 0.71}, [40 / 85, 30 / 85, 15 / 85, 0, 0]),
        ({"temperature": 0.5}, [160 / 285, 90 / 285, 22.5 / 285, 10 / 285, 2.5 / 285]),
        ({"top_k": 3, "top_p": 0.5}, [4 / 7, 3 / 7, 0, 0, 0]),
        ({"top_p": 0.01}, [1, 0, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_they_are_probable(asked, expected):
    order = torch.tensor([3, 0, 4, 1, 2])  # of no matter
    sources = [[number] for number in range(DRAWS // 1000)]
    sampler = Sampler.of(SamplingConfig(size=1000, **asked), sources)
    found = sampler(SHARES[order].log().expand(DRAWS, -1) - 3.0)
    counts = Counter(order[found].tolist())
    for token, share in enumerate(expected):
        # Five standard deviations of the binomial distribution.
        assert abs(counts[token] - share * DRAWS) <= 5 * (share * (1 - share) * DRAWS) ** 0.5


def by_hand(log_probabilities, draw, top_k=0, top_p=1.0, temperature=1.0):
    """Return the token that a number draws, and how far the number is from drawing another."""
    weights = [math.exp(value / temperature) for value in log_probabilities]
    tokens = range(len(weights))
    if top_k or top_p < 1:
        tokens = sorted(tokens, key=lambda token: -weights[token])[: top_k or None]
    whole = sum(weights[token] for token in tokens)
    kept, reached = [], 0.0
    for token in tokens:
        if reached < top_p * whole:
            kept.append(token)
        reached += weights[token]
    places = list(itertools.accumulate(weights[token] for token in kept))
    shares = [place / places[-1] for place in places]
    return kept[bisect.bisect_right(shares, draw)], min(abs(share - draw) for share in shares)


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"temperature": 1.7}, {"top_k": 1}, {"top_k": 7}, {"top_k": 2000}, {"top_p": 0.3},
        {"top_p": 0.9}, {"top_p": 0.999}, {"top_k": 40, "top_p": 0.8, "temperature": 0.6},
    ],
)  # fmt: skip
def test_each_number_draws_the_token_of_a_plain_search(asked):
    generator = torch.Generator().manual_seed(1)
    spread = torch.linspace(0.1, 8, 60)[:, None]  # from nearly equal to nearly sure
    rows = (spread * torch.randn(60, 900, generator=generator)).log_softmax(dim=-1)
    rows[:, [0, 5, 899]] = -torch.inf
    drawn = Sampler.of(SamplingConfig(size=60, **asked), [[5]])(rows).tolist()
    again = Sampler.of(SamplingConfig(size=60, **asked), [[5]])
    clear = 0
    for row, token, stream in zip(rows.tolist(), drawn, again._streams, strict=True):
        expected, distance = by_hand(row, stream.random(), **asked)
        clear += distance > 1e-6
        assert token == expected or distance < 1e-6
    assert clear > 50


@pytest.mark.parametrize("asked", [{}, {"top_k": 5}, {"top_p": 0.9}])
@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_what_is_impossible_is_never_drawn(asked, number):
    stream = random.Random(1)
    stream.random = lambda: number
    rows = torch.zeros(3, 700)
    rows[:, :300] = rows[:, -300:] = -torch.inf
    [first, *_] = found = Sampler(SamplingConfig(**asked), [stream] * 3)(rows).tolist()
    assert found == [first] * 3
    assert 300 <= first < 400


@pytest.mark.parametrize("asked", [{}, {"top_k": 5}, {"top_p": 0.9}])
def test_every_row_draws_a_token(asked):
    generator = torch.Generator().manual_seed(1)
    rows = 10 * torch.randn(20, 700, generator=generator)
    cold = Sampler.of(SamplingConfig(size=20, temperature=0.001, **asked), [[5]])(rows)
    assert cold.tolist() == rows.argmax(dim=-1).tolist()
    rows[0], rows[1], rows[2, 7] = torch.nan, -torch.inf, torch.inf
    for temperature in (0.001, 1, 1000):
        config = SamplingConfig(size=20, temperature=temperature, **asked)
        assert all(0 <= token < 700 for token in Sampler.of(config, [[5]])(rows).tolist())


@pytest.mark.parametrize("temperature", [0, 1e-38, 1e39])
def test_temperatures_leave_differences_between_tokens(temperature):
    with pytest.raises(ConfigError, match="temperature"):
        SamplingConfig.parse({"temperature": temperature}, where="search")


def test_a_row_keeps_its_stream():
    config = SamplingConfig(size=3)
    shares = torch.ones(6, 1000).log()
    first, second = (Sampler.of(config, [[5], [6]]) for _ in range(2))
    assert first(shares).tolist() == second(shares).tolist()
    kept = torch.tensor([4, 1])
    assert first.select(kept)(shares[:2]).tolist() == second(shares)[kept].tolist()
    other = Sampler.of(SamplingConfig(size=3, seed=2), [[5], [6]])
    assert other(shares).tolist() != Sampler.of(config, [[5], [6]])(shares).tolist()


def test_samples_do_not_depend_on_their_company():
    engine, config = TorchEngine(model(1).double(), CPU), SamplingConfig(size=4, temperature=0.7)
    together = engine.submit(SOURCES, config, best=4)()
    for source, pool in zip(SOURCES, together, strict=True):
        assert len(pool) == 4
        [alone] = engine.submit([source], config, best=4)()
        assert [each.tokens for each in alone] == [each.tokens for each in pool]
        scored = engine.score([source] * 4, [each.tokens for each in pool])
        totals = [each.log_probability for each in pool]
        ended = [len(each.tokens) < config.longest(len(source)) for each in pool]
        assert [sum(each) for each in scored] == pytest.approx(totals, abs=1e-3)
        assert any(ended)
    assert len({each.tokens for pool in together for each in pool}) > 20


def test_the_engine_without_sampling_refuses_it_and_the_choice_avoids_it():
    fast = load_translator(BUNDLE, "cpu", engine="ctranslate2")
    with pytest.raises(ConfigError, match="expected one that ctranslate2 can.* found sampling"):
        list(fast.translate(["a"], TranslationConfig(search=SamplingConfig())))
    found = load_translator(BUNDLE, "cpu", overrides=["search.kind=sampling"])
    assert isinstance(found.engine, TorchEngine)
    assert found.config.search == SamplingConfig()
    with pytest.raises(ConfigError, match="its samples depend on their neighbours"):
        load_translator(BUNDLE, "cpu", engine="ctranslate2", overrides=["search.kind=sampling"])


def test_an_ensemble_has_the_mean_of_probabilities():
    models = [model(1), model(2)]
    source, target = torch.tensor([[5, 6, END]]), torch.tensor([[START, 9, 8]])
    with torch.no_grad():
        each = [one.output(one(source, target)).softmax(dim=-1) for one in models]
        found = Ensemble(models).read(source, target).exp()
        ensemble, state = Ensemble(models), Ensemble(models).start(source, 1)
        steps = []
        for token in (START, 9, 8):
            logits, state = ensemble.step(torch.tensor([token]), state)
            steps.append(logits.exp())
    assert torch.allclose(found, sum(each) / 2, atol=1e-6)
    assert torch.allclose(torch.stack(steps, dim=1), found, atol=1e-6)


@pytest.mark.parametrize("search", [GreedyConfig(), BeamConfig(size=3)])
def test_an_ensemble_of_one_model_is_that_model(search):
    one = TorchEngine(model(1), CPU).submit(SOURCES, search)()
    twice = TorchEngine(model(1), CPU, [model(1)]).submit(SOURCES, search)()
    assert [pool[0].tokens for pool in one] == [pool[0].tokens for pool in twice]
    both = TorchEngine(model(1), CPU, [model(2)])
    found = both.submit(SOURCES, search)()
    assert [pool[0].tokens for pool in found] != [pool[0].tokens for pool in one]
    scored = both.score(SOURCES, [pool[0].tokens for pool in found])
    totals = [pool[0].log_probability for pool in found]
    assert [sum(each) for each in scored] == pytest.approx(totals, abs=1e-3)


def test_models_of_other_tokenizers_are_no_ensemble(tmp_path, tokenizers):
    shutil.copytree(BUNDLE, tmp_path / "other")
    assert load_translator(BUNDLE, "cpu", ensemble=[tmp_path / "other"]).engine
    with pytest.raises(ConfigError, match="it cannot run several models together"):
        load_translator(BUNDLE, "cpu", engine="ctranslate2", ensemble=[tmp_path / "other"])
    _retokenize(tmp_path / "other", tokenizers)
    with pytest.raises(BundleError, match="other: expected a model of the same tokenizers"):
        load_translator(BUNDLE, "cpu", ensemble=[tmp_path / "other"])


def _retokenize(bundle, tokenizers):
    tokenizers.save(bundle)
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256((bundle / "tokenizer.model").read_bytes()).hexdigest()
    manifest["files"]["tokenizer.model"] = digest
    (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
