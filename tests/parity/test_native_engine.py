"""The native engine beside that of torch and CTranslate2: the same model, the same translations."""

import json
import subprocess
import sys
import threading

import pytest
import torch

from mt.errors import BundleError, ConfigError
from mt.text.tokenizer import END, START
from mt.translation.config import BeamConfig, DiverseBeamConfig, GreedyConfig, SamplingConfig
from mt.translation.contract import NEVER
from mt.translation.engines.native.engine import NativeEngine, make_translator
from mt.translation.engines.native.library import _check
from mt.translation.engines.torch import TorchEngine
from mt.translation.engines.weights import StoredTransformer
from tests.engines import skip_without
from tests.parity.test_ctranslate2 import (
    KINDS,
    LONGEST,
    SIZES,
    SOURCE,
    TARGET,
    build,
    sentences,
    weights_of,
)
from tests.parity.test_ctranslate2 import load as load_ctranslate2

KINDS = {
    name: choices
    for name, choices in KINDS.items()
    if choices.get("positions", {}).get("kind") not in {"shaw", "t5", "alibi"}
} | {
    "bilinear": {
        "self_attention": {"score": {"kind": "bilinear"}},
        "cross_attention": {"score": {"kind": "bilinear"}},
    },
    "wide heads": {"dim": 80, "heads": 2, "feed_forward": 200},
}
SEARCHES = {
    "greedy": GreedyConfig(),
    "beam": BeamConfig(size=4),
    "wide": BeamConfig(size=9, length_penalty=0),
    "gnmt": BeamConfig(size=3, length_norm="gnmt", length_penalty=2),
    "lengths": BeamConfig(size=3, min_length_ratio=1, max_length_ratio=1.5),
    "no token twice": GreedyConfig(no_repeat_ngram=1),
    "no pair twice": BeamConfig(size=3, no_repeat_ngram=2),
}


@pytest.fixture(autouse=True)
def _has_it():
    skip_without("native")


def load(config, model, integers=False, shortlist=None):
    stored = StoredTransformer(config, weights_of(model), (SOURCE, TARGET), LONGEST, "test")
    translator = make_translator(stored, integers=integers)
    if shortlist is not None:
        translator.use_shortlist(shortlist, SOURCE, TARGET)
    return NativeEngine(translator, 2)


def torch_engine(model):
    return TorchEngine(model, torch.device("cpu"))


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_those_of_torch(kind):
    config, model = build(**KINDS[kind])
    sources, targets = sentences(8), sentences(8, longest=60)[::-1]
    sources, targets = [*sources, [7]], [*targets, []]
    expected = torch_engine(model).score(sources, targets)
    found = load(config, model).score(sources, targets)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=2e-5)


