import gzip

import pytest

from mt.data.corpora import Pair, PlainTextConfig
from mt.data.pairs import PairCounts, read_pairs
from mt.errors import DataError


def test_a_blank_side_drops_the_pair_and_shifts_nothing(write):
    corpus = write("one\ntwo\nthree\nfour\n", "eins\n\ndrei\n \u00a0\t\n")
    assert list(read_pairs([corpus])) == [Pair("one", "eins"), Pair("three", "drei")]


@pytest.mark.parametrize("side", [0, 1])
def test_either_side_may_be_blank(write, side):
    texts = ["1\n2\n3\n4\n", "a\nb\nc\nd\n"]
    texts[side] = texts[side].replace(texts[side][4], "")
    assert list(read_pairs([write(*texts)])) == [("1", "a"), ("2", "b"), ("4", "d")]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0c", "\x0b", "\x1c", "\r"])
def test_only_a_line_feed_ends_a_line(write, character):
    corpus = write(f"one{character}more\ntwo\n", "eins\nzwei\n")
    assert list(read_pairs([corpus])) == [(f"one{character}more", "eins"), ("two", "zwei")]


def test_windows_files_and_a_missing_last_line_feed(write):
    corpus = write(b"\xef\xbb\xbfone\r\ntwo\r\n", b"eins\nzwei")
    assert list(read_pairs([corpus])) == [("one", "eins"), ("two", "zwei")]


def test_corpora_follow_each_other(write):
    corpora = [write("1\n", "a\n", "first"), write("2\n", "b\n", "second")]
    assert list(read_pairs(corpora)) == [("1", "a"), ("2", "b")]


def test_no_pairs_are_an_error_that_names_the_files(write):
    corpus = write("one\n\n", "\nzwei\n")
    with pytest.raises(DataError, match=r"text\.src and .*text\.tgt: .* none with text on both"):
        list(read_pairs([corpus]))
    with pytest.raises(DataError, match="^data: expected sentence pairs"):
        list(read_pairs([]))


def test_an_empty_corpus_beside_another_is_no_error(write):
    assert list(read_pairs([write("", "", "none"), write("1\n", "a\n")])) == [("1", "a")]


@pytest.mark.parametrize(
    ("dropped", "line"),
    [
        ({}, "1,234 read, none dropped, 1,234 kept"),
        ({"blank": 1000}, "1,234 read, 1,000 blank dropped, 234 kept"),
        ({"too long": 4, "blank": 3}, "1,234 read, 3 blank and 4 too long dropped, 1,227 kept"),
        ({"c": 1, "b": 1, "a": 1}, "1,234 read, 1 a, 1 b and 1 c dropped, 1,231 kept"),
    ],
)
def test_counts_fit_on_a_line(dropped, line):
    assert str(PairCounts(1234, dropped)) == line


def test_counts_add_up():
    total = PairCounts(5, {"blank": 1, "too long": 2}) + PairCounts(7, {"blank": 1, "other": 3})
    assert total == PairCounts(12, {"blank": 2, "too long": 2, "other": 3})


def test_reading_is_a_stream(write):
    pairs = write("1\n" * 10, "a\n" * 10).pairs()
    assert next(pairs) == ("1", "a")
    pairs.close()


@pytest.mark.parametrize(("sources", "targets"), [(7, 5), (5, 7), (0, 2), (3, 2)])
def test_unequal_files_tell_both_lengths(write, sources, targets):
    corpus = write("s\n" * sources, "t\n" * targets)
    expected = rf"text\.tgt: expected {sources} lines as in .*text\.src, but found {targets};"
    with pytest.raises(DataError, match=expected):
        list(corpus.pairs())


def test_compressed_files_read_the_same(write, tmp_path):
    plain = write("one\ntwo\n", "eins\nzwei\n")
    packed = tmp_path / "text.src.gz"
    packed.write_bytes(gzip.compress(plain.source.read_bytes()))
    assert list(PlainTextConfig(source=packed, target=plain.target).pairs()) == list(plain.pairs())


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damaged_compression_is_explained(write, tmp_path, damage):
    good = gzip.compress(bytes(range(97, 123)) * 99)
    flipped = good[:20] + bytes([good[20] ^ 255]) + good[21:]
    content = {"truncated": good[:-12], "flipped": flipped}[damage]
    packed = tmp_path / "text.gz"
    packed.write_bytes(content)
    with pytest.raises(DataError, match=r"text\.gz \(gzip\): expected a compressed file"):
        list(PlainTextConfig(source=packed, target=packed).pairs())
