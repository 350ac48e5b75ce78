"""What comes out of bulk translation, in each format, and what is said of the rest."""

import bz2
import datetime
import gzip
import json
import lzma

import pyarrow
import pytest
from pyarrow import parquet

from mt.bulk import Translate, TranslateBatches, plan_translation
from mt.bulk.job import get_datafolder
from mt.errors import DataError
from mt.lines import read_lines
from mt.translation import load_translator
from tests.unit.bulk.conftest import BUNDLE, LINES, work


@pytest.fixture(scope="module")
def expected():
    """The translations that `mt translate` finds."""
    translator = load_translator(BUNDLE, "cpu")
    return {
        line: translation.text
        for line, translation in zip(LINES, translator.translate(LINES), strict=True)
    }


def outputs(folder, pattern="*.*"):
    return sorted(path for path in (folder / "out").glob(pattern) if path.is_file())


def read_json(path):
    return [json.loads(line) for line in read_lines(path)]


@pytest.mark.parametrize("ending", ["txt", "txt.gz", "txt.bz2", "txt.xz", "txt.zst"])
def test_lines_of_text_are_lines_of_translations(ending, translate, tmp_path, expected):
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    text = ("\n".join(LINES) + "\n").encode()
    kind = ending.rpartition(".")[2]
    (tmp_path / "in" / f"a.{ending}").write_bytes(compress.get(kind, bytes)(text))
    summary = translate(shard_bytes=100)
    shards = outputs(tmp_path)
    assert len(shards) == summary["shards"] == summary["done"]
    assert len(shards) == (1 if kind in compress else 6)  # that of zst is plain, as its bytes say
    found = [line for shard in shards for line in read_lines(shard)]
    assert found == [expected[line] for line in LINES]
    assert summary["records"] == summary["lines"] == len(LINES)
    assert summary["words"] == sum(len(line.split()) for line in LINES)


def test_objects_keep_their_fields_and_what_is_none_is_counted(translate, tmp_path, expected):
    first, second = LINES[:2]
    good = [
        {"id": 7, "text": first, "deep": {"a": [1.5, None]}, "note": "für\u2028"},
        {"text": f"{first}\n\n{second}"},
    ]
    odd = [{"text": None, "id": 8}, {"id": 9}]
    lines = [json.dumps(each).encode() for each in [*good, *odd]]
    lines += [b"", b"[1]", b'{"text": "a', b'{"text": "\xff"}', b'{"text": ""}']
    (tmp_path / "in" / "a.jsonl").write_bytes(b"\n".join(lines))
    summary = translate()
    good[0]["translation"] = expected[first]
    good[1]["translation"] = f"{expected[first]}\n\n{expected[second]}"
    rest = [each | {"translation": ""} for each in [*odd, {"text": ""}]]
    assert read_json(tmp_path / "out" / "a.00000.jsonl") == [*good, *rest]
    assert summary["records"] == 8
    assert summary["problems"] == {"no text": 2, "no JSON object": 2, "unreadable line": 1}
    [log] = (tmp_path / "out" / "_mt" / "logs").iterdir()
    assert "holds byte 0xff" in log.read_text()


def test_bytes_that_are_no_text_leave_a_blank_line(translate, tmp_path, expected):
    (tmp_path / "in" / "a.en").write_bytes(
        f"{LINES[0]}\n".encode() + b"\xff\n\n" + LINES[1].encode()
    )
    summary = translate()
    found = (tmp_path / "out" / "a.en.00000.txt").read_text().splitlines()
    assert found == [expected[LINES[0]], "", "", expected[LINES[1]]]
    assert summary["problems"] == {"unreadable line": 1}


def test_text_may_become_objects(translate, tmp_path, expected):
    (tmp_path / "in" / "a.en").write_text(f"{LINES[0]}\n")
    translate(form="jsonl")
    [record] = read_json(tmp_path / "out" / "a.en.00000.jsonl")
    assert record == {"source": LINES[0], "translation": expected[LINES[0]]}


