"""Recipes that name files of every format, checked as a person would."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mt.cli.main import build_app
from mt.data.corpora import Pair
from mt.yaml import dump_yaml
from tests.corpora import WRITE
from tests.tiny import recipe_of

SHARED = os.environ.get("MT_SHARED_DATA", "")
PAIRS = [Pair("A dog.", "Ein Hund."), Pair("Two dogs.", "Zwei Hunde.")]


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Check a recipe that learns from some corpora, in a folder with files of all formats."""
    monkeypatch.chdir(tmp_path)
    for write in WRITE.values():
        write(tmp_path, PAIRS)

    def check(*train):
        (tmp_path / "a.tsv").write_text("A dog.\tEin Hund.\nTwo dogs.\n", encoding="utf-8")
        data = {"source": "en", "target": "de", "train": list(train), "validation": "a.tmx"}
        (tmp_path / "r.yaml").write_text(dump_yaml({"data": data}), encoding="utf-8")
        return CliRunner().invoke(build_app(), ["config", "check", "r.yaml"])

    return check


def test_a_name_is_enough(check):
    result = check(
        "a.csv", "a.jsonl", "a.tmx", "a.xlf", "a.po", "a.zip", {"path": "./", "name": "a"}
    )
    assert (result.exit_code, result.stdout, result.stderr) == (0, "r.yaml: OK\n", "")


def test_every_mistake_is_a_line(check):
    result = check(
        "a.tsv", "b.tmx", {"path": "a.jsonl", "source": "fr"}, {"path": "a.csv", "source": 3}
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "mt: r.yaml: a.tsv: expected 2 columns as in the first line, but line 2 has 1; check what "
        "separates them",
        "mt: r.yaml: b.tmx: expected a text file, but it cannot be read (No such file or "
        "directory); check the path",
        "mt: r.yaml: a.jsonl: line 1: expected a field fr, but found none; known are translation",
        "mt: r.yaml: a.csv: expected a column 3, but the first line has 2; numbers count from 1",
    ]


def test_what_is_skipped_is_told(check, caplog):
    result = check({"path": "a.tsv", "on_error": "skip"})
    assert (result.exit_code, result.stdout) == (0, "r.yaml: OK\n")
    first, last = caplog.messages
    assert first.startswith("a.tsv: expected 2 columns as in the first line, but line 2 has 1; ")
    assert last == "a.tsv: 1 left out, as they cannot be read; listed above"


@pytest.mark.slow
@pytest.mark.skipif(not SHARED, reason="needs the corpora that MT_SHARED_DATA names")
@pytest.mark.parametrize(
    ("names", "target", "size"),
    [
        (["tmx/tico19.en-fr.tmx"], "fr", 1500),
        (["tmx/tico19.en-es-419.tmx"], "es", 1500),
        (["small_parallel_enja/train.en", "small_parallel_enja/train.ja"], "ja", 2500),
    ],
)
def test_corpora_of_the_world_are_divided_and_learnt_from(
    tmp_path, monkeypatch, names, target, size
):
    monkeypatch.chdir(tmp_path)
    files = [str(Path(SHARED) / name) for name in names]
    languages = ["--source", "en", "--target", target]
    parts = ["--output", ".", "--validation", "20", "--test", "20"]
    done = CliRunner().invoke(build_app(), ["data", "split", *files, *languages, *parts])
    assert done.exit_code == 0, done.stderr
    sides = [
        {"source": f"{name}.en", "target": f"{name}.{target}"} for name in ("train", "validation")
    ]
    data = {"source": "en", "target": target, "train": sides[:1], "validation": sides[1:]}
    recipe = recipe_of(tmp_path) | {
        "data": data,
        "tokenizer": {"size": size},
        "training": {
            "updates": 4,
            "batch_tokens": 512,
            "schedule": {"warmup": 1},
            "precision": "fp32",
        },
        "validation": {"every": 4, "metric": "loss"},
    }
    (tmp_path / "r.yaml").write_text(dump_yaml(recipe), encoding="utf-8")
    done = CliRunner().invoke(build_app(), ["train", "r.yaml"])
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "checkpoints/r/bundles/update-000004").is_dir()
