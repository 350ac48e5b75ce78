"""What a run trains on, where its pairs are changed on the fly."""

from itertools import count

import pytest

from mt.data.augmentation.config import AugmentationConfig
from mt.training.preparation import prepare_run


@pytest.fixture
def prepare(recipe, tmp_path):
    """Prepare runs that share a store, with an augmentation each."""
    runs = count()

    def prepare(tag=None, **augmentation):
        train = tuple(corpus.model_copy(update={"tag": tag}) for corpus in recipe.data.train)
        values = {
            "train": train,
            "store": tmp_path / "store",
            "augmentation": AugmentationConfig(**augmentation),
        }
        data = recipe.data.model_copy(update=values)
        return prepare_run(data, recipe.tokenizer, 200, recipe.seed, tmp_path / f"{next(runs)}")

    return prepare


def test_pairs_are_encoded_once_however_they_are_changed_later(prepare):
    plain, noisy = prepare(), prepare(typos=1.0, end_marks=1.0, word_dropout=0.5)
    assert noisy.training.reused
    assert noisy.validation.reused
    assert noisy.training.fingerprint == plain.training.fingerprint
    assert noisy.validation_pairs == plain.validation_pairs


def test_a_tokenizer_learns_capitals_and_no_piece_of_a_tag(prepare):
    tokenizer = prepare("<bt>", upper_case=0.5).tokenizers.source
    assert tokenizer.tags == ("<bt>",)
    letters = "".join(tokenizer.scores)
    assert any(map(str.isupper, letters))
    assert not set("<>") & set(letters)
