"""Bulk cleaning keeps and drops what `mt data clean` does, though no task sees the whole corpus."""

import io
import json
import random
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from mt.bulk import LocalExecutor, plan_cleaning, summarise
from mt.data.cleaning import clean
from mt.data.corpora import open_corpus
from mt.data.filters import Selection
from mt.data.filters.config import CleaningConfig
from mt.errors import DataError
from mt.text.digests import bare
from tests.parallel_text import parallel_text
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
    return ".tsv"


def write_jsonl(path, pairs):
    records = [{"id": 1, "translation": {"de": one, "en": two}} for one, two in pairs]
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.with_suffix(".jsonl").write_text(text)
    return ".jsonl"


def write_parquet(path, pairs):
    columns = dict(zip(("de", "en"), map(list, zip(*pairs, strict=True)), strict=True))
    parquet.write_table(pyarrow.table(columns), path.with_suffix(".parquet"), row_group_size=50)
    return ".parquet"


def kept_in(folder, ending):
    """Read the pairs of all shards, as a recipe names them."""
    corpus = open_corpus([folder / f"*{ending}"], "de", "en")
    return [tuple(pair) for pair in corpus.pairs()]


def read_json(folder):
    paths = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


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
    sides, rejects = (io.StringIO(), io.StringIO()), io.StringIO()
    counts = clean(pairs, Selection(config.filters, "de", "en"), *sides, rejects=rejects)
    (tmp_path / "in").mkdir()
    ending = write(tmp_path / "in" / "a", pairs)
    output = str(tmp_path / "out")
    job = plan_cleaning(
        str(tmp_path / "in"), output, ("de", "en"), filters=filters, shard_bytes=2000,
        rejects=str(tmp_path / "rejects"),
    )  # fmt: skip
    work(job)
    job.tidy()
    summary = summarise(output)
    assert summary["shards"] > 3
    assert summary["dropped"] == counts.dropped
    assert summary["records"] == len(pairs)
    kept = zip(*(side.getvalue().splitlines() for side in sides), strict=True)
    assert Counter(kept_in(tmp_path / "out", ending)) == Counter(kept)
    told = [json.loads(line) for line in rejects.getvalue().splitlines()]
    found = read_json(tmp_path / "rejects")
    for each in told:
        del each["line"]
    for each in found:
        assert each.pop("file") == f"a{ending}"
        del each["start"], each["record"]
    assert Counter(map(str, found)) == Counter(map(str, told))


def test_rejects_name_the_records_of_their_shard(tmp_path):
    good = [(f"Das ist Satz {number}.", f"This is sentence {number}.") for number in range(9)]
    write_jsonl(tmp_path / "a", [*good[:4], ("", "No."), *good[4:], good[2]])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('{"de": "\\ud800 Ja", "en": 1}\n')
    paths = str(tmp_path / "a.jsonl"), str(tmp_path / "out")
    job = plan_cleaning(*paths, ("de", "en"), rejects=str(tmp_path / "gone"))
    work(job)
    job.tidy()
    found = {each["record"]: each for each in read_json(tmp_path / "gone")}
    assert found.keys() in ({5, 11, 12}, {3, 5, 12})
    assert found.pop(5)["reason"] == "blank"
    assert found.pop(12) == {
        "file": "a.jsonl", "start": 0, "record": 12, "reason": "no pair", "measure": "en",
        "source": "\ud800 Ja", "target": "",
    }  # fmt: skip
    [same] = found.values()
    assert (same["reason"], same["source"]) == ("duplicate", "Das ist Satz 2.")
    assert [each.parent.name for each in tmp_path.glob("out/_mt/*/found")] == ["duplicates"]
    left = tmp_path / "gone/.a.00000.jsonl.0123abcd"
    left.touch()
    with job.alone():
        assert not left.exists()
    command = ("bulk", "clean", *paths, "--source", "de", "--target", "en")
    other = mt(*command)
    assert other.returncode == 2
    assert "but its rejects differ" in other.stderr
    same = mt(*command, "--rejects", tmp_path / "out")
    assert "/out: expected another folder for what is dropped than for what is kept" in same.stderr


