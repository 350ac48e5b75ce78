import math

import pytest
import torch
from rich.console import Console

from mt.config import apply_overrides
from mt.data.mixture import prepare
from mt.text.tokenizer_training import train_tokenizers
from mt.training import run as module
from mt.training.objective import Objective
from mt.training.recipe import RecipeConfig
from mt.training.run import train
from mt.training.world import SingleProcess
from tests.tiny import recipe_of, write_corpus


@pytest.fixture(scope="session")
def values(tmp_path_factory):
    """Plain values of a recipe whose corpus exists."""
    return recipe_of(write_corpus(tmp_path_factory.mktemp("corpus")))


@pytest.fixture(scope="session")
def recipe(values):
    return RecipeConfig.parse(values, where="tiny")


@pytest.fixture(scope="session")
def tokenizers(recipe, tmp_path_factory):
    [corpus] = recipe.data.train
    directory = tmp_path_factory.mktemp("tokenizers")
    return train_tokenizers(recipe.tokenizer, corpus.pairs(), 1, directory)


@pytest.fixture(scope="session")
def store(recipe, tokenizers, tmp_path_factory):
    directory = tmp_path_factory.mktemp("store")
    return prepare(recipe.data.train, tokenizers, directory, recipe.data.train_selections())


@pytest.fixture
def fit(values, tmp_path, monkeypatch):
    """Train with some values changed, without drawing and TensorBoard, which take a second."""
    monkeypatch.setattr(module, "write_card", lambda *_: None)
    monkeypatch.setattr("mt.training.listeners.importlib.util.find_spec", lambda _: None)

    def fit(*overrides, resume=False, run="run"):
        recipe = RecipeConfig.parse(apply_overrides(values, overrides), where="tiny")
        console = Console(stderr=True)
        return train(recipe, tmp_path / run, resume, torch.device("cpu"), console, SingleProcess())

    return fit


@pytest.fixture
def diverge(monkeypatch):
    """Make the loss of some batches not a number; return a function that mends it."""

    def diverge(bad):
        calls = iter(range(1, 1000))

        class Diverging(Objective):
            def __call__(self, model, batch):
                loss = super().__call__(model, batch)
                factor = math.nan if next(calls) in bad else 1
                return loss._replace(smoothed=loss.smoothed * factor)

        monkeypatch.setattr(module, "Objective", Diverging)
        return lambda: monkeypatch.setattr(module, "Objective", Objective)

    return diverge
