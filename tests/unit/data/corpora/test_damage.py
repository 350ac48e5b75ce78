"""Damaged files of every format: one clear line that says where, or the pairs around the damage."""

import bz2
import gzip
import lzma
import re
import tracemalloc

import pytest
from backports import zstd

from mt.data.corpora import (
    CsvConfig,
    JsonLinesConfig,
    Pair,
    PlainTextConfig,
    PoConfig,
    TmxConfig,
    TsvConfig,
    XliffConfig,
)
from mt.errors import DataError
from mt.lines import count_lines, read_lines
from tests.corpora import WRITE

PAIRS = [Pair(f"Source {number}.", f"Target {number}.") for number in range(1, 6)]
LINES = (PlainTextConfig, TsvConfig, CsvConfig, JsonLinesConfig, PoConfig)
XML = (TmxConfig, XliffConfig)
FILES = (*LINES, *XML)

THIRD = b"Target 3."
SAME = PAIRS
WITHOUT_THIRD = [*PAIRS[:2], *PAIRS[3:]]


def third(text: str) -> list[Pair]:
    return [*PAIRS[:2], PAIRS[2]._replace(target=text), *PAIRS[3:]]


def put(content: bytes):
    """Put something into the middle of the third target."""
    return lambda raw: raw.replace(THIRD, b"Target" + content + b" 3.")


def bomb(raw: bytes) -> bytes:
    """Let the third target hold an entity that stands for ten thousand million letters."""
    levels = b"".join(b'<!ENTITY a%d "%s">' % (n + 1, b"&a%d;" % n * 10) for n in range(10))
    doctype = b'<!DOCTYPE x [<!ENTITY a0 "a">' + levels + b"]>"
    raw = re.sub(rb"<!DOCTYPE[^>]*>", b"", raw)
    at = raw.index(b"?>") + 2 if raw.startswith(b"<?xml") else 0
    return raw[:at] + doctype + raw[at:].replace(THIRD, b"&a10;")


def external(raw: bytes) -> bytes:
    """Let the third target be another file."""
    return (
        bomb(raw)
        .replace(b'<!ENTITY a0 "a">', b'<!ENTITY x SYSTEM "file:///etc/passwd">')
        .replace(b"&a10;", b"&x;")
    )


