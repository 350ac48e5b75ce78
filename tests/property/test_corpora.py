"""Whatever pairs are written in whatever format come back: none doubled, dropped or shifted."""

import bz2
import gc
import gzip
import lzma
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.data.corpora import (
    HuggingFaceConfig,
    MosesConfig,
    Pair,
    PlainTextConfig,
    PoConfig,
    TmxConfig,
    TsvConfig,
    XliffConfig,
)
from mt.lines import count_lines, read_lines
from tests.corpora import WRITE

OPEN_FILES = Path("/proc/self/fd")
ODD = "\ufeff\u2028\u2029\x85\x0b\x0c\x1c\x00\r\"'\\,;\t&<>]|#%~ \u00a0\u3000"
characters = st.one_of(
    st.sampled_from(ODD),
    st.characters(exclude_categories=["Cs"], exclude_characters="\n"),
)
texts = st.text(characters, max_size=12)
lists = st.lists(st.builds(Pair, texts, texts), min_size=1, max_size=8)
_NO_XML = re.compile("[^\t\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_xml(text: str) -> str:
    """Leave out what XML cannot hold, and normalise white space."""
    return re.sub(r"[ \t\r\n]+", " ", _NO_XML.sub("", text)).strip(" ")


def kept(kind: type, pairs: list[Pair]) -> list[Pair]:
    """Return what a format can hold of some pairs."""
    if kind in {TmxConfig, XliffConfig}:
        return [Pair(*map(as_xml, pair)) for pair in pairs]
    if kind in {PlainTextConfig, MosesConfig, TsvConfig}:
        # Carriage returns at the end of a line belong to that, and tabs of a table to the table.
        pairs = [
            Pair(*(re.sub("\r+$", "", side.replace("\t", " ")) for side in pair)) for pair in pairs
        ]
        # A mark at the very start says how the file is encoded.
        pairs[0] = Pair(*(side.removeprefix("\ufeff") for side in pairs[0]))
    return pairs


@pytest.mark.parametrize("kind", WRITE.keys() - {HuggingFaceConfig}, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=25)
@given(pairs=lists)
def test_pairs_come_back(kind, pairs):
    pairs = kept(kind, pairs)
    with tempfile.TemporaryDirectory() as directory:
        corpus = WRITE[kind](Path(directory), pairs)
        found = list(corpus.pairs())
    if kind in {XliffConfig, PoConfig}:  # what is not translated is none
        pairs = [pair for pair in pairs if pair.source and pair.target]
    assert found == pairs


@settings(deadline=None, max_examples=25)
@given(lines=st.lists(st.text(characters, max_size=6)), ended=st.booleans())
def test_lines_are_counted_as_wc_does(lines, ended):
    raw = "\n".join([*lines, ""] if ended else lines).encode()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "text")
        path.write_bytes(b"x" + raw)  # no mark, and no sign of compression
        done = subprocess.run(["wc", "-l", path], capture_output=True, check=True)
        counted = int(done.stdout.split()[0])
        last = not (b"x" + raw).endswith(b"\n")
        assert len(list(read_lines(path))) == counted + last
        if counted or b"\r" not in raw:  # else it is refused
            assert count_lines(path) == counted + last


@settings(deadline=None, max_examples=25)
@given(
    raw=st.binary(max_size=300),
    cut=st.integers(0, 300),
    pack=st.sampled_from([gzip.compress, bz2.compress, lzma.compress, zstd.compress]),
)
def test_compressed_files_of_several_members_read_as_one(raw, cut, pack):
    text = raw.hex("\n", 7).encode()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "text")
        path.write_bytes(pack(text[:cut]) + pack(text[cut:]))
        assert "\n".join(read_lines(path)) == text.decode()


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="the system does not list open files")
@pytest.mark.parametrize("kind", WRITE.keys() - {HuggingFaceConfig}, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("read", [0, 1, 3])
def test_a_reader_that_is_left_keeps_no_file_open(kind, read, tmp_path):
    corpus = WRITE[kind](tmp_path, [Pair(f"source {n}", f"target {n}") for n in range(5000)])
    gc.disable()
    try:
        before = len(list(OPEN_FILES.iterdir()))
        pairs = corpus.pairs()
        assert [next(pairs).source for _ in range(read)] == [f"source {n}" for n in range(read)]
        pairs.close()
        del pairs
        assert len(list(OPEN_FILES.iterdir())) == before
    finally:
        gc.enable()