def test_rejects_are_found_again_in_a_file_that_was_cut(tmp_path):
    lines = [f"Satz {number}\t{'' if number % 7 else 'Sentence'}\n" for number in range(50)]
    (tmp_path / "a.tsv").write_text("".join(lines))
    paths = str(tmp_path / "a.tsv"), str(tmp_path / "out")
    job = plan_cleaning(
        *paths, ("de", "en"), filters=[], rejects=str(tmp_path / "gone"), shard_bytes=100
    )
    assert len(job.plan.shards) > 4
    work(job)
    found = read_json(tmp_path / "gone")
    for each in found:
        behind = "".join(lines)[each["start"] :].split("\n")[each["start"] > 0 :]
        assert behind[each["record"] - 1] == f"{each['source']}\t"
    assert len(found) == 42


@pytest.mark.parametrize(
    ("name", "lines", "dropped"),
    [
        (
            "a.tsv",
            [b"Ja.\tYes.", b"F\xfcr\tFor", b"Nein.", b"Gut\tGood"],
            {2: ("unreadable line", "byte 0xfc", {"raw": "F\\xfcr\tFor"}),
             3: ("no pair", "2", {"source": "Nein.", "target": ""})},
        ),
        (
            "a.jsonl",
            [
                b'{"de": "Ja.", "en": "Yes."}', b"", b'{"de": "Ja", "en', b"[1, 2]",
                b'{"de": "\xff"}',
            ],
            {2: ("no JSON object", "Unterminated string starting at: line 1 column 14 (char 13)",
                 {"raw": '{"de": "Ja", "en'}),
             3: ("no JSON object", "list", {"raw": "[1, 2]"}),
             4: ("unreadable line", "byte 0xff", {"raw": '{"de": "\\xff"}'})},
        ),
        (
            "a.tsv",
            [
                b"Ja.\tYes.", b"\xe4" * 17_000_000, "ä".encode() * 10_001 + b"\xe4",
                ("🙂" * 9_999 + "a🙂").encode() + b"\xe4",
            ],
            {2: ("unreadable line", "more than 16,777,216 bytes", {"raw": r"\xe4" * 2_500 + "…"}),
             3: ("unreadable line", "byte 0xe4", {"raw": "ä" * 10_000 + "…"}),
             4: ("unreadable line", "byte 0xe4", {"raw": "🙂" * 9_999 + "a…"})},
        ),
    ],
)  # fmt: skip
def test_lines_that_cannot_be_read_are_among_the_rejects(name, lines, dropped, tmp_path):
    (tmp_path / name).write_bytes(b"\n".join(lines))
    job = plan_cleaning(
        str(tmp_path / name), str(tmp_path / "out"), ("de", "en"), filters=["duplicates"],
        rejects=str(tmp_path / "gone"),
    )  # fmt: skip
    work(job)
    found = read_json(tmp_path / "gone")
    assert {each["record"] for each in found} == dropped.keys()
    for each in found:
        reason, measure, text = dropped[each["record"]]
        assert each == {
            "file": name, "start": 0, "record": each["record"], "reason": reason,
            "measure": measure, **text,
        }  # fmt: skip
    summary = summarise(job.address)
    counted = Counter(summary["problems"]) + Counter(summary.get("dropped", {}))
    assert counted == Counter(reason for reason, *_ in dropped.values())


def shared(one, other):
    """Return the share of five-letter runs that two texts have in common."""
    sets = [
        {text[place : place + 5] for place in range(max(1, len(text) - 4))}
        for text in map(bare, (one, other))
    ]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@pytest.fixture(scope="module")
def resembling():
    """Pairs, and others that differ in a word, in case and marks, or in all of one side."""
    draw = random.Random(3)
    pairs = [*zip(*parallel_text(120, seed=5), strict=True)]
    more = []
    for number, (source, target) in enumerate(pairs[:90]):
        words = source.split()
        words[draw.randrange(len(words))] = "etwas"
        more.append(
            [
                (source.upper() + "!", f"„{target}“ {number}"),
                (source, f"Ganz anderes, nämlich {draw.random()} {pairs[-1 - number % 30][1]}"),
                (" ".join(words), target),
            ][number % 3]
        )
    more.append(("Ja!", "Yes"))
    more.append(("ja", "yes."))
    both = [*pairs, *more, *pairs[:7]]
    draw.shuffle(both)
    return both


