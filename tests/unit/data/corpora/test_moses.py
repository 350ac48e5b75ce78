"""Folders and archives of text pairs."""

import gzip
import zipfile

import pytest

from mt.data.corpora import MosesConfig, Pair, open_corpus
from mt.errors import DataError
from tests.corpora import moses

PAIRS = [Pair("A dog.", "Ein Hund."), Pair("Two dogs.", "Zwei Hunde.")]


def write(folder, **files: str):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return open_corpus([folder], "en", "de")


def test_a_folder_reads_as_an_archive(tmp_path):
    archive = moses(tmp_path, PAIRS)
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(archive.path).extractall(folder)
    assert list(open_corpus([folder], "en", "de").pairs()) == list(archive.pairs()) == PAIRS
    assert list(open_corpus([folder], "de", "en").pairs()) == [pair[::-1] for pair in PAIRS]


def test_files_may_be_compressed_and_regional(tmp_path):
    (tmp_path / "a.en_GB.gz").write_bytes(gzip.compress(b"A dog.\n"))
    (tmp_path / "a.DE").write_text("Ein Hund.\n")
    assert list(open_corpus([tmp_path], "en", "de").pairs()) == PAIRS[:1]


def test_of_a_file_and_its_compressed_twin_one_is_read(tmp_path):
    corpus = write(tmp_path, a_en="1\n", a_de="a\n", **{"._a_en": "x\n", "._a_de": "y\n"})
    for language in ("en", "de"):
        text = (tmp_path / f"a.{language}").read_bytes()
        (tmp_path / f"a.{language}.gz").write_bytes(gzip.compress(text))
    assert list(corpus.pairs()) == [("1", "a")]


def test_several_pairs_of_files_need_a_name(tmp_path):
    corpus = write(
        tmp_path, b_en="1\n", b_de="a\n", a_en="2\n", a_de="b\n", c_en="3\n", README="x\n"
    )
    with pytest.raises(DataError, match="it holds a, b; set name to what .*, or \\* for all"):
        corpus.check()
    read = {name: list(corpus.model_copy(update={"name": name}).pairs()) for name in ("b", "*")}
    assert read == {"b": [("1", "a")], "*": [("2", "b"), ("1", "a")]}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a_en": "1\n", "README": "x\n"}, r"two files that end with \.en and \.de, but it holds"),
        ({}, "but it holds no files"),
        ({"a_en": "1\n", "a_de": "a\nb\n"}, r"a\.de: expected 1 lines as in .*a\.en, but found 2"),
    ],
)
def test_what_is_missing_is_told(tmp_path, files, message):
    with pytest.raises(DataError, match=message) as caught:
        write(tmp_path, **files).check()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda raw: raw[:-30], "a folder or a ZIP archive, but it cannot be read"),
        (lambda raw: raw.replace(b"\x08\0", b"\x63\0"), "is damaged .*method"),
        (lambda raw: raw[:200] + bytes(60) + raw[260:], "expected .*is damaged|cannot be read"),
        (lambda raw: b"no" + raw[40:-40], "a folder or a ZIP archive, but it cannot be read"),
    ],
)
def test_a_damaged_archive_is_told(tmp_path, harm, message):
    corpus = moses(tmp_path, PAIRS * 50)
    corpus.path.write_bytes(harm(corpus.path.read_bytes()))
    for on_error in ("fail", "skip"):
        with pytest.raises(DataError, match=message) as caught:
            corpus.model_copy(update={"on_error": on_error}).check()
        assert "\n" not in str(caught.value)


def test_an_unreadable_line_of_an_archive_takes_its_pair_alone(tmp_path, caplog):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/a.en", b"1\n2\xff\n3\n")
        archive.writestr("x/a.de", b"a\nb\nc\n")
    corpus = MosesConfig(path=tmp_path / "a.zip", source="en", target="de", on_error="skip")
    assert list(corpus.pairs()) == [("1", "a"), ("3", "c")]
    assert "a.zip: x/a.en: expected UTF-8, but line 2" in caplog.messages[0]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a.docx"], "a.docx: expected two files, .* a folder, but found a.docx"),
        ([], "but found 0 paths"),
        (["a", "b", "c"], "but found 3 paths; give one or two"),
    ],
)
def test_what_people_give_is_explained(paths, message):
    with pytest.raises(DataError, match=message):
        open_corpus(paths, "en", "de")
