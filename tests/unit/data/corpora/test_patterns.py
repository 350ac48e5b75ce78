"""A corpus of several files is read as one: by their names, each as by itself."""

import gzip
import importlib
import json
from pathlib import Path

import pytest

from mt.data.corpora import CsvConfig, JsonLinesConfig, TsvConfig, open_corpus
from mt.errors import DataError
from tests.tiny import mt, recipe_of, write_corpus


def test_files_are_read_in_the_order_of_their_names(tmp_path):
    (tmp_path / "b.tsv.gz").write_bytes(gzip.compress(b"3\tc\n"))
    (tmp_path / "a.00001.tsv.gz").write_bytes(gzip.compress(b"2\tb\n"))
    (tmp_path / "a.00000.tsv.gz").write_bytes(b"1\ta\n")
    (tmp_path / "a.00002.tsv.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "a.tsv").write_text("no\tno\n")
    corpus = open_corpus([tmp_path / "*.tsv.gz"], "en", "de")
    assert isinstance(corpus, TsvConfig)
    assert [*corpus.pairs()] == [("1", "a"), ("2", "b"), ("3", "c")]
    before = corpus.fingerprint()
    (tmp_path / "b.tsv.gz").unlink()
    assert corpus.fingerprint() != before
    assert open_corpus([f"file://{tmp_path}/a.*.tsv.gz"], "en", "de").files() == [
        f"file://{tmp_path}/a.0000{number}.tsv.gz" for number in range(3)
    ]


def test_each_table_has_its_own_header(tmp_path):
    (tmp_path / "a.csv").write_text("en,de\nYes.,Ja.\n")
    (tmp_path / "b.csv").write_text("de,en\nNein.,No.\n")
    corpus = CsvConfig(path=tmp_path / "*.csv", source="en", target="de")
    assert [*corpus.pairs()] == [("Yes.", "Ja."), ("No.", "Nein.")]


def test_what_is_wrong_is_told_of_the_file(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"en": "a", "de": "b"}\n')
    (tmp_path / "b.jsonl").write_text('{"en": "a"}\n')
    corpus = JsonLinesConfig(path=tmp_path / "*.jsonl", source="en", target="de")
    with pytest.raises(DataError, match=r"b\.jsonl: line 1: expected a field de, but found none"):
        corpus.check()
    none = JsonLinesConfig(path=tmp_path / "*.json", source="en", target="de")
    with pytest.raises(DataError, match=r"\*\.json: expected files whose names fit, but found"):
        none.check()


def test_a_name_with_an_asterisk_is_a_name(tmp_path):
    (tmp_path / "*.tsv").write_text("1\ta\n")
    (tmp_path / "b.tsv").write_text("2\tb\n")
    assert [*TsvConfig(path=tmp_path / "*.tsv").pairs()] == [("1", "a")]


def test_a_recipe_reads_shards(tmp_path):
    recipe = recipe_of(write_corpus(tmp_path))
    recipe["data"]["train"] = {"path": str(tmp_path / "clean/*.jsonl")}
    (tmp_path / "clean").mkdir()
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    names = recipe["data"]["source"], recipe["data"]["target"]
    for number, text in enumerate(["ba be", "bi bo"]):
        record = dict.fromkeys(names, text)
        (tmp_path / f"clean/a.{number:05}.jsonl").write_text(json.dumps(record) + "\n")
    done = mt("config", "check", tmp_path / "recipe.yaml")
    assert done.returncode == 0, done.stderr
    (tmp_path / "clean/a.00001.jsonl").write_text("{}\n")
    done = mt("config", "check", tmp_path / "recipe.yaml")
    assert "a.00001.jsonl: line 1: expected a field" in done.stderr


@pytest.fixture
def odd_folder(tmp_path):
    """Files whose names are patterns to others, and what is no data."""
    names = ["b.tsv", "a[1]-1.tsv", "a/c?.tsv", "a/c1.tsv", "_mt/d.tsv", "a/.e.tsv", "_f.tsv"]
    for name in names:
        path = tmp_path / "crawl[1]" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\tx\n")
    (tmp_path / "crawl[1]/folder.tsv").mkdir()
    return tmp_path / "crawl[1]"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.tsv", ["a[1]-1.tsv", "b.tsv"]),
        ("a[1]*.tsv", ["a[1]-1.tsv"]),
        ("a/c?*", ["a/c?.tsv"]),
        ("**/*.tsv", ["a/c1.tsv", "a/c?.tsv", "a[1]-1.tsv", "b.tsv"]),
    ],
)
def test_a_pattern_means_the_same_to_all(pattern, names, odd_folder, tmp_path):
    source = f"{odd_folder}/{pattern}"
    for path in (Path(source), f"file://{source}"):
        assert [pair.source for pair in TsvConfig(path=path).pairs()] == names
    pytest.importorskip("datatrove")
    plan_cleaning = importlib.import_module("mt.bulk").plan_cleaning
    job = plan_cleaning(source, str(tmp_path / "out"), ("en", "de"))
    assert [Path(job.plan.input, shard.file) for shard in job.plan.shards] == [
        odd_folder / name for name in names
    ]
