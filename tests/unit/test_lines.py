"""Text is read as the world writes it, line by line."""

import bz2
import codecs
import gzip
import lzma
import os
import pickle
import sys

import pytest
from backports import zstd

import mt.lines as lines_module
from mt.errors import DataError
from mt.lines import count_lines, each_line, read_lines, read_stdin


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\r\r\n", ["a\r"]),
        (b"a\rb\n", ["a\rb"]),
        (b"\xef\xbb\xbfa\nb\n", ["a", "b"]),
        (b"a\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        ("a\u2028b\u2029c\x0bd\x0ce\x1cf\x85g\n".encode(), ["a\u2028b\u2029c\x0bd\x0ce\x1cf\x85g"]),
        (b" a \t\n", [" a \t"]),
    ],
)
def test_only_a_newline_ends_a_line(tmp_path, raw, lines):
    (tmp_path / "text").write_bytes(raw)
    assert list(read_lines(tmp_path / "text")) == lines


@pytest.mark.parametrize(
    ("raw", "line", "byte"),
    [
        (b"a\nb\nGr\xf6\xdfe\n", 3, "0xf6"),
        (b"a\xff\xfea\n", 1, "0xff"),
        (b"\xef\xbb\xbfab\xf6\n", 1, "0xf6"),
    ],
)
def test_what_is_not_utf_8_is_named_by_line_and_byte(tmp_path, raw, line, byte):
    (tmp_path / "corpus.de").write_bytes(raw)
    for read in (count_lines, lambda path: list(read_lines(path))):
        with pytest.raises(DataError, match=f"corpus.de: .* line {line} holds byte {byte} .*iconv"):
            read(tmp_path / "corpus.de")


def test_the_error_of_a_line_passes_between_processes():
    [found] = each_line(iter([b"a\xff\n"]), "text")
    again = pickle.loads(pickle.dumps(found))
    assert "text: expected UTF-8, but line 1 holds byte 0xff" in str(again)
    assert (str(again), again.raw, again.found) == (str(found), b"a\xff", "byte 0xff")


def test_lines_before_a_wrong_one_still_come(tmp_path):
    (tmp_path / "corpus.de").write_bytes(b"a\n\xff\n")
    lines = read_lines(tmp_path / "corpus.de")
    assert next(lines) == "a"
    with pytest.raises(DataError):
        next(lines)


def test_what_is_not_utf_8_is_replaced_on_request_and_told(tmp_path, caplog):
    raw = b"a\n" + b"caf\xe9\n" * 12 + b"\xf0\x9f\x98"
    (tmp_path / "corpus.de").write_bytes(raw)
    assert list(read_lines(tmp_path / "corpus.de", replace=True)) == [
        "a", *["caf\ufffd"] * 12, "\ufffd"
    ]  # fmt: skip
    [told] = caplog.messages
    assert told.endswith("became U+FFFD in 13 lines (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …)")


TEXT = "Größe\r\n😀 a\u2028b\n\nlast"
LINES = ["Größe", "😀 a\u2028b", "", "last"]
AS_THE_WORLD_WRITES_IT = {
    "UTF-8": TEXT.encode(),
    "UTF-8 with a mark": TEXT.encode("utf-8-sig"),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16BE": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "gzip": gzip.compress(TEXT.encode()),
    "gzip of UTF-16": gzip.compress(TEXT.encode("utf-16")),
    "two gzip members": gzip.compress(TEXT.encode()[:7]) + gzip.compress(TEXT.encode()[7:]),
    "bzip2": bz2.compress(TEXT.encode()),
    "bzip2, first an empty member": bz2.compress(b"") + bz2.compress(TEXT.encode()),
    "zstd": zstd.compress(TEXT.encode()),
    "two zstd frames": zstd.compress(TEXT.encode()[:7]) + zstd.compress(TEXT.encode()[7:]),
    "xz": lzma.compress(TEXT.encode()),
}


@pytest.mark.parametrize("raw", AS_THE_WORLD_WRITES_IT.values(), ids=AS_THE_WORLD_WRITES_IT)
@pytest.mark.parametrize("block", [1, 3, 1 << 16])
def test_encodings_and_compression_are_recognised(tmp_path, monkeypatch, raw, block):
    monkeypatch.setattr(lines_module, "_BLOCK", block)
    (tmp_path / "text").write_bytes(raw)
    assert list(read_lines(tmp_path / "text")) == LINES
    assert count_lines(tmp_path / "text") == len(LINES)


