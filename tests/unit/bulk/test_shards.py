"""Every line of a file belongs to one shard, wherever it is cut."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.bulk.formats import format_of, output_name
from mt.bulk.shards import byte_ranges, group_ranges
from mt.lines import is_splittable, read_part

LINES = st.lists(st.text("aé\r", max_size=9), max_size=12)


@settings(deadline=None)  # it writes files
@given(LINES, st.booleans(), st.integers(1, 40))
def test_parts_of_a_file_are_its_lines_in_their_order(lines, ends, most):
    content = ("\n".join(lines) + "\n" * ends).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        path.write_bytes(content)
        parts = [read_part(path, *each) for each in byte_ranges(len(content), most)]
    assert b"".join(parts) == content
    assert all(part.endswith(b"\n") for part in [*filter(None, parts)][:-1])
    assert max(map(len, parts)) <= most + 2 * max(map(len, content.split(b"\n"))) + 2


@given(st.lists(st.integers(1, 50), max_size=12), st.integers(1, 100))
def test_row_groups_are_each_in_one_range(sizes, most):
    ranges = list(group_ranges(sizes, most))
    assert [group for start, end in ranges for group in range(start, end)] == [*range(len(sizes))]
    for start, end in ranges:
        assert sum(sizes[start:end]) <= most or end == start + 1


@pytest.mark.parametrize(
    ("content", "splittable"),
    [
        (b"", True),
        ("für\n".encode(), True),
        ("für\n".encode("utf-16"), False),
        ("a b\nc d\n".encode("utf-16-le"), False),
        (b"\x1f\x8b\x08\x00", False),
    ],
)
def test_what_is_compressed_or_wide_is_not_split(content, splittable, tmp_path):
    (tmp_path / "text").write_bytes(content)
    assert is_splittable(tmp_path / "text") is splittable


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("a/news.en", "text", "a/news.en.00003.txt"),
        ("news.txt.gz", "text", "news.00003.txt.gz"),
        ("v1.2", "text", "v1.2.00003.txt"),
        ("a.jsonl.zst", "jsonl", "a.00003.jsonl.zst"),
        ("a.json", "jsonl", "a.00003.jsonl"),
        ("a.txt", "jsonl", "a.txt.00003.jsonl"),
        ("a.tab.xz", "tsv", "a.00003.tsv.xz"),
        ("a.parquet", "parquet", "a.00003.parquet"),
    ],
)
def test_names_of_shards_tell_what_they_are_of(name, form, expected):
    assert output_name(name, 3, form) == expected


def test_formats_are_known_by_their_names():
    names = ["a", "a.en.bz2", "a.tsv.gz", "a.ndjson.gz", "a.JSON", "a.parquet"]
    assert [*map(format_of, names)] == ["text", "text", "tsv", "jsonl", "jsonl", "parquet"]
