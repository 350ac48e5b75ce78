"""Several segmentations of a source against the mean of what each of them gives alone."""

import pytest
import torch

from mt.errors import ConfigError
from mt.text.sampling import UnigramSampler
from mt.text.tokenizer import END, START, TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers
from mt.translation import load_translator
from mt.translation.config import BeamConfig, GreedyConfig, SamplingConfig, TranslationConfig
from mt.translation.engines.ensemble import Ensemble
from mt.translation.engines.segmentations import RandomCuts, SegmentationEnsemble
from mt.translation.engines.torch import TorchEngine
from tests import models, tiny
from tests.golden.test_frozen_bundle import BUNDLE

CPU = torch.device("cpu")
SOURCES = [source[:-1] for source in models.SOURCES]
WAYS = {
    (5, 9, 4, 16): [(5, 9, 4, 16), (5, 9, 6, 7, 16), (8, 16)],
    (7,): [(7,), (5, 6), (4, 4, 4)],
    (11, 6, 13): [(11, 6, 13), (11, 6, 13), (12, 13)],
}


def cut(source):
    return WAYS[tuple(source)]


@pytest.mark.parametrize("config", [models.transformer(), models.recurrent()])
def test_the_mean_of_the_probabilities_of_each_way(config):
    several = [models.build(config, seed) for seed in (1, 2)]
    target = torch.tensor([[START, 9, 8]])
    for source in SOURCES:
        scorer = SegmentationEnsemble(Ensemble(several), cut)
        read = torch.tensor([[*source, END]])
        with torch.no_grad():
            each = [
                one.output(one(torch.tensor([[*way, END]]), target)).softmax(dim=-1)
                for one in several for way in cut(source)
            ]  # fmt: skip
            found, state, steps = scorer.read(read, target).exp(), scorer.start(read, 1), []
            for token in (START, 9, 8):
                logits, state = scorer.step(torch.tensor([token]), state)
                steps.append(logits.exp())
        expected = (sum(each) / len(each)).float()
        torch.testing.assert_close(found.float(), expected, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(
            torch.stack(steps, dim=1).float(), expected, atol=1e-6, rtol=1e-5
        )


@pytest.mark.parametrize("search", [GreedyConfig(), BeamConfig(size=3), SamplingConfig(size=3)])
def test_search_finds_what_forced_decoding_scores_in_any_company(search):
    engine = TorchEngine(models.build(models.transformer()), CPU, cut=cut)
    together = engine.submit(SOURCES, search, best=3)()
    for source, pool in zip(SOURCES, together, strict=True):
        [single] = engine.submit([source], search, best=3)()
        assert [each.tokens for each in single] == [each.tokens for each in pool]
        ended = [each for each in pool if len(each.tokens) < search.longest(len(source))]
        scored = engine.score([source] * len(ended), [each.tokens for each in ended])
        totals = [each.log_probability for each in ended]
        assert [sum(values) for values in scored] == pytest.approx(totals, abs=1e-4)
    alone = TorchEngine(models.build(models.transformer()), CPU).submit(SOURCES, search, best=3)()
    assert [pool[0].log_probability for pool in alone] != [
        pool[0].log_probability for pool in together
    ]


@pytest.fixture(scope="module")
def tokenizer():
    return load_translator(BUNDLE, "cpu", engine="ctranslate2").tokenizers.source


def test_cuts_write_the_same_text_and_depend_on_it_alone(tokenizer):
    cuts = RandomCuts(tokenizer, UnigramSampler(tokenizer, 0.01), 6, 256)
    different = 0
    for source in tokenizer.encode(["kabe godi safo", "deme 12 ü peku", "lome"]):
        found = [list(each) for each in cuts(source)]
        assert len(found) == 6
        assert found[0] == source
        assert len(set(tokenizer.decode(found))) == 1
        assert [list(each) for each in cuts(source)] == found
        different += len(set(map(tuple, found)))
    assert different > 9
    short = RandomCuts(tokenizer, UnigramSampler(tokenizer, 0.01), 6, 4)
    [source] = tokenizer.encode(["lome"])
    assert all(each == source or len(each) < 4 for each in short(source))


def test_a_tag_stays_in_front(tmp_path):
    lines = ["abab ab ba", "aab abb bab", "abba baba ab"] * 40
    pairs = zip(lines, lines, strict=True)
    tokenizer = train_tokenizers(TokenizerConfig(size=271), pairs, 1, tmp_path, ["<2b>"]).source
    [source] = tokenizer.encode(["<2b> abab abba"])
    found = RandomCuts(tokenizer, UnigramSampler(tokenizer, 0.01), 8, 256)(source)
    assert {each[0] for each in found} == set(tokenizer.tag_tokens)
    assert len(set(map(tuple, found))) > 1
    assert {len(set(tokenizer.tag_tokens) & set(each[1:])) for each in found} == {0}


@pytest.mark.slow
def test_a_model_trained_so_is_asked_by_one_key(tmp_path, monkeypatch):
    recipe = tiny.recipe_of(corpus := tiny.write_corpus(tmp_path))
    sampling = {"kind": "unigram_sampling", "alpha": 0.3}
    recipe["data"]["augmentation"] = {"subword_regularization": sampling}
    monkeypatch.setattr(tiny, "recipe_of", lambda _: recipe)
    bundle = tiny.write_untrained(corpus)
    lines = (corpus / "test.src").read_text(encoding="utf-8").splitlines()
    several = load_translator(bundle, "cpu", overrides=["segmentations=4"])
    assert isinstance(several.engine, TorchEngine)
    usual = load_translator(bundle, "cpu", engine="torch")
    found, before = (list(each.translate(lines)) for each in (several, usual))
    assert len(found) == len(lines)
    assert [each.score for each in found] != [each.score for each in before]
    with pytest.raises(ConfigError, match="it reads a source in one way"):
        load_translator(bundle, "cpu", engine="ctranslate2", overrides=["segmentations=2"])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="expected a model trained with subword regularization"):
        load_translator(BUNDLE, "cpu", overrides=["segmentations=2"])
    with pytest.raises(ConfigError, match="expected 1 with a coverage penalty, but found 2"):
        search = {"kind": "beam", "coverage_penalty": 0.1}
        TranslationConfig.parse({"segmentations": 2, "search": search}, where="x")