def test_rows_keep_their_columns_and_types(translate, tmp_path, expected):
    columns = {
        "id": pyarrow.array(range(4), pyarrow.int16()),
        "when": pyarrow.array([datetime.date(2000, 1, 1)] * 4, pyarrow.date32()),
        "text": pyarrow.array([*LINES[:3], None]),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "in/a.parquet", row_group_size=2)
    summary = translate(shard_bytes=1)
    shards = outputs(tmp_path, "*.parquet")
    assert [path.name for path in shards] == ["a.00000.parquet", "a.00001.parquet"]
    found = pyarrow.concat_tables(map(parquet.read_table, shards))
    wanted = [*(expected[line] for line in LINES[:3]), ""]
    assert found.equals(pyarrow.table({**columns, "translation": wanted}))
    assert summary["problems"] == {"no text": 1}


def test_a_job_goes_on_and_another_one_is_refused(translate, tmp_path):
    text = tmp_path / "in" / "a.en"
    text.write_text("".join(f"{line}\n" for line in LINES))
    first = translate(shard_bytes=100)
    shards = {path: path.read_bytes() for path in outputs(tmp_path)}
    for lost in (0, 2):
        [*shards][lost].unlink()
        (tmp_path / f"out/_mt/completions/{lost:05}").unlink()
    kept = [*shards][1]
    kept.write_text("left alone")
    second = translate(shard_bytes=100)
    assert {path: path.read_bytes() for path in shards} == shards | {kept: b"left alone"}
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    for changed, what in [
        ({"shard_bytes": 200}, "shards"),
        ({"overrides": ["search.size=2"]}, "translation"),
        ({"form": "jsonl"}, "form, shards"),
    ]:
        with pytest.raises(DataError, match=rf"its {what} differ; choose another folder"):
            translate(**{"shard_bytes": 100} | changed)


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({}, {}, "expected a file, a folder or a pattern of files, but found none"),
        ({".hidden": b"a", "_mt/a.txt": b"a"}, {}, "but found none"),
        ({"a.txt": b"", "a.jsonl": b""}, {}, "files of one format, but found jsonl and text"),
        ({"a.json": b"", "a.jsonl": b""}, {}, "another name for its shards"),
        ({"a.parquet": b"no"}, {}, "expected a Parquet file"),
        ({"a.txt": b"no"}, {"form": "parquet"}, "expected text to stay what it is"),
        ({"a.jsonl": b'{"a": 1}\n'}, {}, "texts in the field text, but none of 1 records has one"),
        ({"a.jsonl": b'{"text": "a", "translation": "b"}'}, {}, "expected no field translation"),
        ({"a.txt.gz": b"\x1f\x8b\x08 damaged"}, {}, "it is damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_a_line(files, options, message, translate, tmp_path):
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        translate(**options)
    assert outputs(tmp_path) == []


def test_a_pattern_or_a_file_is_an_input_too(translate, tmp_path):
    for name in ("a.en", "b.en", "c.de"):
        (tmp_path / "in" / name).write_text(LINES[0])
    translate("in/*.en")
    assert [path.name for path in outputs(tmp_path)] == ["a.en.00000.txt", "b.en.00000.txt"]


def test_addresses_are_as_good_as_paths(expected):
    memory = get_datafolder("memory://bulk")
    with memory.open("in/a.en", "wb") as file:
        file.write("\n".join(LINES).encode())
    for path in BUNDLE.iterdir():
        memory.put_file(str(path), f"model/{path.name}")
    job = plan_translation(
        "memory://bulk/model", "memory://bulk/in/a.en", "memory://bulk/out", shard_bytes=100
    )
    work(job)
    found = b"".join(memory.cat_file(name) for name in memory.list_files("out", recursive=False))
    assert found.decode().splitlines() == [expected[line] for line in LINES]


def test_the_step_works_between_steps_of_others(expected):
    from datatrove.data import Document

    documents = (Document(line, str(number)) for number, line in enumerate(LINES))
    found = [*Translate(str(BUNDLE))(documents)]
    assert [each.text for each in found] == LINES
    assert [each.metadata["translation"] for each in found] == [expected[line] for line in LINES]


def test_batches_of_ray_get_a_column(expected):
    numpy = pytest.importorskip("numpy")
    batch = {"text": numpy.array(LINES[:3]), "id": numpy.arange(3)}
    found = TranslateBatches(str(BUNDLE))(batch)
    assert found["translation"] == [expected[line] for line in LINES[:3]]
    assert found["id"] is batch["id"]
