"""The engine of CTranslate2 beside that of torch: the same model gives the same translations."""

import os
import random
import subprocess
import sys
from pathlib import Path

import ctranslate2
import pytest
import torch

from mt.errors import BundleError, ConfigError
from mt.model.config import parse_model
from mt.text.tokenizer import END, START
from mt.translation.config import (
    BeamConfig,
    DiverseBeamConfig,
    GreedyConfig,
    SamplingConfig,
    longest_translation,
)
from mt.translation.contract import NEVER
from mt.translation.engines.ctranslate2 import environment
from mt.translation.engines.ctranslate2.conversion import convert, inexpressible
from mt.translation.engines.ctranslate2.engine import CTranslate2Engine
from mt.translation.engines.torch import TorchEngine
from mt.translation.engines.weights import Variable
from tests.golden.test_frozen_bundle import BUNDLE

SIZES = 40, 48
SOURCE, TARGET = (
    ("<pad>", "<unk>", "<s>", "</s>", *(f"{side}{number}" for number in range(size - 4)))
    for side, size in zip("st", SIZES, strict=True)
)
LONGEST = longest_translation(40)
KINDS = {
    "plain": {},
    "post-norm, unequal depths": {"norm": "post", "encoder_layers": 3, "decoder_layers": 1},
    "gelu": {"activation": "gelu"},
    "silu, output bias": {"activation": "silu", "output_bias": True},
    "swiglu": {"activation": "swiglu"},
    "three tables": {"tie": "none"},
    "learned, too few": {"positions": {"kind": "learned", "longest": 8}},
    "no positions": {"positions": {"kind": "none"}},
    "rotary": {"positions": {"kind": "rotary"}},
    "shaw": {"positions": {"kind": "shaw", "longest": 4}},
    "t5": {"positions": {"kind": "t5", "buckets": 8, "longest": 9}},
    "alibi": {"positions": {"kind": "alibi"}},
    "rotary, dot": {
        "positions": {"kind": "rotary"},
        "self_attention": {"score": {"kind": "dot"}},
        "cross_attention": {"score": {"kind": "dot"}},
    },
    "t5, bilinear": {
        "positions": {"kind": "t5"},
        "self_attention": {"score": {"kind": "bilinear"}},
        "cross_attention": {"score": {"kind": "bilinear"}},
    },
    "odd dim": {"dim": 27, "heads": 3},
}


def build(**choices):
    """Return a config and a model with weights far from their initial ones."""
    sizes = {"dim": 32, "heads": 4, "encoder_layers": 2, "decoder_layers": 2, "feed_forward": 48}
    config = parse_model({"kind": "transformer", "tie": "two_way"} | sizes | choices, "test")
    assert inexpressible(config) is None
    torch.manual_seed(1)
    model = config.build(*SIZES).eval()
    for weight in model.parameters():
        weight.data.add_(0.1 * torch.randn_like(weight))
    return config, model


def weights_of(model):
    return {
        name: Variable("f", tuple(weight.shape), memoryview(weight.detach().numpy().tobytes()))
        for name, weight in model.named_parameters()
    }


def load(config, model, compute="float32"):
    files = convert(config, weights_of(model), (SOURCE, TARGET), LONGEST, "test")
    translator = ctranslate2.Translator(
        "test", files=files, compute_type=compute, inter_threads=2, intra_threads=1
    )
    return CTranslate2Engine(translator, (SOURCE, TARGET))


