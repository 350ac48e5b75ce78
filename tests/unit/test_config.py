"""A configuration is strict, reads YAML by the rules of 1.2, and tells every mistake at once."""

import os
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, PositiveInt, ValidationError, model_validator

from mt.config import StrictConfig, apply_overrides, load
from mt.errors import ConfigError
from mt.yaml import read_yaml


class Local(StrictConfig):
    """Look at some keys."""

    kind: Literal["local"] = "local"
    window: PositiveInt


class Full(StrictConfig):
    """Look at all keys."""

    kind: Literal["full"] = "full"
    scale: bool = True


Attention = Annotated[Local | Full, Field(discriminator="kind")]


class Side(StrEnum):
    SOURCE = "source"
    TARGET = "target"


class Model(StrictConfig):
    attention: Attention = Full()
    stack: tuple[Attention, ...] = ()
    named: dict[str, Attention] = {}
    extra: Attention | None = None
    dim: PositiveInt = 512
    share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    beam: PositiveInt | Literal["auto"] = "auto"


class Data(StrictConfig):
    source: str = "en"
    target: str = "de"
    side: Side = Side.SOURCE
    path: Path = Path("data")
    ratios: tuple[float, ...] = ()


class Root(StrictConfig):
    model: Model = Model()
    data: Data = Data()
    updates: PositiveInt = 100
    rate: float = 1e-3

    @model_validator(mode="after")
    def _languages_differ(self) -> Self:
        if self.data.source == self.data.target:
            raise ValueError(f"data: expected two languages, but found `{self.data.source}` twice")
        return self


@pytest.fixture
def recipe(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def config_errors(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(Root, path, overrides)
    lines = str(error.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


# Reading


def test_defaults_fill_what_the_file_leaves_out(recipe):
    config = load(Root, recipe("updates: 7"))
    assert config == Root(updates=7)
    assert config.model.dim == 512


def test_yaml_1_2_rules(recipe):
    text = "data: {source: no, target: on}\nrate: 3e-4\nupdates: 010"
    config = load(Root, recipe(text))
    assert (config.data.source, config.data.target) == ("no", "on")
    assert config.rate == 0.0003
    assert config.updates == 10


def test_a_byte_order_mark_is_no_part_of_the_first_key(recipe):
    assert load(Root, recipe("\ufeffupdates: 3")).updates == 3


def test_a_config_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Root().updates = 3


def test_missing_file(tmp_path):
    path = tmp_path / "nowhere.yaml"
    with pytest.raises(ConfigError, match="cannot be read .No such file or directory.; check"):
        read_yaml(path)


def test_not_utf_8(tmp_path):
    path = tmp_path / "latin1.yaml"
    path.write_bytes("target: größe".encode("latin-1"))
    with pytest.raises(ConfigError, match="expected UTF-8, but byte 10 is 0xf6"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("", "nothing"), ("- 1", "a list")],
)
def test_not_a_mapping(recipe, text, kind):
    with pytest.raises(ConfigError, match=f"a mapping of sections, but found {kind}; see `mt con"):
        read_yaml(recipe(text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("updates: 1\nupdates: 2", "in line 2: found duplicate key .updates."),
        ("model: {dim: 1, dim: 2}", "in line 1: found duplicate key .dim."),
        ("model: [1", "in line 1: .*, but got '<stream end>'"),
        ("a: !!python/name:os.system x", "in line 1: could not determine a constructor"),
        ("a: \x07", "expected YAML, but found"),
        ("a: 2024-13-45", "found: month must be in 1..12"),
        ("a: !!bool x", "expected YAML, but found"),
    ],
)
def test_not_yaml(recipe, text, problem):
    with pytest.raises(ConfigError, match=f"expected YAML, but found.*{problem}|{problem}"):
        read_yaml(recipe(text))


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("a: " + "[" * 20_000, "50 levels of sections"),
        ("- " * 20_000, "50 levels of sections"),
        (f"updates: {'9' * 6000}", "3,500 characters in a value"),
        (f"updates: 0x{'f' * 6000}", "3,500 characters in a value"),
        (f"a: [{'1,' * 100_000}]", "20,000 values, aliases written out"),
        (
            "a: &a [1]\n"
            + "".join(
                f"{b}: &{b} [{'*' + a + ',*' + a}]\n" for a, b in pairwise("abcdefghijklmnop")
            ),
            "20,000 values, aliases written out",
        ),
        (
            "a: &a {x: 1}\n"
            + "".join(f"{b}: &{b} {{<<: [*{a}, *{a}]}}\n" for a, b in pairwise("abcdefghijklmnop")),
            "20,000 values, aliases written out",
        ),
        ("a: &a [*a]", "20,000 values, aliases written out"),
    ],
    ids=["flow", "block", "digits", "hex", "values", "aliases", "merged", "endless"],
)
def test_what_no_recipe_holds_is_refused_before_it_is_built(recipe, text, most):
    with pytest.raises(
        ConfigError, match=rf"expected YAML, but found in line \d+: more than {most}"
    ):
        read_yaml(recipe(text))