# What is done to which formats; the message, or none; the pairs that come all the same where what
# cannot be read is skipped, or none if nothing can be read behind it.
DAMAGE = [
    ("truncated gzip", FILES, lambda raw: gzip.compress(raw)[:-9],
     r"\(gzip\): expected a compressed file.*\(it ends too early\)", None),
    ("truncated zstd", FILES, lambda raw: zstd.compress(raw)[:-9],
     r"\(zstd\): expected a compressed file.*\(it ends too early\)", None),
    ("flipped zstd", FILES, lambda raw: b"\x28\xb5\x2f\xfd" + raw,
     r"\(zstd\): expected a compressed file.* damaged", None),
    ("invalid UTF-8", LINES, put(b"\xff"), r"line \d+ holds byte 0xff", WITHOUT_THIRD),
    ("invalid UTF-8", XML, put(b"\xff"), r"expected well-formed XML.* line \d+", None),
    ("UTF-16 without a mark", (PlainTextConfig, TsvConfig, CsvConfig, JsonLinesConfig, PoConfig),
     lambda raw: raw.decode().encode("utf-16-le"), "looks like UTF-16LE without", None),
    ("UTF-16 with a mark", FILES,
     lambda raw: raw.decode().replace(' encoding="UTF-8"', "").encode("utf-16"), None, SAME),
    ("NUL", (PlainTextConfig, TsvConfig, CsvConfig, PoConfig), put(b"\0"),
     None, third("Target\0 3.")),
    ("NUL", (JsonLinesConfig,), put(b"\0"),
     r"line 3: expected a JSON object.*control", WITHOUT_THIRD),
    ("NUL", XML, put(b"\0"), r"expected well-formed XML.* line \d+", None),
    ("line ends of Windows", tuple({*FILES} - {CsvConfig}),
     lambda raw: raw.replace(b"\n", b"\r\n"), None, SAME),
    ("line ends of Unix", (CsvConfig,), lambda raw: raw.replace(b"\r\n", b"\n"), None, SAME),
    ("lone CR", (PlainTextConfig, TsvConfig, PoConfig), put(b"\r"), None, third("Target\r 3.")),
    ("lone CR", (CsvConfig,), put(b"\r"), r"begins in line 4 new-line character", WITHOUT_THIRD),
    ("lone CR", (JsonLinesConfig,), put(b"\r"), r"line 3: expected a JSON object", WITHOUT_THIRD),
    ("lone CR", XML, put(b"\r"), None, third("Target 3.")),
    ("U+2028", FILES, put("\u2028".encode()), None, third("Target\u2028 3.")),
    ("mark at the start", FILES, lambda raw: b"\xef\xbb\xbf" + raw, None, SAME),
    ("mark in the middle", FILES, put(b"\xef\xbb\xbf"), None, third("Target\ufeff 3.")),
    ("cut off", XML, lambda raw: raw[: raw.index(THIRD)], r"well-formed XML.* line \d+", None),
    ("unbalanced", XML, put(b"<ph>"), r"well-formed XML.*mismatch.* line \d+", None),
    ("a lone ampersand", XML, put(b" & "), r"well-formed XML.* line \d+", None),
    ("an unknown entity", (TmxConfig,), put(b"&nbsp;"),
     r"line \d+: expected text.*&nbsp;", WITHOUT_THIRD),
    ("an unknown entity", (XliffConfig,), put(b"&nbsp;"),
     r"well-formed XML.*nbsp.* line \d+", None),
    ("entity bomb", XML, bomb, r"line \d+: expected text.*&a10;|amplification", None),
    ("external entity", XML, external, r"line \d+: expected text.*&x;", WITHOUT_THIRD),
    ("an unknown encoding", (TmxConfig,), lambda raw: raw.replace(b"UTF-8", b"Klingon"),
     r"well-formed XML.*Klingon.* line 1", None),
    ("no language", (TmxConfig,), lambda raw: raw.replace(b' xml:lang="en"', b"", 1),
     r"line \d+: expected a language .* unit 1", PAIRS[1:]),
    ("no segment", (TmxConfig,), lambda raw: raw.replace(b"<seg>Target 3.</seg>", b""),
     r"line \d+: expected a segment .* unit 3", WITHOUT_THIRD),
    ("no source", (XliffConfig,), lambda raw: raw.replace(b"<source>Source 3.</source>", b""),
     r"line \d+: expected a source", WITHOUT_THIRD),
    ("a missing column", (TsvConfig, CsvConfig),
     lambda raw: re.sub(rb"[\t,]Target 3.", b"", raw),
     r"expected 2 columns.* line [34] has 1", WITHOUT_THIRD),
    ("an extra column", (TsvConfig, CsvConfig),
     lambda raw: re.sub(rb"([\t,])Target 3.", rb"\1x\1Target 3.", raw),
     r"expected 2 columns.* line [34] has 3", WITHOUT_THIRD),
    ("a quote that is not closed", (CsvConfig,),
     lambda raw: raw.replace(b"Source 3", b'"Source 3'), r"begins in line 4 ", WITHOUT_THIRD),
    *(
        (f"JSON: {content!r}", (JsonLinesConfig,),
         lambda raw, content=content: raw.replace(b'"Target 3."', content), message, WITHOUT_THIRD)
        for content, message in [
            (b"true", "line 3: expected text in de"), (b'["a"]', "line 3: expected text in de"),
            (b'{"a": 1}', "line 3: expected text in de"), (b"x", "line 3: expected a JSON object"),
            (b'"\\ud83d"', "line 3: expected text in de"),
            (b"[" * 100_000, "line 3: expected a JSON object"),
        ]
    ),
    ("a field less", (JsonLinesConfig,), lambda raw: re.sub(rb', "de": "Target 3."', b"", raw),
     "line 3: expected a field de, but found none; known are translation", WITHOUT_THIRD),
    ("a list", (JsonLinesConfig,), lambda raw: b"[" + raw.replace(b"\n", b",") + b"]",
     "line 1: expected a JSON object, but found a list", []),
    ("a broken keyword", (PoConfig,), lambda raw: raw.replace(b'str "Target 3', b'st "Target 3'),
     r"line \d+: expected a keyword", WITHOUT_THIRD),
    ("a quote inside", (PoConfig,), put(b'"'), r"line \d+: expected a keyword", WITHOUT_THIRD),
    ("an endless line", (PlainTextConfig, TsvConfig, CsvConfig, JsonLinesConfig, PoConfig),
     put(b"x" * 3_000_000), r"lines of at most 1,000,000 bytes, but line \d+ has more",
     WITHOUT_THIRD),
    ("an endless text", XML, put(b"x" * 11_000_000), "well-formed XML.*too long.* line", None),
]  # fmt: skip
CASES = [
    pytest.param(kind, *rest, id=f"{kind.__name__}: {name}")
    for name, kinds, *rest in DAMAGE for kind in kinds
]  # fmt: skip


@pytest.mark.parametrize(("kind", "harm", "message", "kept"), CASES)
def test_a_damaged_file(tmp_path, monkeypatch, caplog, kind, harm, message, kept):
    monkeypatch.setattr("mt.lines._LONGEST", 1_000_000)
    corpus = WRITE[kind](tmp_path, PAIRS)
    file = min(tmp_path.glob("a.*"))  # of plain text the targets
    whole = file.read_bytes()
    damaged = harm(whole)
    assert damaged != whole
    file.write_bytes(damaged)
    if message is None:
        assert list(corpus.pairs()) == kept
        corpus.check()
    else:
        for read in (corpus.check, lambda: list(corpus.pairs())):
            with pytest.raises(DataError, match=message) as caught:
                read()
            assert re.match(rf"{file}\b.*: expected .*; .", str(caught.value)), str(caught.value)
            assert "\n" not in str(caught.value)
    skipping = corpus.model_copy(update={"on_error": "skip"})
    if kept is None:
        with pytest.raises(DataError, match=message):
            list(skipping.pairs())
    else:
        assert list(skipping.pairs()) == kept
        if message:
            assert re.search(message, caplog.messages[0])
            assert "1 left out, as they cannot be read" in caplog.messages[-1]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
@pytest.mark.parametrize("read", [count_lines, lambda path: list(read_lines(path, replace=True))])
def test_a_bomb_does_not_fill_the_memory(tmp_path, monkeypatch, pack, read):
    monkeypatch.setattr("mt.lines._LONGEST", 1_000_000)
    (tmp_path / "bomb").write_bytes(pack(b"a\n" + bytes(20_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(
            DataError, match="lines of at most 1,000,000 bytes, but line 2 has more"
        ):
            read(tmp_path / "bomb")
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()
