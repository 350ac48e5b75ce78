"""The report on a corpus of many files is that of `mt data check` on all of it in one file."""

import gzip
import json

import pytest

from mt.bulk import corpora_of, plan_check, report_of, summarise
from mt.data.corpora import open_corpora, open_corpus
from mt.data.report import report
from mt.errors import DataError
from tests.tiny import mt
from tests.unit.bulk.conftest import work
from tests.unit.data.report.test_parts import HELD, PAIRS

LANGUAGES = "en", "de"


@pytest.fixture(autouse=True)
def _one_vocabulary(monkeypatch):
    """Learning several takes most of the time."""
    monkeypatch.setattr("mt.data.report.vocabularies.SIZES", (1000,))


def write(path, pairs):
    records = [{"translation": dict(zip(LANGUAGES, pair, strict=True))} for pair in pairs]
    text = "".join(json.dumps(record) + "\n" for record in records)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


def plain(found):
    values = found.to_json()
    for each in values["vocabularies"]:
        del each["seconds"]
    return values


@pytest.fixture
def folder(tmp_path):
    """Write pairs into one file, and into several that are cut into shards."""
    pairs = [[text.encode(errors="replace").decode() for text in pair] for pair in PAIRS]
    (tmp_path / "in").mkdir()
    write(tmp_path / "whole.jsonl", pairs)
    write(tmp_path / "in" / "a.jsonl", pairs[:700])
    write(tmp_path / "in" / "b.jsonl.gz", pairs[700:1000])
    write(tmp_path / "in" / "c.jsonl", pairs[1000:])
    write(tmp_path / "held.jsonl", HELD)
    return tmp_path


def test_figures_are_those_of_one_file(folder):
    source, held = str(folder / "in/*.jsonl*"), str(folder / "held.jsonl")
    job = plan_check(
        source, str(folder / "out"), LANGUAGES, held_out=[held], shard_bytes=50_000
    )  # fmt: skip
    with pytest.raises(DataError, match="all shards to be measured, but number 0 is not"):
        report_of(job.address)
    work(job)
    whole = folder / "whole.jsonl"
    found = report_of(job.address, str(whole))
    expected = report(
        [open_corpus([whole], *LANGUAGES)], open_corpora([held], *LANGUAGES), LANGUAGES
    )
    assert plain(found) == plain(expected)
    assert found.training[0].shifts
    assert summarise(job.address)["shards"] > 4
    [corpus] = corpora_of(job, source)
    assert sum(1 for _ in corpus.pairs()) == len(PAIRS)


def test_a_folder_is_a_corpus_for_each_ending(folder):
    (folder / "in/more").mkdir()
    write(folder / "in/more/d.jsonl", PAIRS[:5])
    job = plan_check(str(folder / "in"), str(folder / "out"), LANGUAGES)
    found = corpora_of(job, str(folder / "in"))
    assert [corpus.where for corpus in found] == [
        f"{folder}/in/**/*.jsonl",
        f"{folder}/in/b.jsonl.gz",
    ]
    assert sum(1 for corpus in found for _ in corpus.pairs()) == len(PAIRS) + 5
    alone = folder / "whole.jsonl"
    job = plan_check(str(alone), str(folder / "other"), LANGUAGES)
    assert [corpus.where for corpus in corpora_of(job, str(alone))] == [str(alone)]


def test_records_without_a_pair_are_counted(folder):
    with (folder / "in/a.jsonl").open("a") as file:
        file.write('{"en": "Yes."}\n')
    job = plan_check(str(folder / "in"), str(folder / "out"), LANGUAGES)
    work(job)
    assert summarise(job.address)["problems"] == {"no pair": 1}
    assert report_of(job.address).pairs == len(PAIRS)


@pytest.mark.slow
def test_the_command_prints_and_writes_the_report(folder):
    languages = "--source", "en", "--target", "de"
    paths = folder / "in/*.jsonl*", folder / "out"
    job = "bulk", "check", *paths, *languages, "--held-out", folder / "held.jsonl"
    done = mt(*job, "--workers", 1)
    assert done.returncode == 0, done.stderr
    one = mt("data", "check", folder / "whole.jsonl", *languages, "--held-out", job[-1])
    head, found = done.stdout.split("\n", 1)
    assert head == f"{folder / 'out'}: {len(PAIRS):,} records in 3 shards"
    assert found.replace(str(paths[0]), str(folder / "whole.jsonl")) == one.stdout
    assert "most suspicious pairs" in (folder / "out/report.html").read_text(encoding="utf-8")
    written = json.loads((folder / "out/report.json").read_text(encoding="utf-8"))
    assert written["training"][0]["pairs"] == len(PAIRS)
    write(folder / "held.jsonl", HELD[:5])
    other = mt(*job)
    assert other.returncode == 2
    assert "its held_out_content differ" in other.stderr
