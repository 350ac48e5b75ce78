"""``mt config``: see, check and learn what a recipe may hold."""

import json
import sys
import types
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveInt
from typer.testing import CliRunner

from mt.cli.main import build_app
from mt.cli.recipe_template import recipe_template
from mt.config import StrictConfig, load
from mt.errors import DataError


class Full(StrictConfig):
    """Look at all keys."""

    kind: Literal["full"] = "full"


class Local(StrictConfig):
    """Look at a few keys.

    A second paragraph, for readers of the code.
    """

    kind: Literal["local"] = "local"
    window: PositiveInt
    """Half-width of the window, in tokens."""


Attention = Annotated[Full | Local, Field(discriminator="kind")]
Share = Annotated[float, Field(ge=0, lt=1)]


class Model(StrictConfig):
    """Layers."""

    attention: Attention = Full()
    """How queries look at keys."""
    dim: PositiveInt = 512
    """Width of the model, a docstring so long that it does not fit in a single line of YAML,
    or so it seems."""
    dropout: Share | None = None
    """Share of values dropped."""


class Corpus(StrictConfig):
    """Two files, line by line."""

    source: Path
    """Text to translate."""
    weight: float = 1.0
    """How often it is seen."""


class RecipeConfig(StrictConfig):
    """Everything that determines a run."""

    train: tuple[Corpus, ...]
    """What is learned from."""
    model: Model = Model(dim=256)
    test: dict[str, Corpus] = {}
    """What is measured."""
    metric: Literal["loss"] | Literal["bleu", "chrf"] = "bleu"
    betas: tuple[Share, Share] = (0.9, 0.98)
    language: str = "no"
    rate: float = 1e-9

    @property
    def data(self):
        return self

    def check(self):
        """Find fault with files as a section of corpora does: a line for each."""
        lines = [f"{corpus.source}: expected text; write some" for corpus in self.train if
                 corpus.source.suffix == ".bad"]  # fmt: skip
        if lines:
            raise DataError("\n".join(lines))


SKELETON = """\
# Everything that determines a run.

# What is learned from.
train:  # required
  -
    # Text to translate.
    source:  # path, required
    # How often it is seen.
    weight: 1.0  # number

# Layers.
model:
  # How queries look at keys.
  attention:
    # Look at all keys.
    kind: full
    # or
    # # Look at a few keys.
    # kind: local
    # # Half-width of the window, in tokens.
    # window:  # whole number > 0, required
  # Width of the model, a docstring so long that it does not fit in a single line of YAML,
  # or so it seems.
  dim: 256  # whole number > 0
  # Share of values dropped.
  dropout: null  # number ≥ 0 and < 1 | null

# What is measured.
test: {}  # mapping of section
  # NAME:
  #   # Text to translate.
  #   source:  # path, required
  #   # How often it is seen.
  #   weight: 1.0  # number

metric: bleu  # loss | bleu | chrf

betas: [0.9, 0.98]  # list of number ≥ 0 and < 1

language: no  # text

rate: 1e-09  # number
"""


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """Stand in a directory with two recipes and a wrong one, with a small recipe for the real."""
    monkeypatch.chdir(tmp_path)
    training = types.ModuleType("mt.training")
    module = types.ModuleType("mt.training.recipe")
    module.RecipeConfig = RecipeConfig
    module.load_recipe = partial(load, RecipeConfig)
    teachers = types.ModuleType("mt.training.teachers")
    teachers.find_teachers = lambda _: []  # of which the small recipe has none
    monkeypatch.setitem(sys.modules, "mt.training", training)
    monkeypatch.setitem(sys.modules, "mt.training.recipe", module)
    monkeypatch.setitem(sys.modules, "mt.training.teachers", teachers)
    (tmp_path / "a.yaml").write_text("train: [{source: a.en}]\n")
    (tmp_path / "b.yaml").write_text("train: []\nmetric: chrf\n")
    (tmp_path / "wrong.yaml").write_text("train: []\nmodle: {}\nrate: fast\n")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(build_app(), ["config", *arguments])


def test_show_prints_every_value_as_a_recipe(directory):
    result = run("show", "a.yaml", "--set", "model.dim=3", "--set", "language=on")
    assert (result.exit_code, result.stderr) == (0, "")
    (directory / "shown.yaml").write_text(result.stdout)
    shown = load(RecipeConfig, directory / "shown.yaml")
    assert shown == RecipeConfig(train=(Corpus(source="a.en"),), model=Model(dim=3), language="on")
    assert "dropout: null\n" in result.stdout


def test_show_of_a_wrong_recipe():
    result = run("show", "wrong.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.split("`")[1] for line in result.stderr.splitlines()] == ["rate", "modle"]


def test_check_says_ok_for_each_recipe():
    result = run("check", "a.yaml", "b.yaml", "--set", "rate=1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "a.yaml: OK\nb.yaml: OK\n"


def test_check_goes_on_after_a_mistake():
    result = run("check", "wrong.yaml", "nowhere.yaml", "b.yaml")
    assert result.exit_code == 2
    assert result.stdout == "b.yaml: OK\n"
    rate, model, nowhere = result.stderr.splitlines()
    assert rate.startswith("mt: wrong.yaml: `rate`: expected a number")
    assert model.endswith("did you mean `model`?")
    assert nowhere.startswith("mt: nowhere.yaml: expected a YAML file")


def test_check_looks_at_the_files(directory):
    (directory / "bad.yaml").write_text("train: [{source: a.bad}, {source: b.en}, {source: c.bad}]")
    result = run("check", "bad.yaml", "b.yaml")
    assert (result.exit_code, result.stdout) == (2, "b.yaml: OK\n")
    assert result.stderr == (
        "mt: bad.yaml: a.bad: expected text; write some\n"
        "mt: bad.yaml: c.bad: expected text; write some\n"
    )


def test_check_counts_an_override_as_part_of_each_recipe():
    result = run("check", "a.yaml", "b.yaml", "--set", "metric=meteor")
    assert result.exit_code == 2
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == [" a.yaml", " b.yaml"]


def test_schema_explains_every_key():
    result = run("schema")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == SKELETON


def test_a_skeleton_is_a_recipe_once_its_required_keys_have_values(directory):
    text = recipe_template(RecipeConfig).replace("source:  # path", "source: a.en  # path")
    (directory / "filled.yaml").write_text(text)
    assert load(RecipeConfig, directory / "filled.yaml") == RecipeConfig(
        train=(Corpus(source="a.en"),)
    )


def test_json_schema():
    schema = json.loads(run("schema", "--json").stdout)
    assert schema == RecipeConfig.model_json_schema()
    assert schema["properties"]["train"]["description"] == "What is learned from."
