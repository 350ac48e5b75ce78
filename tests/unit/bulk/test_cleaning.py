"""Bulk cleaning keeps and drops what `mt data clean` does, though no task sees the whole corpus."""

import io
import json
import random
from collections import Counter

import pyarrow
import pytest
from pyarrow import parquet

from mt.bulk import plan_cleaning, summarise
from mt.data.cleaning import clean
from mt.data.corpora import open_corpus
from mt.data.filters import Selection
from mt.data.filters.config import CleaningConfig
from mt.errors import DataError
from tests.tiny import mt
from tests.unit.bulk.conftest import work

ODD = [
    ("FÃ¼r dich.", "For you."),
    ("", "Nothing."),
    ("Im Jahr 1985", "In 1986"),
    ("Ein Hund.", "Ein Hund."),
    ("Ein Hund.", "A dog <b>barks</b>."),
]


@pytest.fixture(scope="module")
def pairs():
    """Pairs of which many stand several times, far from each other."""
    draw = random.Random(1)
    names = ["Anna", "Berta", "Clara", "Doris", "Emma", "Frieda"]
    pairs = [
        (
            f"Heute kommen {names[one]} und {names[two]}.",
            f"Today {names[one]} and {names[two]} come.",
        )
        for one in range(6)
        for two in range(6)
    ]
    return [draw.choice(ODD if draw.random() < 0.2 else pairs) for _ in range(300)]


def write_tsv(path, pairs):
    path.with_suffix(".tsv").write_text("".join(f"{one}\t{two}\n" for one, two in pairs))


def write_jsonl(path, pairs):
    records = [{"id": 1, "translation": {"de": one, "en": two}} for one, two in pairs]
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.with_suffix(".jsonl").write_text(text)


def write_parquet(path, pairs):
    columns = dict(zip(("de", "en"), map(list, zip(*pairs, strict=True)), strict=True))
    parquet.write_table(pyarrow.table(columns), path.with_suffix(".parquet"), row_group_size=50)


@pytest.mark.parametrize(
    ("write", "filters"),
    [
        (write_tsv, ["standard"]),
        (write_jsonl, ["standard"]),
        (write_parquet, [{"kind": "numbers"}]),
    ],
)
def test_the_same_is_kept_and_dropped(write, filters, pairs, tmp_path):
    config = CleaningConfig.parse({"filters": filters}, where="filters")
    sides = io.StringIO(), io.StringIO()
    counts = clean(pairs, Selection(config.filters, "de", "en"), *sides)
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a", pairs)
    output = str(tmp_path / "out")
    job = plan_cleaning(
        str(tmp_path / "in"), output, ("de", "en"), filters=filters, shard_bytes=2000
    )
    work(job)
    summary = summarise(output)
    assert summary["shards"] > 3
    assert summary["dropped"] == counts.dropped
    assert summary["records"] == len(pairs)
    found = Counter[tuple[str, str]]()
    for shard in (path for path in (tmp_path / "out").iterdir() if path.is_file()):
        found.update(tuple(pair) for pair in open_corpus([shard], "de", "en").pairs())
    kept = zip(*(side.getvalue().splitlines() for side in sides), strict=True)
    assert found == Counter(kept)


def test_records_without_a_pair_are_counted_and_none_at_all_is_a_line(tmp_path):
    text = tmp_path / "a.jsonl"
    text.write_text('{"de": "Ja.", "en": "Yes."}\n{"de": "Ja."}\n{"de": 1, "en": null}\n')
    work(plan_cleaning(str(text), str(tmp_path / "out"), ("de", "en"), filters=[]))
    assert summarise(str(tmp_path / "out"))["dropped"] == {"no pair": 2}
    with pytest.raises(DataError, match="texts in the fields source and target, but none of 3"):
        job = plan_cleaning(
            str(text), str(tmp_path / "no"), ("de", "en"), filters=[], fields=("source", "target")
        )
        work(job)


def test_plain_text_has_no_pairs(tmp_path):
    (tmp_path / "a.en").write_text("Yes.\n")
    job = ("bulk", "clean", "a.en", "out", "--source", "de", "--target", "en")
    done = mt(*job, cwd=tmp_path)
    assert done.returncode == 2
    assert "expected pairs in JSON Lines, TSV or Parquet, but found plain text" in done.stderr