@pytest.mark.slow
def test_near_duplicates_are_those_of_brute_force(resembling, tmp_path):
    write_tsv(tmp_path / "a", resembling)
    output = str(tmp_path / "out")
    job = plan_cleaning(
        str(tmp_path / "a.tsv"), output, ("de", "en"), filters=["duplicates"],
        near_duplicates=True, shard_bytes=8000, rejects=str(tmp_path / "rejects"),
    )  # fmt: skip
    work(job)
    kept, gone = kept_in(tmp_path / "out", ".tsv"), read_json(tmp_path / "rejects")
    summary = summarise(output)
    assert summary["shards"] > 2
    assert summary["dropped"]["duplicate"] == len(resembling) - len(set(resembling)) == 7
    dropped = [
        (each["source"], each["target"]) for each in gone if each["reason"] == "near duplicate"
    ]
    assert summary["dropped"]["near duplicate"] == len(dropped)
    assert Counter(kept + dropped) == Counter(set(resembling))

    def likeness(one, other):
        return shared(one[0], other[0]) * shared(one[1], other[1])

    assert not [each for each in combinations(kept, 2) if likeness(*each) > 0.85]
    for each in dropped:
        assert max(likeness(each, other) for other in set(resembling) - {each}) > 0.2
    assert len(dropped) > 40
    of_one_side = [each for each in resembling if each[1].startswith("Ganz")]
    assert set(of_one_side) <= set(kept)
    texts = {bare(source): target for source, target in kept}
    assert bare("ja") in texts
    lost = tmp_path / "out/a.00001.tsv"
    content, told = lost.read_bytes(), (tmp_path / "rejects/a.00001.jsonl").read_bytes()
    lost.unlink()
    (tmp_path / "out/_mt/completions/00001").unlink()
    job.tidy()
    work(job)
    assert lost.read_bytes() == content
    assert (tmp_path / "rejects/a.00001.jsonl").read_bytes() == told


def test_a_shard_of_which_nothing_is_kept(tmp_path):
    (tmp_path / "in").mkdir()
    write_tsv(tmp_path / "in/a", [("Ja.", ""), ("", "No.")])
    write_tsv(tmp_path / "in/b", [("Ja.", "Yes."), ("ja", "yes")])
    job = plan_cleaning(
        str(tmp_path / "in"), str(tmp_path / "out"), ("de", "en"), near_duplicates=True,
        rejects=str(tmp_path / "gone"),
    )  # fmt: skip
    work(job)
    assert summarise(job.address)["dropped"] == {"blank": 2, "near duplicate": 1}
    [near] = [each for each in read_json(tmp_path / "gone") if each["reason"] == "near duplicate"]
    assert near["measure"] == ""
    assert len(kept_in(tmp_path / "out", ".tsv")) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts open files by /proc")
def test_merging_has_few_files_open(resembling, tmp_path):
    write_tsv(tmp_path / "a", resembling)
    job = plan_cleaning(
        str(tmp_path / "a.tsv"), str(tmp_path / "out"), ("de", "en"), near_duplicates=True,
        shard_bytes=1000,
    )  # fmt: skip
    assert len(job.plan.shards) > 20
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    for stage in job.stages():
        executor = LocalExecutor(**stage)
        merging = stage["tasks"] != len(job.plan.shards)
        if merging:
            few = len([*Path("/proc/self/fd").iterdir()]) + 12
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
        try:
            for rank in range(stage["tasks"]):
                executor._run_for_rank(rank, 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert summarise(job.address)["done"] == len(job.plan.shards)


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
    paths = tmp_path / "a.en", tmp_path / "out"
    done = mt("bulk", "clean", *paths, "--source", "de", "--target", "en")
    assert done.returncode == 2
    assert "expected pairs in JSON Lines, TSV or Parquet, but found plain text" in done.stderr