@pytest.mark.parametrize("codec", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
@pytest.mark.parametrize(
    "text", ["\n\nEin Hund läuft.\n", "Собака бежит 😀.\n", "你好。\n狗跑。\n"]
)
def test_wide_encodings_without_a_mark_are_told(tmp_path, codec, text):
    (tmp_path / "text").write_bytes(text.encode(codec))
    with pytest.raises(DataError, match=f"text: .*looks like {codec} .* `iconv -f {codec} -t UTF"):
        list(read_lines(tmp_path / "text", replace=True))


@pytest.mark.parametrize("text", ["a\0b\n\0c\n", "a\0\0b\n", "\0\0\n", "Ein\0Hund läuft\0\n"])
def test_zeros_in_a_text_are_no_wide_encoding(tmp_path, text):
    (tmp_path / "text").write_text(text, encoding="utf-8", newline="")
    assert list(read_lines(tmp_path / "text")) == text.split("\n")[:-1]


@pytest.mark.parametrize(
    ("kind", "harm"),
    [
        *((kind, lambda raw: raw[:-9]) for kind in ("gzip", "bzip2", "xz", "zstd")),
        *((kind, lambda raw: raw[:20] + raw[21:]) for kind in ("gzip", "bzip2", "xz")),
    ],
)
def test_damaged_compression_is_one_line(tmp_path, kind, harm):
    (tmp_path / "text").write_bytes(harm(AS_THE_WORLD_WRITES_IT[kind]))
    with pytest.raises(DataError, match=rf"text \({kind}\): .*damaged.*; compress or copy it"):
        list(read_lines(tmp_path / "text"))


def test_a_broken_utf_16_is_one_line(tmp_path):
    (tmp_path / "text").write_bytes("ab".encode("utf-16") + b"\xd8")
    with pytest.raises(DataError, match="text: expected UTF-16, as its beginning says"):
        list(read_lines(tmp_path / "text"))


def test_a_line_comes_as_soon_as_it_is_there():
    reading, writing = os.pipe()
    with os.fdopen(reading) as pipe, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", pipe)
        lines = read_stdin()
        for line in ("a", "B", "\x1f", "xyz"):
            os.write(writing, line.encode() + b"\n")
            assert next(lines) == line
        os.close(writing)
        assert not list(lines)


@pytest.mark.parametrize("length", [-1, 0, 1])
def test_what_has_no_line_feeds_is_no_text(tmp_path, monkeypatch, length):
    monkeypatch.setattr(lines_module, "_LONGEST", 200_000)
    (tmp_path / "text").write_bytes(b"a\n" + b"b" * (200_000 + length) + b"\nc\n")
    for read in (count_lines, lambda path: len(list(read_lines(path, replace=True)))):
        if length <= 0:
            assert read(tmp_path / "text") == 3
        else:
            with pytest.raises(
                DataError, match="at most 200,000 bytes, but line 2 has more; check"
            ):
                read(tmp_path / "text")


def test_a_file_of_another_machine_is_read_by_its_address():
    import fsspec

    with fsspec.open("memory://folder/text.gz", "wb") as file:
        file.write(gzip.compress(TEXT.encode()))
    assert list(read_lines("memory://folder/text.gz")) == LINES
    with pytest.raises(
        DataError, match="memory://folder/none: expected a text file, but it cannot"
    ):
        list(read_lines("memory://folder/none"))


@pytest.mark.parametrize(
    ("address", "reason"),
    [("klingon://a", "klingon"), ("ftps://a b", "ftps"), ("s3://b/a", "s3fs")],
)
def test_an_address_that_needs_another_package_is_told(monkeypatch, address, reason):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(
        DataError, match=f"{address}: expected a text file, .*{reason}.*; "
    ) as caught:
        list(read_lines(address))
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="nowhere: expected a text file.*No such file"):
        list(read_lines(tmp_path / "nowhere"))


def test_a_directory_is_no_text(tmp_path):
    with pytest.raises(DataError, match="expected a text file.*Is a directory"):
        list(read_lines(tmp_path))
