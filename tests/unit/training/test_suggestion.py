"""Suggested recipes are valid, and the one for Multi30k is the one that was measured."""

from pathlib import Path

import pytest

from mt.config import load
from mt.data.corpora import PlainTextConfig
from mt.training.recipe import RecipeConfig
from mt.training.suggestion import Machine, suggest, write_recipe

ROOT = Path(__file__).parents[3]
CORES, ACCELERATOR = Machine(2, accelerator=False), Machine(8, accelerator=True)


@pytest.mark.parametrize("machine", [CORES, ACCELERATOR])
@pytest.mark.parametrize("pairs", [10, 5000, 29_000, 160_000, 2_000_000, 90_000_000])
def test_every_suggestion_is_a_recipe(pairs, machine, tmp_path):
    corpus = PlainTextConfig(source="a b: #.en", target="'ü'.de")
    path = tmp_path / "recipe.yaml"
    path.write_text(write_recipe(suggest(pairs, 12, machine), ("no", "de"), [corpus], []), "utf-8")
    recipe = load(RecipeConfig, path)
    assert recipe.data.source == "no"
    assert recipe.data.train == (corpus,)
    assert recipe.training.schedule.warmup < recipe.training.updates


def test_a_corpus_like_multi30k_gets_the_recipe_that_was_measured():
    known = load(RecipeConfig, ROOT / "configs" / "multi30k-en-de.yaml")
    suggestion = suggest(29_000, 11.9, CORES)
    values = suggestion.values()
    assert values["model"].items() <= known.model.model_dump().items()
    assert values["tokenizer"]["size"] == known.tokenizer.size
    assert values["training"]["optimizer"].items() <= known.training.optimizer.model_dump().items()
    assert values["training"]["batch_tokens"] == known.training.batch_tokens
    assert values["training"]["updates"] == pytest.approx(known.training.updates, rel=0.05)


def test_larger_corpora_get_larger_models_and_a_gpu_no_smaller_ones():
    sizes = [[suggest(10**power, 12, machine).sizes for power in range(3, 9)]
             for machine in (CORES, ACCELERATOR)]  # fmt: skip
    for column in sizes:
        assert [each.dim for each in column] == sorted(each.dim for each in column)
    assert all(gpu.dim >= cpu.dim for cpu, gpu in zip(*sizes, strict=True))


def test_a_vocabulary_that_the_text_cannot_fill_is_not_suggested():
    assert suggest(2000, 9, CORES, [(1000, 14.0), (8000, 9.0)]).vocabulary == 1000
    assert suggest(5_000_000, 9, ACCELERATOR, [(1000, 14.0)]).vocabulary == 32_000
