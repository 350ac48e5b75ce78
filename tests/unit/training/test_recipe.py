"""What a recipe may say: what cannot work is refused when it is read, where no file is needed."""

import pytest

from mt.config import apply_overrides
from mt.errors import ConfigError
from mt.model.config import RecurrentConfig, TransformerConfig
from mt.training.recipe import RecipeConfig, parse_recipe
from mt.translation.config import BeamConfig


def parse(values, *overrides):
    return RecipeConfig.parse(apply_overrides(values, overrides), where="tiny")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=-1", "`seed`: expected greater than or equal to 0, but found -1 "),
        ("seed=99999999999999999999999", "`seed`: expected less than 9223372036854775808"),
        ("tokenizer.size=1000001", "`tokenizer.size`: expected less than or equal to 1000000"),
        ("tokenizer.sample_lines=99999999999999999999", "`tokenizer.sample_lines`: expected less"),
        ("training.batch_tokens=2147483648", "`training.batch_tokens`: expected less than 21474"),
        ("training.optimizer.learning_rate=.inf", "learning_rate`: expected a finite number"),
        (
            "training.optimizer.betas=[0.9, 0.98, 0.99]",
            "`training.optimizer.betas`: expected at most 2 values, but found 3",
        ),
        ("training.optimizer.learning_rate=0", "learning_rate`: expected greater than 0"),
        (
            "training.updates=9",
            "`training`: schedule.warmup: expected at most the 9 updates of the run, but found 10; "
            "set training.schedule.warmup=0 or so",
        ),
        (
            "training.consistency={kind: rdrop, from_update: 41}",
            "consistency.from_update: expected at most the 40 updates of the run, but found 41; ",
        ),
        (
            "data.augmentation.subword_regularization={kind: bpe_dropout}",
            "subword_regularization: expected `unigram_sampling`, as tokenizer.algorithm is "
            "`unigram`, but found `bpe_dropout`; change either",
        ),
        (
            "data.validation.set=a/b",
            "`data.validation.0.set`: expected String to match pattern '^[^/\\s]+$', but found",
        ),
        (
            "data.validation.tag=<x>",
            "data.validation: expected the tag of a training corpus, but found '<x>'; correct it",
        ),
        (
            "data.train.set=a",
            "`data.train`: expected sets of validation pairs alone, but found one",
        ),
        (
            "validation.lead=law",
            "validation.lead: expected a set of data.validation (none), but found law; correct it",
        ),
        (
            "validation.max_forgetting=1",
            "validation.max_forgetting: expected init_from, validation.lead and another set of",
        ),
        (
            "data.augmentation={upper_case: 0.6, title_case: 0.5}",
            "`data.augmentation`: upper_case and title_case: expected shares of at most 1 together,"
            " but found 1.1; lower one",
        ),
    ],
)
def test_what_cannot_work_is_refused(values, override, message):
    with pytest.raises(ConfigError) as caught:
        parse(values, override)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_passes_need_a_dropout_to_differ_by(values, tmp_path):
    rdrop, none = "training.consistency={kind: rdrop}", "model.dropout=0"

    def refused(*overrides, run=None):
        try:
            parse_recipe(apply_overrides(values, overrides), "tiny", run)
        except ConfigError as error:
            return "expected dropout, by which the two passes of rdrop differ" in str(error)
        return False

    assert refused(rdrop, none)
    assert refused(rdrop, none, "model.layer_dropout=0.1")  # both passes leave out the same layers
    assert not refused(rdrop, none, "model.attention_dropout=0.1")
    assert not refused("training.consistency={kind: simcut}", none)
    assert not refused(rdrop, none, run=tmp_path)  # a run that is resumed is as it was


def test_the_largest_numbers_are_taken(values):
    seed = 2**63 - 1
    recipe = parse(
        values, f"seed={seed}", "training.updates=10", "training.batch_tokens=2147483647"
    )
    assert (recipe.seed, recipe.training.batch_tokens) == (seed, 2**31 - 1)


def test_sections_without_kind_are_of_the_default_kind(values):
    values = values | {"model": {"dim": 128, "self_attention": {"scope": {}}}}
    recipe = parse(values, "training.schedule={warmup: 9}", "translation.search={size: 9}")
    assert recipe.model == TransformerConfig(dim=128)
    assert recipe.training.schedule.kind == "inverse_square_root"
    assert recipe.translation.search == BeamConfig(size=9)


def test_a_key_of_another_kind_asks_for_the_kind(values):
    for section, named in (("{cell: gru}", "transformer, recurrent"), ("{cell: gru, dim: 3}", "")):
        with pytest.raises(ConfigError, match=f"`model.kind`: expected one of {named}.*add the k"):
            parse(values, f"model={section}")
    assert parse(values, "model={kind: recurrent}").model == RecurrentConfig()