def sentences(count, longest=25):
    draw = random.Random(3)
    return [
        [draw.randrange(4, SIZES[0]) for _ in range(draw.randint(1, longest))] for _ in range(count)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_and_greedy_translations_are_those_of_torch(kind):
    config, model = build(**KINDS[kind])
    engine = load(config, model)
    sources, targets = sentences(6), sentences(6, longest=60)[::-1]
    found = engine.translator.score_batch(
        [[SOURCE[token] for token in source] for source in sources],
        [[TARGET[token] for token in target] for target in targets],
    )
    for source, target, scored in zip(sources, targets, found, strict=True):
        with torch.inference_mode():
            states = model(torch.tensor([[*source, END]]), torch.tensor([[START, *target]]))
            rows = model.output(states)[0].log_softmax(dim=-1)
        expected = rows.gather(1, torch.tensor([[*target, END]]).T)[:, 0].tolist()
        assert scored.log_probs == pytest.approx(expected, abs=2e-5)
    expected = TorchEngine(model, torch.device("cpu")).submit(sources, GreedyConfig())()
    found = engine.submit(sources, GreedyConfig())()
    assert [pool[0].tokens for pool in found] == [pool[0].tokens for pool in expected]


def test_a_sentence_is_translated_alike_alone_and_beside_longer_ones():
    config, model = build()
    model.output.weight.data[3] -= 1.0  # hypotheses hardly ever end
    engine = load(config, model)
    batch = sentences(20)
    together = engine.submit(batch, GreedyConfig())()
    assert any(len(pool[0].tokens) == longest_translation(len(each)) - 1
               for each, pool in zip(batch, together, strict=True))  # fmt: skip
    for source, pool in zip(batch, together, strict=True):
        [alone] = engine.submit([source], GreedyConfig())()
        assert pool[0].tokens == alone[0].tokens
        assert pool[0].score == pytest.approx(alone[0].score, abs=1e-5)


def test_no_translation_holds_a_mark():
    config, model = build(tie="none")
    model.output.weight.data[sorted(NEVER)] = model.output.weight.data[3:4] * 1.5
    found = load(config, model).submit(sentences(20), BeamConfig(size=3), best=3)()
    assert not NEVER.intersection(token for pool in found for each in pool for token in each.tokens)
    expected = TorchEngine(model, torch.device("cpu")).submit(sentences(20), BeamConfig(size=1))()
    assert any(pool[0].tokens for pool in expected)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_occurs_twice(size):
    config, model = build()
    search = GreedyConfig(no_repeat_ngram=size)
    expected = TorchEngine(model, torch.device("cpu")).submit(sentences(20), search)()
    found = load(config, model).submit(sentences(20), search)()
    assert [pool[0].tokens for pool in found] == [pool[0].tokens for pool in expected]
    free = load(config, model).submit(sentences(20), GreedyConfig())()
    assert found != free


def test_lengths_are_within_their_ratios():
    config, model = build()
    sources = sentences(30)
    search = GreedyConfig(min_length_ratio=0.5, max_length_ratio=1.2)
    free = load(config, model).submit(sources, GreedyConfig())()
    found = load(config, model).submit(sources, search)()
    expected = TorchEngine(model, torch.device("cpu")).submit(sources, search)()
    assert [pool[0].tokens for pool in found] == [pool[0].tokens for pool in expected]
    for source, pool in zip(sources, found, strict=True):
        assert max(1, int(len(source) * 0.5)) <= len(pool[0].tokens) <= -(-len(source) * 12 // 10)
    assert [pool[0].tokens for pool in found] != [pool[0].tokens for pool in free]


def test_no_translation_is_empty():
    config, model = build(tie="none")
    model.output.weight.data[3] = model.output.weight.data[4:].mean(dim=0) * 50
    for search in (GreedyConfig(), BeamConfig(size=3)):
        found = load(config, model).submit(sentences(20), search, best=3)()
        assert all(each.tokens for pool in found for each in pool)
    expected = TorchEngine(model, torch.device("cpu")).submit(sentences(20), GreedyConfig())()
    found = load(config, model).submit(sentences(20), GreedyConfig())()
    assert [pool[0].tokens for pool in found] == [pool[0].tokens for pool in expected]


def test_the_length_penalty_of_gnmt_ranks_what_was_found():
    config, model = build(tie="none")
    model.output.weight.data[3] *= 2  # hypotheses end early
    engine, beam = load(config, model), BeamConfig(size=4, length_norm="gnmt", length_penalty=0.2)
    found = engine.submit(sentences(20), beam, best=4)()
    plain = engine.submit(sentences(20), BeamConfig(size=4), best=4)()
    changed = 0
    for pool, known in zip(found, plain, strict=True):
        expected = {
            each.tokens: each.log_probability * ((5 + len(each.tokens) + 1) / 6) ** -0.2
            for each in known
        }
        assert {each.tokens: each.score for each in pool} == pytest.approx(expected)
        assert pool == sorted(pool, key=lambda each: -each.score)
        changed += pool[0].tokens != known[0].tokens
    assert changed


def test_its_coverage_penalty_is_that_of_torch_for_a_sentence_alone():
    # Version 4.8.5 takes the attention of one sentence of a batch for that of all.
    config, model = build(heads=1, tie="none")  # it reads the first head, torch the mean of all
    model.output.weight.data[3] *= 2  # hypotheses end early
    theirs, ours = load(config, model).translator, TorchEngine(model, torch.device("cpu"))
    beam = BeamConfig(size=4, coverage_penalty=0.8, length_penalty=0.5)
    alike = 0
    for source in sentences(20):
        [result] = theirs.translate_batch(
            [[SOURCE[token] for token in source]],
            beam_size=4, num_hypotheses=4, length_penalty=0.5, coverage_penalty=0.8,
            max_decoding_length=100, min_decoding_length=0, return_scores=True,
        )  # fmt: skip
        known = dict(zip(map(tuple, result.hypotheses), result.scores, strict=True))
        for each in ours.submit([source], beam, best=4)()[0]:
            tokens = tuple(TARGET[token] for token in each.tokens)
            if tokens in known:  # the two stop at slightly different moments
                alike += 1
                assert each.score == pytest.approx(known[tokens], abs=1e-4)
    assert alike > 30


@pytest.mark.parametrize(
    "search",
    [BeamConfig(coverage_penalty=0.1), DiverseBeamConfig(), SamplingConfig()],
)
def test_searches_of_torch_alone_are_refused(search):
    config, model = build()
    with pytest.raises(ConfigError, match=f"{search.torch_only}; choose the torch engine"):
        load(config, model).submit(sentences(1), search)


def test_no_sentences():
    assert load(*build()).submit([], GreedyConfig())() == []


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_weights_of_another_model_are_refused_by_name(change):
    config, model = build()
    weights, name = weights_of(model), "encoder.1.feed_forward.linear2.bias"
    if change == "missing":
        del weights[name]
    elif change == "unknown":
        name = "encoder.2.norm.weight"
        weights[name] = weights["encoder_norm.weight"]
    else:
        weights[name] = weights[name].rows(0, 31)
    with pytest.raises(BundleError, match=f"x: expected the weights .* differ in {name};"):
        convert(config, weights, (SOURCE, TARGET), LONGEST, "x")


def test_what_it_cannot_compute_is_named():
    def reason(**choices):
        return inexpressible(parse_model({"kind": "transformer"} | choices, "test"))

    assert reason(cross_attention={"score": {"kind": "additive"}}) == (
        "the additive score of cross-attention"
    )
    assert reason(self_attention={"scope": {"kind": "window"}}) == (
        "the window scope of self-attention"
    )
    assert inexpressible(parse_model({"kind": "recurrent"}, "test")) == "recurrent layers"


@pytest.mark.parametrize(
    ("more", "given", "told"),
    [([], None, None), (["avx512_vnni"], None, "AVX512"), (["avx512_vnni"], "AVX2", "AVX2")],
)
def test_the_environment_tells_what_the_processor_has_for_a_moment(monkeypatch, more, given, told):
    flags = {"fma", "avx512f", "avx512cd", "avx512dq", "avx512bw", "avx512vl", *more}
    monkeypatch.setattr(environment, "processor_flags", lambda: flags)
    monkeypatch.delenv("CT2_FORCE_CPU_ISA", raising=False)
    if given:
        monkeypatch.setenv("CT2_FORCE_CPU_ISA", given)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    before = dict(os.environ)
    with environment.fast_environment():
        assert os.environ.get("CT2_FORCE_CPU_ISA") == told
        assert "MKL_NUM_THREADS" not in os.environ
    assert dict(os.environ) == before


COUNT = """
import os, sys
from pathlib import Path
from mt.translation import load_translator
translator = load_translator(Path(sys.argv[1]), "cpu", engine="ctranslate2")
translator.translate_all([f"A man rides {number} bicycles." for number in range(50)])
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are listed in /proc")
def test_a_replica_is_one_thread_whatever_mkl_is_told():
    counts = [
        subprocess.run(
            [sys.executable, "-c", COUNT, str(BUNDLE)],
            env={**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": threads},
            capture_output=True, text=True, check=True,
        ).stdout
        for threads in ("1", "4")
    ]  # fmt: skip
    assert counts[0] == counts[1]
