"""What every kind of corpus promises."""

import gzip
import os
import re
from pathlib import Path
from typing import get_args

import pytest

from mt.data.corpora import CorpusConfig, Pair, PlainTextConfig
from mt.data.pairs import read_pairs
from mt.errors import DataError
from tests.corpora import WRITE, plain

KINDS = get_args(get_args(CorpusConfig)[0])
PAIRS = [
    Pair("A dog.", "Ein Hund."),
    Pair("a\u2028b \x85 c\u00a0?", "東京 👍🏽"),
    Pair("Two <s> & 'spaces'", 'zwei "drei"'),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    datasets.disable_progress_bars()


every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
def test_pairs_come_as_they_were_written_each_time(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    assert list(corpus.pairs()) == list(corpus.pairs()) == PAIRS
    assert all(isinstance(pair, Pair) for pair in corpus.pairs())


@every_kind
def test_a_blank_side_drops_its_pair_alone(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, [PAIRS[0], Pair("", "Nichts."), *PAIRS[1:], Pair("Some.", "")])
    assert list(read_pairs([corpus])) == PAIRS


@every_kind
def test_a_fingerprint_follows_the_content(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    before = corpus.fingerprint()
    assert corpus.fingerprint() == before
    (tmp_path / "other").mkdir()
    assert WRITE[kind](tmp_path / "other", PAIRS).fingerprint() == before
    assert WRITE[kind](tmp_path / "other", PAIRS[1:]).fingerprint() != before
    swapped = corpus.model_copy(update={"source": corpus.target, "target": corpus.source})
    assert swapped.fingerprint() != before


@every_kind
def test_a_file_changed_in_place_is_noticed(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    before = corpus.fingerprint()
    list(corpus.pairs())
    WRITE[kind](tmp_path, PAIRS[:2])
    for file in tmp_path.iterdir():
        if file.is_file():
            os.utime(file, (1, 1))  # a clock may be coarse
    assert corpus.fingerprint() != before
    assert list(corpus.pairs()) == PAIRS[:2]


@every_kind
def test_a_missing_file_is_one_line(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    for file in tmp_path.glob("a.*"):
        file.unlink()
    for read in (corpus.check, corpus.fingerprint, lambda: list(corpus.pairs())):
        with pytest.raises(DataError, match=r"a\.\w+.*expected") as caught:
            read()
        for line in str(caught.value).splitlines():
            assert re.search(r"a\.\w+\b.*: expected ", line)


@every_kind
def test_what_can_be_read_passes_the_check(kind, tmp_path):
    WRITE[kind](tmp_path, PAIRS).check()


@every_kind
def test_an_empty_file_is_one_line(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    file = max(tmp_path.glob("a.*"))
    file.write_bytes(b"")
    with pytest.raises(DataError, match=rf"^{file}: expected .*; check (it|the \w+)$") as caught:
        corpus.check()
    assert "\n" not in str(caught.value)


@every_kind
def test_a_fingerprint_is_of_the_content_alone(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    before = corpus.fingerprint()
    for file in tmp_path.glob("a.*"):
        os.utime(file)
    assert corpus.fingerprint() == before


@every_kind
def test_a_config_survives_being_written_down(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    assert kind.parse(corpus.model_dump(mode="json"), where="test") == corpus


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [(b"ok\nGr\xfc\xdfe\n", 2, "fc"), (b"\xed\xa0\x80\n", 1, "ed"), (b"ok\nok\n\xff\xfe", 3, "ff")],
    ids=["latin-1", "lone surrogate", "utf-16 mark"],
)
def test_text_that_is_not_utf8_names_the_line(tmp_path, content, line, byte):
    corpus = plain(tmp_path, PAIRS)
    corpus.target.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.de: .* line {line} holds byte 0x{byte}"):
        list(corpus.pairs())


def checked(content: dict[str, bytes], directory: Path, *, suffix: str = "") -> list[str]:
    """Check two files of the given content, and return the lines of what is wrong."""
    paths = {side: directory / f"a.{side}{suffix}" for side in ("en", "de")}
    for side, data in content.items():
        paths[side].write_bytes(data)
    corpus = PlainTextConfig(source=paths["en"], target=paths["de"])
    with pytest.raises(DataError) as caught:
        corpus.check()
    return str(caught.value).splitlines()


def test_the_check_names_what_is_wrong_with_each_file(tmp_path):
    source, target = checked({"de": b"ok\nGr\xfc\xdfe\n"}, tmp_path)
    assert source.endswith("a.en: expected a text file, but it cannot be read (No such file or "
                           "directory); check the path")  # fmt: skip
    assert "a.de: expected UTF-8, but line 2 holds byte 0xfc" in target


@pytest.mark.parametrize("cut", [b"caf\xc3", b"\xff", b"a\n" * 40000 + b"\xe6\x9d"])
def test_the_check_reads_to_the_last_byte(tmp_path, cut):
    [line] = checked({"en": b"a\n", "de": cut}, tmp_path)
    assert f"line {cut.count(10) + 1} holds byte" in line


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\nb\n", 2), (b"a\nb", 2), (b"\n", 1), (b"\xef\xbb\xbfa", 1), (b"a\r\nb\r\n", 2),
        (b"a\rb\n", 1), (b"a\n\n\n", 3), ("\u2028 \x85 a\n".encode(), 1),
        ("京\n".encode() * 30000, 30000),  # more than one block of bytes, cut inside a character
    ],
)  # fmt: skip
def test_the_check_counts_the_lines_that_are_read(tmp_path, content, lines):
    found = checked({"en": content, "de": b"a\n" * (lines + 1)}, tmp_path)
    assert found == [
        f"{tmp_path}/a.de: expected {lines:,} lines as in {tmp_path}/a.en, but found "
        f"{lines + 1:,}; compare the files line by line"
    ]


def test_compressed_files_are_checked_too(tmp_path):
    whole = gzip.compress(b"a\nb\n")
    [line] = checked({"en": whole, "de": whole[:-9]}, tmp_path, suffix=".gz")
    assert "a.de.gz (gzip): expected a compressed file" in line
    [line] = checked({"en": whole, "de": gzip.compress(b"a\n")}, tmp_path, suffix=".gz")
    assert "expected 2 lines" in line


def test_lines_that_end_with_a_carriage_return_alone_are_told(tmp_path):
    [line] = checked({"en": b"a\nb\nc\n", "de": b"a\rb\rc\r"}, tmp_path)
    assert "a.de: expected lines that end with a line feed, but found carriage returns" in line
    assert line.endswith(r"for example with tr '\r' '\n'")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_and_nothing_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "a.de")
    [line] = checked({"en": b"a\n"}, tmp_path)
    assert "a.de: expected a file, but found a pipe or a device, which can be read once" in line
    corpus = PlainTextConfig(source=tmp_path / "a.en", target=tmp_path / "a.de")
    with pytest.raises(DataError, match="found a pipe or a device"):
        corpus.fingerprint()