@pytest.mark.parametrize(
    ("kind", "search"),
    [*((kind, "beam") for kind in KINDS), *(("plain", search) for search in SEARCHES)],
)
def test_hypotheses_are_those_of_torch(kind, search):
    config, model = build(**KINDS[kind])
    model.output.weight.data[END] *= 1.5 if config.tie == "none" else 1  # some end early
    sources, search = sentences(30), SEARCHES[search]
    expected = torch_engine(model).submit(sources, search, best=3)()
    found = load(config, model).submit(sources, search, best=3)()
    for pool, known in zip(found, expected, strict=True):
        assert [each.tokens for each in pool] == [each.tokens for each in known]
        for each, other in zip(pool, known, strict=True):
            # Up to a hundred float32 logarithms, each below 10.
            assert each.log_probability == pytest.approx(other.log_probability, abs=2e-4)
            assert each.score == pytest.approx(other.score, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_marks_are_never_written_and_nothing_is_empty(search):
    config, model = build(output_bias=True)
    model.output.bias.data[sorted(NEVER)] = 60.0
    model.output.bias.data[END] = 50.0
    sources, search = sentences(20), SEARCHES[search]
    expected = torch_engine(model).submit(sources, search)()
    found = load(config, model).submit(sources, search)()
    assert [pool[0].tokens for pool in found] == [pool[0].tokens for pool in expected]
    assert all(NEVER.isdisjoint(pool[0].tokens) for pool in found)
    assert all(len(pool[0].tokens) == 1 for pool in found)


def test_an_engine_that_nobody_holds_ends_its_threads():
    others = set(threading.enumerate())
    config, model = build()
    engine = load(config, model)
    engine.submit(sentences(20), GreedyConfig())()
    threads = set(threading.enumerate()) - others
    assert len(threads) == 2
    del engine
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_company_changes_no_bit(integers, search):
    config, model = build()
    engine = load(config, model, integers)
    batch, search = sentences(40), SEARCHES[search]
    together = engine.submit(batch, search, best=3)()
    assert together == [engine.submit([source], search, best=3)()[0] for source in batch]
    assert together[::-1] == engine.submit(batch[::-1], search, best=3)()


def test_integers_are_as_near_as_those_of_ctranslate2():
    config, model = build(dim=128, feed_forward=256)
    sources, targets = sentences(60), sentences(60, longest=20)[::-1]
    exact = torch.tensor([sum(each) for each in torch_engine(model).score(sources, targets)])

    def error(engine):
        sums = torch.tensor([sum(each) for each in engine.score(sources, targets)])
        return (sums - exact).square().mean().sqrt().item()

    ours, theirs = (
        error(load(config, model, integers=True)),
        error(load_ctranslate2(config, model, "int8")),
    )
    assert 0 < ours < 1.1 * theirs


ALWAYS = [9, 17]
ALLOWED = {token: [4 + (5 * token + k) % 44 for k in range(3)] for token in range(4, SIZES[0])}


def shortlist():
    lines = ["\t" + " ".join(TARGET[token] for token in ALWAYS), "unheard\tof"]
    for token, some in ALLOWED.items():
        lines.append(f"{SOURCE[token]}\t{' '.join(TARGET[each] for each in some)}")
    return "".join(f"{line}\n" for line in lines).encode()


def test_a_shortlist_leaves_its_candidates_alone():
    config, model = build(tie="none")
    engine, sources = load(config, model, shortlist=shortlist()), sentences(12)
    for source, [found] in zip(sources, engine.submit(sources, GreedyConfig())(), strict=True):
        candidates = sorted({END, *ALWAYS, *(k for token in source for k in ALLOWED[token])})
        tokens, total = [], 0.0
        while len(tokens) < GreedyConfig().longest(len(source)):
            states = model(torch.tensor([[*source, END]]), torch.tensor([[START, *tokens]]))
            row = model.output(states)[0, -1, candidates].log_softmax(dim=0)
            if not tokens:
                row[candidates.index(END)] = -torch.inf
            best = int(row.argmax())
            total += row[best].item()
            tokens.append(candidates[best])
            if tokens[-1] == END:
                break
        assert found.tokens == tuple(token for token in tokens if token != END)
        if tokens[-1] == END:
            assert found.log_probability == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize(
    "search", [BeamConfig(coverage_penalty=0.1), DiverseBeamConfig(), SamplingConfig()]
)
def test_searches_of_torch_alone_are_refused(search):
    config, model = build()
    with pytest.raises(ConfigError, match=f"{search.torch_only}; choose the torch engine"):
        load(config, model).submit(sentences(1), search)


def test_no_sentences():
    engine = load(*build())
    assert engine.submit([], GreedyConfig())() == []
    assert engine.score([], []) == []


def test_a_shortlist_that_allows_nothing_is_not_used():
    config, model = build()
    empty = f"\t{TARGET[END]} {TARGET[START]}\n".encode()
    free, found = (
        load(config, model, shortlist=given).submit(sentences(9), SEARCHES["beam"])()
        for given in (None, empty)
    )
    assert found == free


@pytest.mark.parametrize("integers", [False, True])
def test_weights_that_are_no_numbers_are_refused(integers):
    config, model = build()
    model.output.weight.data[7, 5] = torch.nan
    with pytest.raises(BundleError, match=r"test: expected weights that are finite.*embeddings"):
        load(config, model, integers)


def test_memory_that_is_refused_is_an_error():
    with pytest.raises(MemoryError, match="translation: expected more memory"):
        _check(False)


OTHER = """
import sys
from mt.native import compiler
compiler._COMPILE = tuple(sys.argv[1] if each.startswith("-march") else each
                          for each in compiler._COMPILE)
from tests.parity.test_native_engine import *
print(json.dumps(some_results()))
"""


def some_results():
    config, model = build()
    engine = load(config, model, integers=True, shortlist=shortlist())
    pools = engine.submit(sentences(8), SEARCHES["beam"])()
    return engine.score(sentences(8), sentences(8)[::-1]), [pool[0].tokens for pool in pools]


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["x86-64", "haswell"])
def test_other_processors_compute_the_same(machine, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    given = [sys.executable, "-c", OTHER, f"-march={machine}"]
    done = subprocess.run(given, capture_output=True, text=True, check=True)
    scores, tokens = json.loads(done.stdout)
    expected, wanted = some_results()
    assert [*map(tuple, tokens)] == wanted
    for row, other in zip(scores, expected, strict=True):
        assert row == pytest.approx(other, abs=2e-5)
