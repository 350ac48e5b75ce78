import pytest

from mt.data.mixture import prepare
from mt.text.tokenizer_training import train_tokenizers
from mt.training.recipe import RecipeConfig
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