def test_an_alias_repeats_a_section(recipe):
    config = load(Root, recipe("model: {stack: [&one {kind: full, scale: false}, *one]}"))
    assert config.model.stack == (Full(scale=False),) * 2


def test_what_is_no_file_or_too_large_is_not_read(tmp_path, recipe):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path, reason in (
        (tmp_path / "pipe.yaml", "it is a pipe or a device"),
        (Path("/dev/zero"), "it is a pipe or a device"),
        (tmp_path, "Is a directory"),
        (recipe("#" * 2**21), "it has more than 1,048,576 bytes"),
    ):
        with pytest.raises(ConfigError, match=f"{path}: expected a YAML file, but .*{reason}"):
            read_yaml(path)


# What is wrong


def test_unknown_key_names_the_nearest(recipe):
    assert config_errors(recipe("model: {dimm: 3}")) == [
        "`model.dimm`: expected a known key, but this one is not; did you mean `dim`?"
    ]


def test_unknown_key_with_no_likeness_lists_the_known(recipe):
    assert config_errors(recipe("zzz: 3")) == [
        "`zzz`: expected a known key, but this one is not; known are model, data, updates, rate"
    ]


def test_whatever_is_wrong_is_told_at_once_in_the_order_of_the_fields(recipe):
    text = """
        modle: {}
        model: {stack: 3, share: 1, dim: 0, beam: wide}
        data: {target: 3e-4, source: true, path: 3, ratios: [1, x], side: sauce, sorce: en}
        updates: 1.5
        rate: [1]
        1: 2
    """
    assert config_errors(recipe(text)) == [
        "`model.stack`: expected a list, but found 3 (a whole number)",
        "`model.dim`: expected greater than 0, but found 0 (a whole number)",
        "`model.share`: expected less than 1, but found 1 (a whole number)",
        "`model.beam`: expected a whole number or 'auto', but found 'wide' (text)",
        "`data.source`: expected text, but found True (true or false)",
        "`data.target`: expected text, but found 0.0003 (a number)",
        "`data.side`: expected 'source' or 'target', but found 'sauce' (text); "
        "did you mean `source`?",
        "`data.path`: expected a path, but found 3 (a whole number)",
        "`data.ratios.1`: expected a number, but found 'x' (text)",
        "`data.sorce`: expected a known key, but this one is not; did you mean `source`?",
        "`updates`: expected a whole number, but found 1.5 (a number)",
        "`rate`: expected a number, but found a list",
        "`modle`: expected a known key, but this one is not; did you mean `model`?",
        "`1`: expected text as a key, but found 1 (a whole number)",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("updates:", "`updates`: expected a whole number, but found nothing"),
        (
            "updates: 2024-01-31",
            "`updates`: expected a whole number, but found datetime.date(2024, 1, 31) (a date)",
        ),
        ("model: 3", "`model`: expected a section, but found 3 (a whole number)"),
        ("updates: true", "`updates`: expected a whole number, but found True (true or false)"),
        (
            "data: {ratios: [1, true]}",
            "`data.ratios.1`: expected a number, but found True (true or false)",
        ),
        ("rate: false", "`rate`: expected a number, but found False (true or false)"),
        (
            "model: {beam: true}",
            "`model.beam`: expected a whole number or 'auto', but found True (true or false)",
        ),
    ],
)
def test_nothing_and_what_is_no_section(recipe, text, mistake):
    assert config_errors(recipe(text)) == [mistake]


def test_a_long_value_is_shortened(recipe):
    (mistake,) = config_errors(recipe(f"updates: {'x' * 1000}"))
    assert len(mistake) < 120


def test_a_validator_of_ours_speaks_for_itself(recipe):
    assert config_errors(recipe("data: {source: de}")) == [
        "data: expected two languages, but found `de` twice"
    ]


def test_paths_hold_no_union_tags(recipe):
    wrong = "{kind: local, window: x}"
    places = [
        f"attention: {wrong}",
        f"stack: [{{kind: full}}, {wrong}]",
        f"named: {{local: {wrong}}}",
        f"extra: {wrong}",
    ]
    assert config_errors(recipe(f"model: {{{', '.join(places)}}}")) == [
        f"`model.{path}.window`: expected a whole number, but found 'x' (text)"
        for path in ("attention", "stack.1", "named.local", "extra")
    ]


@pytest.mark.parametrize(
    ("section", "hint"),
    [("kind: local, windo: 3, window: 3", "`window`"), ("kind: full, scal: 3", "`scale`")],
)
def test_hints_come_from_the_chosen_member(recipe, section, hint):
    (mistake,) = config_errors(recipe(f"model: {{attention: {{{section}}}}}"))
    assert mistake.endswith(f"did you mean {hint}?")


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan"])
def test_numbers_are_finite(recipe, number):
    (mistake,) = config_errors(recipe(f"rate: {number}"))
    assert mistake.startswith("`rate`: expected a finite number, but found ")


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("{scale: false}", Full(scale=False)),
        ("{}", Full()),
        ("{kind: local, window: 3}", Local(window=3)),
    ],
)
def test_the_kind_of_a_default_need_not_be_named(recipe, section, found):
    assert load(Root, recipe(f"model: {{attention: {section}}}")).model.attention == found


