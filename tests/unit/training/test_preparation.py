"""What a run trains on, where its pairs are changed on the fly."""

from itertools import count

import pytest

from mt.data.augmentation.config import AugmentationConfig
from mt.training.preparation import prepare_run


@pytest.fixture
def prepare(recipe, tmp_path):
    """Prepare runs that share a store, with an augmentation each."""
    runs = count()

    def prepare(tag=None, validation=recipe.data.validation, **augmentation):
        train = tuple(corpus.model_copy(update={"tag": tag}) for corpus in recipe.data.train)
        values = {
            "train": train,
            "validation": validation,
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


def test_pairs_are_scored_that_count_for_the_loss(prepare, recipe, tmp_path):
    """A pair that is too long, which a model would take minutes for, is left out of both."""
    [corpus] = recipe.data.validation
    texts = {}
    for side, long in (("source", "a" * 5000), ("target", "b")):
        lines = getattr(corpus, side).read_text(encoding="utf-8").splitlines()
        texts[side] = [lines[0], long, *lines[1:]]
        (tmp_path / side).write_text("\n".join(texts[side]) + "\n", encoding="utf-8")
    long = {side: tmp_path / side for side in texts}
    prepared = prepare(validation=(corpus.model_copy(update=long),))
    [found] = prepared.validation_sets
    assert len(found.store) == len(found.pairs) == len(texts["source"]) - 1
    assert [pair.source for pair in found.pairs] == [texts["source"][0], *texts["source"][2:]]


def test_a_tokenizer_learns_capitals_and_no_piece_of_a_tag(prepare):
    tokenizer = prepare("<bt>", upper_case=0.5).tokenizers.source
    assert tokenizer.tags == ("<bt>",)
    letters = "".join(tokenizer.scores)
    assert any(map(str.isupper, letters))
    assert not set("<>") & set(letters)
