"""What each program can express is what docs/howto/export.md says, of every kind there is."""

import re
from pathlib import Path
from typing import get_args

import pytest

from mt.exchange.export import TARGETS
from mt.model.attention.config import ScopeConfig, ScoreConfig
from mt.model.config import Activation, ModelConfig, NormPlacement, Tie, parse_model
from mt.model.positions.config import PositionsConfig

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "export.md"
HEADS, _, *ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").split("\n\n")[3].splitlines()
]
KINDS = {
    "kind": get_args(get_args(ModelConfig)[0]),
    "positions.kind": get_args(PositionsConfig),
    "score.kind": get_args(ScoreConfig),
    "scope.kind": get_args(ScopeConfig),
}
NAMED = {
    *(f"{key}: {kind().kind}" for key, kinds in KINDS.items() for kind in kinds),
    "output_bias: true",
    *(f"activation: {name}" for name in get_args(Activation)),
    *(f"norm: {name}" for name in get_args(NormPlacement)),
    *(f"tie: {name}" for name in get_args(Tie)),
}


def settings(label):
    return re.findall("`([^`]+)`", label)


def config_of(label):
    """Build the config that a row of the table is about."""
    values = {"kind": "transformer"}
    for setting in settings(label):
        key, _, value = setting.partition(": ")
        if key.startswith(("score", "scope")):
            for attention in ("self_attention", "cross_attention"):
                values[attention] = {key.removesuffix(".kind"): {"kind": value}}
        elif key == "positions.kind":
            values["positions"] = {"kind": value}
        else:
            values[key] = value
    return parse_model(values, "test")


def test_the_table_is_about_every_kind_and_every_program():
    assert {setting for label, *_ in ROWS for setting in settings(label)} == NAMED
    assert HEADS[1:] == list(TARGETS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_of_the_table(row):
    label, *cells = row
    config = config_of(label)
    found = ["no" if target.inexpressible(config) else "yes" for target in TARGETS.values()]
    assert found == cells


@pytest.mark.parametrize("role", ["self_attention", "cross_attention"])
def test_each_attention_is_looked_at(role):
    config = parse_model({"kind": "transformer", role: {"scope": {"kind": "window"}}}, "test")
    for name in ("ctranslate2", "huggingface"):
        part = TARGETS[name].inexpressible(config)
        assert part == f"the window scope of {role.replace('_', '-')}"