def test_a_mistake_in_a_section_of_the_default_kind(recipe):
    (mistake,) = config_errors(recipe("model: {attention: {scal: false}}"))
    assert mistake == (
        "`model.attention.scal`: expected a known key, but this one is not; did you mean `scale`?"
    )


def test_missing_key(recipe):
    assert config_errors(recipe("model: {attention: {kind: local}}")) == [
        "`model.attention.window`: expected a value, but none was given; add the key"
    ]


@pytest.mark.parametrize(
    ("section", "mistake"),
    [
        (
            "{kind: locale}",
            "kind`: expected one of local, full, but found 'locale' (text); did you mean `local`?",
        ),
        ("{kind: 3}", "kind`: expected one of local, full, but found 3 (a whole number)"),
        ("{window: 3}", "kind`: expected one of local, full, but none was given; add the key"),
        ("local", "`: expected a section, but found 'local' (text)"),
    ],
)
def test_unknown_kind(recipe, section, mistake):
    (found,) = config_errors(recipe(f"model: {{attention: {section}}}"))
    assert found.removeprefix("`model.attention").removeprefix(".") == mistake


def test_an_object_of_the_wrong_class():
    with pytest.raises(ConfigError, match="`attention.kind`: expected one of local, full"):
        Model.parse({"attention": Data()}, where="here")


# Overrides


def test_overrides_win_over_the_file_and_the_last_over_the_first(recipe):
    path = recipe("updates: 2\nmodel: {dim: 3}")
    config = load(Root, path, ["updates=4", "model.dim=5", "model.dim=6", "data.target=no"])
    assert (config.updates, config.model.dim, config.data.target) == (4, 6, "no")


def test_overrides_are_yaml(recipe):
    path = recipe("updates: 2")
    overrides = ["rate=3e-4", "data.ratios=[1, 2]", "model.extra={kind: full}", "data.source=a=b"]
    config = load(Root, path, overrides)
    assert config.rate == 0.0003
    assert config.data.ratios == (1, 2)
    assert config.model.extra == Full()
    assert config.data.source == "a=b"


def test_an_override_keeps_the_rest_of_its_section(recipe):
    config = load(Root, recipe("model: {dim: 3}"), ["model.share=0.5"])
    assert (config.model.dim, config.model.share) == (3, 0.5)


def test_overrides_leave_the_values_given_alone():
    values = {"model": {"dim": 3}}
    assert apply_overrides(values, ["model.dim=4"]) == {"model": {"dim": 4}}
    assert values == {"model": {"dim": 3}}


def test_an_override_may_open_an_empty_section():
    assert apply_overrides({"model": None}, ["model.dim=4"]) == {"model": {"dim": 4}}


@pytest.mark.parametrize(("value", "kind"), [(0, "a whole number"), ([], "a list")])
def test_an_override_through_what_is_no_section(value, kind):
    with pytest.raises(ConfigError, match=f"--set a.b=1: expected `a` to be a section.* {kind}"):
        apply_overrides({"a": value}, ["a.b=1"])


@pytest.mark.parametrize("override", ["updates", "=3", "a..b=3"])
def test_an_override_needs_key_and_value(override):
    with pytest.raises(ConfigError, match=f"--set {override}: expected KEY=VALUE"):
        apply_overrides({}, [override])


def test_an_override_that_is_no_yaml():
    with pytest.raises(ConfigError, match=r"--set a=\[1: expected YAML"):
        apply_overrides({}, ["a=[1"])


def test_an_unknown_key_in_an_override(recipe):
    (mistake,) = config_errors(recipe("updates: 1"), "updatess=3")
    assert mistake.endswith("did you mean `updates`?")


# Writing


# Without control characters and line separators, which no recipe holds and ruamel.yaml folds.
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e-9, 1e16, -0.0])
WORDS = TEXT | st.sampled_from(["no", "3e-4", "~", "null", "0x1", "1_0", "- a", "a: b", "#", "%"])


@settings(max_examples=50, deadline=None)
@given(source=WORDS, ratios=st.lists(NUMBERS), rate=NUMBERS, window=st.integers(1, 10**20))
def test_dump_and_load_are_inverse(tmp_path_factory, source, ratios, rate, window):
    config = Root(
        data=Data(source=f"{source}-", target=source, ratios=tuple(ratios), path=Path("a b")),
        model=Model(stack=(Local(window=window), Full(scale=False)), extra=None),
        rate=rate,
    )
    path = tmp_path_factory.mktemp("dump") / "recipe.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8", newline="\n")
    assert load(Root, path) == config


def test_a_dump_keeps_the_order_of_the_fields():
    keys = [line.split(":")[0] for line in Root().to_yaml().splitlines() if line[0] != " "]
    assert keys == list(Root.model_fields)
